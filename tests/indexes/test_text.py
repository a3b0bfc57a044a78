from __future__ import annotations

import time
from datetime import date

import pytest

from indexes.text import (
    NAMED,
    Haystack,
    Period,
    article_number,
    as_written,
    asked_symbols,
    chinese_number,
    content_terms,
    has_number,
    identifiers,
    language,
    names,
    normalize,
    numbers,
    period_spans,
    periods,
    phrase_terms,
    sentences,
    symbol_terms,
    tokens,
)

TODAY = date(2025, 2, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＡＢＣ１２３", "abc123"),
        ("環境影響評價報告書", "环境影响评价报告书"),
        ("投資Completion率", "投资completion率"),
        ("ﬁne", "fine"),
        ("", ""),
    ],
)
def test_normalize_unites_writings(text: str, expected: str) -> None:
    """Width, case and traditional characters make no difference."""
    assert normalize(text) == expected


def test_normalize_is_stable() -> None:
    """Normalising what is normal changes nothing."""
    once = normalize("臺北１０１大樓 Tower")
    assert normalize(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("东站项目的环保措施有哪些？", "zh"),
        ("請問環保措施", "zh"),
        ("What are the mitigation measures?", "en"),
        ("EIA报告", "zh"),
        ("Where in the whole of the long report is the small town of 东站 named?", "en"),
        ("123", "en"),
        ("", "en"),
    ],
)
def test_language(text: str, expected: str) -> None:
    """A text is Chinese when Chinese characters carry a good part of it."""
    assert language(text) == expected


@pytest.mark.parametrize(
    ("left", "right", "shared"),
    [
        ("第三季度", "2024Q3", "~q3"),
        ("2024年三季度", "third quarter of 2024", "~q3"),
        ("二〇二四年", "2024", "~y2024"),
        ("第十二条", "Article 12", "§12"),
        ("環保措施", "环保", "环保"),
        ("meetings", "meeting", "meet"),
        ("1,234.5万元", "1234.5", "1234.5"),
        ("施工EIA报告", "eia", "eia"),
        ("噪声治理措施", "治理", "治理"),
        ("makeChatModel", "make_chat_model", "makechatmodel"),
        ("MAKE_CHAT_MODEL", "MakeChatModel在哪里定义", "makechatmodel"),
        ("chat models", "makeChatModel", "model"),
        ("HTMLReader", "an HTML file", "html"),
        ("load_HTMLReader", "reader", "reader"),
        ("parseURLs", "URLs", "url"),
    ],
)
def test_tokens_meet(left: str, right: str, shared: str) -> None:
    """Different writings of the same thing share a search term."""
    assert shared in tokens(left)
    assert shared in tokens(right)


@pytest.mark.parametrize(("text", "grain"), [("声屏障", "屏障"), ("管网顶管", "网顶")])
def test_tokens_hold_every_bigram(text: str, grain: str) -> None:
    """Segmentation cannot hide two neighbouring characters."""
    assert grain in tokens(text)


@pytest.mark.parametrize(
    "text",
    [
        "dB(A)和kWh",
        "pH值为7.2",
        "PM10与C30P8",
        "a 40 m long wall",
        "第三季度Q3",
        "mg/L",
        "2023_10K",
        "3_a",
    ],
)
def test_ordinary_words_are_no_names_of_code(text: str) -> None:
    """Units, grades and formulas are not taken apart."""
    assert len(tokens(text)) == len(tokens(text.lower()))


@pytest.mark.parametrize(
    ("symbol", "question"),
    [
        ("make_chat_model", "What does makeChatModel do?"),
        ("weigh", "weigh 是做什么的"),
        ("Registry.search", "Where is Registry.search defined?"),
        ("Registry.search", "search of Registry"),
        ("Registry.search", "Registry 的 `search` 在哪里"),
        ("Walk._below", "what is Walk._below for"),
        ("Reference.of", "explain `of` in Reference"),
        ("Outer.Inner.run", "Inner.run"),
    ],
)
def test_a_question_asks_for_a_symbol(symbol: str, question: str) -> None:
    """Whatever the writing, the terms of a definition are among those that a question looks for."""
    assert set(symbol_terms(symbol)) <= {
        term for terms in asked_symbols(question) for term in terms
    }


