from __future__ import annotations

import time
from typing import Any

import pytest
from langgraph.runtime import Runtime

from agent import Waypost
from agent.answering import weigh
from agent.answering.evidence import asked_noun, lacks_kind
from agent.context import Context
from agent.nodes import judge
from indexes.text import content_terms
from indexes.types import LocatedPassage
from tests.agent.tiny import write_tiny_project

TYPICAL_GOLD = {"zh": 0.905, "en": 0.865}  # what a passage that answers usually reaches


def passage(text: str, *, title: str, similarity: float = TYPICAL_GOLD["zh"]) -> LocatedPassage:
    """Return a passage as an index returns it."""
    return {
        "text": text,
        "score": 1.0,
        "index": "manual",
        "document": f"{title}.md",
        "title": title,
        "uri": "",
        "location": {},
        "context": [],
        "chunk_id": "1",
        "header": title,
        "path": [],
        "spans": [{"start": 0, "location": {}}],
        "similarity": similarity,
    }


def support(question: str, *passages: LocatedPassage) -> float:
    """Return how well the best of some passages supports an answer, if all terms weigh alike."""
    return weigh(question, passages, dict.fromkeys(content_terms(question), 3.0), prior=0.8).score


def english(text: str, title: str = "Handbook") -> LocatedPassage:
    """Return an English passage."""
    return passage(text, title=title, similarity=TYPICAL_GOLD["en"])


PADDING_ZH = "本手册适用于全体人员。请先阅读目录。如有疑问请联系编者。"
PADDING_EN = (
    "This applies to everybody. Please read the contents first. Ask the editor if in doubt. "
)


@pytest.mark.parametrize(
    ("question", "answering", "strewn"),
    [
        (
            "净水器的滤芯多久更换？",
            passage(f"{PADDING_ZH}净水器的滤芯每6个月更换一次。", title="手册"),
            passage(f"净水器免费安装。{PADDING_ZH}滤芯不退。{PADDING_ZH}主板更换收费380元。", title="手册"),
        ),
        (
            "How often is the filter of the purifier replaced?",
            english(f"{PADDING_EN}The filter of the purifier is replaced every 6 months."),
            english(
                f"The purifier is installed free. {PADDING_EN}A filter is sold. {PADDING_EN}"
                "A board is replaced for 380 yuan."
            ),
        ),
    ],
)  # fmt: skip
def test_terms_count_where_they_stand_together(
    question: str, answering: LocatedPassage, strewn: LocatedPassage
) -> None:
    """Sentences side by side that have the question's terms answer it; the same terms strewn do not."""
    assert support(question, answering) > 0.5 > support(question, strewn)


def test_headings_count_for_every_sentence_below_them() -> None:
    """What stands in the title need not be repeated beside the answer."""
    text = f"{PADDING_ZH}滤芯每6个月更换一次。"
    assert support("净水器的滤芯多久更换？", passage(text, title="净水器手册")) > 0.5


@pytest.mark.parametrize(
    ("question", "telling", "other"),
    [
        (
            "质保金的比例是多少？",
            passage("质保金从结算价中预留，集团按3%预留。", title="术语"),
            passage("质保金从结算价中预留，可用保函替代。", title="术语"),
        ),
        (
            "What percentage of retention is kept?",
            english("Retention is kept from the final account, at 3%."),
            english("Retention is kept from the final account, or replaced by a bond."),
        ),
        (
            "退换的期限是多久？",
            passage("自签收起15日内可以退换。", title="售后"),
            passage("退换须带包装和发票。", title="售后"),
        ),
    ],
)
def test_a_value_stands_for_the_name_of_its_measure(
    question: str, telling: LocatedPassage, other: LocatedPassage
) -> None:
    """Who writes 3% does not also write that it is a ratio."""
    assert support(question, telling) > 0.5 > support(question, other)


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("2024年退货多少件？", "2024年退货312件。", "2023年退货312件。"),
        ("5号线设几座车站？", "5号线设车站19座。", "6号线设车站19座。"),
    ],
)
def test_another_year_or_number_is_no_support(question: str, right: str, wrong: str) -> None:
    """A report of another year, or about another numbered thing, does not answer a question."""
    years = [passage(text, title=f"{text[:5]}报告") for text in (right, wrong)]
    assert support(question, years[0]) > 0.5 > support(question, years[1])


@pytest.mark.parametrize(
    ("question", "answering"),
    [
        ("年假有几天？", passage("年假为5天。", title="手册")),
        ("How many days of annual leave are there?", english("Annual leave is 5 days.")),
    ],
)
def test_the_typical_similarity_of_each_language_is_enough(
    question: str, answering: LocatedPassage
) -> None:
    """Similarities are lower in English than in Chinese, which is not held against it."""
    assert support(question, answering) > 0.5
    assert support(question, {**answering, "similarity": 0.75}) < 0.5


def test_a_word_that_only_the_segmenter_knows_is_no_noun_to_find() -> None:
    """能值 is no word, which no passage can have; its parts are looked for instead."""
    gifts = passage("单份礼品价值不得超过三百元。", title="礼品规定")
    evidence = weigh("一份礼品最多能值多少钱？", [gifts], {}, prior=0.9)
    assert evidence.sufficient
    assert "能值" not in evidence.missing


def test_a_name_that_no_dictionary_has_counts_where_a_passage_has_it() -> None:
    """尘杯 is in no dictionary either, but in the manual."""
    asked = "尘杯多久洗一次？"
    assert support(asked, passage("尘杯每周洗一次。", title="手册")) > 0.5
    assert support(asked, passage("滤芯每周洗一次。", title="手册")) < 0.5