def test_function_words_name_no_symbol() -> None:
    """A plain function word is not looked for as a symbol."""
    assert asked_symbols("Where is it and what of that?") == ([], [])


def test_tokens_of_nothing() -> None:
    """A text without words has no tokens."""
    assert tokens("") == tokens("？！ …") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024年", ["2024"]),
        ("二零二三年", ["2023"]),
        ("24年三季度", ["2024Q3"]),
        ("2024年第三季度", ["2024Q3"]),
        ("2024 Q3", ["2024Q3"]),
        ("2024年度第四季度", ["2024Q4"]),
        ("Q2 2024", ["2024Q2"]),
        ("the third quarter of 2024", ["2024Q3"]),
        ("2024年上半年", ["2024H1"]),
        ("the second half of 2023", ["2023H2"]),
        ("2024-05-17", ["2024-05-17"]),
        ("2024年5月17日", ["2024-05-17"]),
        ("2024/5", ["2024-05"]),
        ("May 2024", ["2024-05"]),
        ("May 17, 2024", ["2024-05-17"]),
        ("2023年和2024年", ["2023", "2024"]),
        ("2024-2025年", ["2024", "2025"]),
        ("2024Q1到2024Q3", ["2024Q1", "2024Q3"]),
    ],
)
def test_periods_named(text: str, expected: list[str]) -> None:
    """Years, halves, quarters, months and days are read in both languages."""
    assert [period.iso() for period in periods(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今年", "2025"),
        ("去年的数据", "2024"),
        ("前年", "2023"),
        ("明年", "2026"),
        ("去年三季度", "2024Q3"),
        ("今年上半年", "2025H1"),
        ("本季度", "2025Q1"),
        ("上季度", "2024Q4"),
        ("last quarter", "2024Q4"),
        ("本月", "2025-02"),
        ("上个月", "2025-01"),
        ("last month", "2025-01"),
        ("last year", "2024"),
    ],
)
def test_periods_relative(text: str, expected: str) -> None:
    """Relative words count from today."""
    assert [period.iso() for period in periods(text, today=TODAY)] == [expected]


def test_periods_relative_cross_the_year() -> None:
    """The month before January is December of the year before."""
    assert [p.iso() for p in periods("上个月", today=date(2025, 1, 31))] == ["2024-12"]


@pytest.mark.parametrize("text", ["去年", "last quarter", "上个月"])
def test_periods_relative_need_today(text: str) -> None:
    """Without a today, relative words name no period."""
    assert periods(text) == []


@pytest.mark.parametrize(
    "text", ["2024万元", "2024户", "12024.5", "3号楼", "5号线一期", "编号20245", "施工方案", ""]
)
def test_periods_absent(text: str) -> None:
    """Amounts, counts and codes are no periods."""
    assert periods(text, today=TODAY) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第四季度", Period(quarter=4)),
        ("一季度", Period(quarter=1)),
        ("十二月", Period(month=12)),
        ("12月31日", Period(month=12, day=31)),
        ("下半年", Period(half=2)),
    ],
)
def test_periods_without_year(text: str, expected: Period) -> None:
    """A part of a year without the year has no ISO form."""
    assert periods(text) == [expected]
    assert expected.iso() == ""


def test_period_spans_point_into_the_text() -> None:
    """Each period's offsets cut out its wording."""
    text = "对比2023年和2024年三季度的纳统金额"
    assert [text[a:b] for a, b, _ in period_spans(text)] == ["2023年", "2024年三季度"]


@pytest.mark.parametrize(
    ("question", "present", "absent"),
    [
        ("东站项目的环保措施有哪些？", ["东站", "环保", "措施"], ["的", "有", "哪些"]),
        ("請問東站的環保措施", ["东站", "环保", "措施"], ["请问"]),
        ("What does the plan say about dust?", ["plan", "dust"], ["what", "the", "about"]),
        ("2024年三季度的纳统金额是多少", ["~y2024", "~q3", "纳统"], ["2024", "多少"]),
        ("招标办法第十二条怎么规定", ["§12", "招标"], ["怎么"]),
        ("5号线的EIA结论", ["5号线", "eia", "结论"], ["5"]),
        ("what does make_chat_model return", ["makechatmodel"], ["make", "chat", "model"]),
    ],
)
def test_content_terms(question: str, present: list[str], absent: list[str]) -> None:
    """What a question is about stays, what only shapes it goes."""
    found = content_terms(question)
    assert set(present) <= set(found)
    assert not set(absent) & set(found)


@pytest.mark.parametrize("question", ["怎么样？", "请问一下", "what is it", "", "？"])
def test_content_terms_of_no_topic(question: str) -> None:
    """A question without a topic has no terms."""
    assert content_terms(question) == {}


def test_content_terms_weigh_names_most() -> None:
    """Names and numbers say more than nouns, nouns more than verbs."""
    found = content_terms("怎么控制C30混凝土的浇筑")
    assert found["c30"] == NAMED > found["混凝土"] > found["控制"]
    assert content_terms("Is the Acme budget good?")["acm"] == NAMED


@pytest.mark.parametrize(
    ("passage", "term", "expected"),
    [
        ("施工期噪声防治措施", "噪声", 1.0),
        ("meetings are held", "meet", 1.0),
        ("第三季度完成投资", "~q3", 1.0),
        ("计划总投资", "计划投资", pytest.approx(0.8 * 2 / 3)),
        ("加强环境保护工作", "环保", 0.8),
        ("环路东侧，环境保护", "环保", 0.8),
        ("环境 保护", "环保", 0.0),
        ("环境保", "环保", 0.0),
        ("2024年共1,234项", "1234", 1.0),
        ("2024年共1,234项", "~y2024", 1.0),
        ("2024年共1,234项", "234", 0.0),
        ("施工期噪声", "扬尘", 0.0),
        ("def make_chat_model(chain):", "makechatmodel", 1.0),
        ("class ChatModel:", "chat", 1.0),
        ("def make_chat_model(chain):", "makeimagemodel", 0.0),
        ("the noise barrier", "dust", 0.0),
    ],
)
def test_share_in(passage: str, term: str, expected: float) -> None:
    """A passage has a term wholly, by its bigrams, or not at all."""
    assert Haystack(passage).share(term) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("张三和李四去了北京", ["张三", "李四", "北京"]),
        ("What is the Qinglong Lake project of Acme?", ["Qinglong", "Lake", "Acme"]),
        ("Plans are made in spring.", []),
        ("5号线用C30混凝土", ["5号线", "c30"]),
    ],
)
def test_names(text: str, expected: list[str]) -> None:
    """Proper names and identifiers are found, capitals at the start of a sentence are not."""
    assert [name.lower() for name in names(text)] == [name.lower() for name in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5号线和3号楼", ["5号线", "3号楼"]),
        ("T7地块用C30", ["t7", "c30"]),
        ("2024Q3", []),
        ("5月3号的会", []),
        ("Q3 and H1", []),
        ("12#塔吊", ["12#"]),
        ("没有编号", []),
    ],
)
def test_identifiers(text: str, expected: list[str]) -> None:
    """Names with numbers are told from dates and quarters."""
    assert identifiers(text) == expected


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("建设银行", "中国建设银行股份有限公司"),
        ("人民政府", "临江市人民政府办公室"),
        ("建設銀行", "中国建设银行"),
        ("Annual report", "The annual reports of 2023"),
        ("2023年报告", "二〇二三年报告，即2023年报告"),
        ("泵", "泵"),
    ],
)
def test_terms_of_a_phrase_are_in_every_text_that_has_it(phrase: str, text: str) -> None:
    """A phrase is met however the text around it is cut into words."""
    assert phrase_terms(phrase)
    assert set(phrase_terms(phrase)) <= set(tokens(text))