def test_what_the_route_did_not_name_must_answer_better() -> None:
    """A passage from elsewhere shares the words of a question more often by chance."""
    question, found = "净水器的滤芯怎么复位？", passage("净水器的滤芯可以水洗。", title="手册")
    named = weigh(question, [found], {}, prior=0.9)
    elsewhere = weigh(question, [found], {}, prior=0.9, unnamed={"manual"})
    assert elsewhere.score < named.score


def test_an_index_without_similarities_still_supports_answers() -> None:
    """Where nothing is known of similarity, neither full nor half coverage is judged by its absence."""
    text = f"{PADDING_ZH}净水器的滤芯每6个月更换一次。"
    question = "净水器的滤芯多久更换？"
    assert support(question, passage(text, title="手册", similarity=0.0)) > 0.5
    assert support(question, passage(PADDING_ZH, title="净水器", similarity=0.0)) < 0.5


def test_no_passages_support_nothing() -> None:
    """Without passages, all of the question's terms are missing."""
    evidence = weigh("净水器保修几年？", [], {})
    assert not evidence.sufficient
    assert evidence.score == 0
    assert evidence.missing == tuple(content_terms("净水器保修几年？"))


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("湖里有几种鱼？", "鱼"),
        ("方案是哪家设计院画的？", "设计院"),
        ("处理一吨水的运行成本是多少钱？", "成本"),
        ("运行成本在2024年是多少？", "成本"),
        ("2024年有多少？", None),
        ("AP-300受潮滤芯的批号是多少？", "批号"),
        ("AP-300多少分贝？", "分贝"),
        ("门锁最多能存多少枚指纹？", "指纹"),
        ("没电了进不去家门怎么办？", None),
        ("渣土车晚上几点可以跑？", None),
        ("How many homes get new windows?", "home"),
        ("Which laptop do developers get?", "laptop"),
        ("加班可以调休吗？", None),
        ("Is overtime paid?", None),
    ],
)
def test_the_noun_that_a_question_asks_for(question: str, noun: str | None) -> None:
    """It stands right after the question word, else before it; a year or a measure is none."""
    assert asked_noun(question) == noun


@pytest.mark.parametrize(
    ("question", "text", "lacks"),
    [
        ("滤芯卖多少钱？", "滤芯每3个月更换一次。", True),
        ("滤芯卖多少钱？", "滤芯每个59元。", False),
        ("一份礼品值多少钱？", "礼品须登记。", True),
        ("一份礼品值多少钱？", "礼品不超过三百元。", False),
        ("拆除垃圾收多少钱？", "种类: 拆除垃圾 | 标准（元/立方米）: 22", False),
        ("质保金的比例是多少？", "质保金在2年后退还。", True),
        ("质保金的比例是多少？", "质保金为百分之三。", False),
        ("What percentage is kept?", "It is kept for 2 years.", True),
        ("What percentage is kept?", "Three percent is kept.", False),
        ("什么时候答复？", "应当在十五个工作日内答复。", False),
        ("How many people work there?", "Three people work there.", False),
        ("工资几号发？", "工资按70%发放，最多60天。", True),
        ("工资几号发？", "工资于每月15日发放。", False),
        ("什么时候清零？", "积分满两年清零。", True),
        ("什么时候清零？", "每年12月31日清零。", False),
        ("How much does a page cost?", "Pages are printed at night.", True),
        ("How much does a page cost?", "A page is 2 euros.", False),
        ("On what date is it paid?", "It is paid within 30 days.", True),
        ("On what date is it paid?", "It is paid on the first Monday.", False),
        ("How many people work there?", "Several people work there.", True),
        ("Is overtime paid?", "Overtime is paid.", False),
    ],
)
def test_a_text_that_cannot_hold_the_kind_of_answer(question: str, text: str, lacks: bool) -> None:
    """Money, days, times and numbers leave their marks in a text."""
    assert lacks_kind(question, text) == lacks


async def test_an_unusual_word_weighs_no_more_than_the_words_of_a_small_index(
    tmp_path: Any,
) -> None:
    """In a few passages every word is common, so that a word that none has must not outweigh them."""
    write_tiny_project(tmp_path)
    async with Waypost.open(tmp_path) as waypost:
        await waypost.registry.sync()
        question = "婚假的邮费怎么申请？"
        found = await waypost.registry.index("leave").search(question, principal=None)
        part = {
            "question": question,
            "query": question,
            "indexes": {"leave": 0.9},
            "of": 0,
            "prior": 0.9,
            "lost": False,
        }
        state: Any = {
            "parts": [part],
            "found": [{"part": 0, "index": "leave", "weight": 1.0, "passages": found}],
            "denied": [],
            "route": {"action": "search"},
            "deadline": time.time() + 60,
            "usage": {"model_calls": 0, "input_tokens": 0, "output_tokens": 0},
        }
        runtime = Runtime(context=Context(waypost._resources))
        weights = (await judge(state, runtime))["judgement"]["parts"][0]["weights"]
    assert 0 < weights["邮费"] <= weights["婚假"]


@pytest.mark.parametrize(
    ("question", "noun"),
    [
        ("How heavy is the pump?", "heavi"),
        ("How loud may the fan be?", "loud"),
        ("How deep is the pit?", "deep"),
        ("How many homes are built?", "home"),
    ],
)
def test_a_measure_that_is_asked_for(question: str, noun: str) -> None:
    """What "how" asks for is a thing to find, which a value of its kind tells as well."""
    assert asked_noun(question) == noun