@pytest.mark.parametrize("text", ["", "？", " \n"])
def test_phrase_without_words(text: str) -> None:
    """Signs alone give no terms."""
    assert phrase_terms(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("第十二条", 12),
        ("第 3 条", 3),
        ("根据第一百零五条和第二条", 105),
        ("第二十条之一", 20),
        ("see Article 12", 12),
        ("第12條", 12),
        ("没有条款", None),
        ("particle 12", None),
    ],
)
def test_article_number(text: str, expected: int | None) -> None:
    """The first article named is read in digits, Chinese numerals and English."""
    assert article_number(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("十", 10), ("二十三", 23), ("一百零五", 105), ("两千", 2000), ("12", 12)],
)
def test_chinese_number(text: str, expected: int) -> None:
    """Numerals are read in Chinese and in digits."""
    assert chinese_number(text) == expected


def test_numbers_without_separators() -> None:
    """Figures are read whatever their width and separators."""
    assert numbers("1,234.5万元和３０%") == ["1234.5", "30"]


@pytest.mark.parametrize("text", ["", "无", "1,234.5万元", "３０%", "①", "十二"])
def test_has_number(text: str) -> None:
    """A text has a number if one is read from it."""
    assert has_number(text) == bool(numbers(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("你好。今天下雨！真的吗？是", ["你好。", "今天下雨！", "真的吗？", "是"]),
        ("“好。”他说；然后走了。", ["“好。”", "他说；", "然后走了。"]),
        ("It costs 3.5 yuan. Next one.", ["It costs 3.5 yuan.", "Next one."]),
        ("共5.2公里。Ends here. 完", ["共5.2公里。", "Ends here. 完"]),
        ("一\n\n二", ["一", "二"]),
        (" \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    """Sentences end at marks and line breaks, never inside a number."""
    assert [sentence for _, sentence in sentences(text)] == expected


def test_sentences_know_their_offsets() -> None:
    """Each offset finds its sentence again, and no letter is lost."""
    text = "  前言。 The dust limit is 0.5 mg. 第二句！\n\n尾声"
    found = sentences(text)
    assert all(text[at : at + len(sentence)] == sentence for at, sentence in found)
    assert "".join("".join(s.split()) for _, s in found) == "".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "第" * 10**6,
        f"第{'1' * 10**6}条",
        "2024年" * 200_000,
        f"2024年{' ' * 10**6}的{' ' * 10**6}",
        "q1 " * 300_000,
        "1.1." * 250_000,
        "(" * 10**6,
        "aaaa-1-1-1" * 100_000,
        "a" * 10**6,
        "the " * 250_000,
        "a. " * 300_000,
        "防" * 10**6,
        "a_" * 500_000,
        "aB" * 500_000,
        "a_b_2" * 200_000,
        f"a{'_' * 10**6}a",
    ],
    ids=lambda text: text[:6],
)
def test_long_texts_take_linear_time(text: str) -> None:
    """A megabyte of anything is read in seconds."""
    begun = time.process_time()
    tokens(text)
    sentences(text)
    identifiers(text)
    numbers(text)
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    ("term", "text", "written"),
    [
        ("litr", "How many Litres?", "Litres"),
        ("heavi", "how heavy is it", "heavy"),
        ("扬尘", "扬尘怎么控制", "扬尘"),
        ("vx20", "VX-20 的噪声", "VX-20"),
        ("litr", "none", "litr"),
    ],
)
def test_terms_as_people_wrote_them(term: str, text: str, written: str) -> None:
    """A person is shown the word that was asked, not its stem."""
    assert as_written(term, text) == written
