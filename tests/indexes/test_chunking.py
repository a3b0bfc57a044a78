from __future__ import annotations

import re
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

import pytest

from indexes.embeddings.local import LocalEmbedder
from indexes.ingest.chunking import chunk_blocks
from indexes.ingest.sizes import Sizer
from indexes.ingest.structure import article_of, blocks_of_lines
from indexes.text import sentences
from indexes.types import Block, Chunk, Location

MOST, LEAST = 120, 40
ZH = "施工期间应当对噪声、扬尘和废水采取措施，并由第{}监测组每月报告一次。"
EN = "Noise, dust and waste water are kept within limits, and team {} reports every month. "

count = LocalEmbedder().count_tokens


def chunks(
    *blocks: Block, most: int = MOST, least: int = LEAST, title: str = "报告"
) -> list[Chunk]:
    """Cut a document of these blocks."""
    return list(chunk_blocks(blocks, title, count=count, most=most, least=least))


def squeezed(text: str) -> str:
    """Return a text without blanks, which chunking may change."""
    return "".join(text.split())


def located(chunk: Chunk, text: str) -> Location:
    """Return where a text of a chunk stands, according to its spans."""
    at = chunk.text.index(text)
    return [span for span in chunk.spans if span["start"] <= at][-1]["location"]


def holder(found: Sequence[Chunk], text: str) -> Chunk:
    """Return the chunk that holds a text."""
    return next(chunk for chunk in found if text in chunk.text)


LONG: dict[str, tuple[Block, ...]] = {
    "one Chinese paragraph": (Block("".join(ZH.format(i) for i in range(40))),),
    "one English paragraph": (Block("".join(EN.format(i) for i in range(40))),),
    "many paragraphs": tuple(Block(ZH.format(i), {"page": i // 4 + 1}) for i in range(40)),
    "a sentence without end": (Block("，".join(f"第{i}段噪声" for i in range(200))),),
    "a word without end": (Block("防" * 900),),
    "mixed": (Block("1 总则", level=1), Block(EN.format(1) * 9 + ZH.format(2) * 9), Block("2 尾", level=1)),
    "rows": tuple(Block(f"部门: 第{i}部；金额: {i}.5", {"sheet": "表", "row": i}) for i in range(2, 90)),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("most", [64, 120, 360])
def test_no_chunk_exceeds_the_bound(name: str, most: int) -> None:
    """The model that embeds a chunk reads all of it."""
    found = chunks(*LONG[name], most=most)
    assert max(count(chunk.text) for chunk in found) <= most


@pytest.mark.parametrize("name", LONG)
def test_nothing_is_lost_or_said_twice(name: str) -> None:
    """The chunks together are the document, in its order."""
    whole = "".join(chunk.text for chunk in chunks(*LONG[name]))
    assert squeezed(whole) == squeezed("".join(block.text for block in LONG[name]))


@pytest.mark.parametrize("name", ["one Chinese paragraph", "one English paragraph", "mixed"])
def test_sentences_stay_whole(name: str) -> None:
    """A sentence that fits into a chunk is never cut."""
    found = [squeezed(chunk.text) for chunk in chunks(*LONG[name])]
    for block in LONG[name]:
        for _, sentence in sentences(block.text):
            assert any(squeezed(sentence) in text for text in found)


def test_headers_name_title_and_headings() -> None:
    """A chunk's header is the document's title with the path to its section."""
    body = ZH.format(1) * 3
    found = chunks(
        Block("2 环保", level=1),
        Block("2.1 噪声", level=2),
        Block(body),
        Block("2.2 扬尘", level=2),
        Block(body.replace("噪声", "粉尘")),
    )
    assert [chunk.header for chunk in found] == [
        "报告 · 2 环保 · 2.1 噪声",
        "报告 · 2 环保 · 2.2 扬尘",
    ]
    assert found[0].text.startswith("2.1 噪声\n")


def test_title_is_not_said_twice() -> None:
    """A heading that repeats the document's title does not enter the path."""
    (only,) = chunks(Block("报告", level=1), Block("1 总则", level=2), Block("正文。"))
    assert only.header == "报告 · 1 总则"


def test_a_heading_closes_those_below_it() -> None:
    """After 2 comes no 1.1 in the path, and the articles of the section before are over."""
    body = ZH.format(1) * 3
    found = chunks(
        Block("1 甲", level=1),
        Block("1.1 乙", level=2),
        Block(f"第三条 {body}"),
        Block("2 丙", level=1),
        Block(body),
    )
    assert found[-1].header == "报告 · 2 丙"
    assert found[-1].spans[0]["location"] == {"heading": "2 丙"}


def test_small_sections_are_joined() -> None:
    """Short neighbours share a chunk under their common heading, and each keeps its own."""
    blocks = [Block("3 术语", level=1)]
    for name in ("纳统", "产值", "概算"):
        blocks += [Block(name, level=2), Block(f"{name}是一个统计口径。")]
    (only,) = chunks(*blocks)
    assert only.header == "报告 · 3 术语"
    assert located(only, "产值是") == {"heading": "产值"}


def test_sections_that_are_long_enough_stay_apart() -> None:
    """A section of the least size is not mixed with its neighbour."""
    body = ZH.format(1) * 3
    assert count(body) >= LEAST
    blocks = (Block("甲", level=1), Block(body), Block("乙", level=1), Block(body))
    assert len(chunks(*blocks, most=400, least=300)) == 1
    found = chunks(*blocks, most=400)
    assert len(found) == 2


def test_articles_are_located() -> None:
    """Each article is found, continuation paragraphs included."""
    found = chunks(
        Block("第一章 总则", level=1),
        Block("第一条 为了规范招标，制定本办法。"),
        Block("第二条 下列项目应当招标："),
        Block("（一）工程；"),
        Block("第三条 其他从其规定。"),
        most=360,
    )
    article = {text: located(found[0], text)["article"] for text in ("为了", "（一）", "其他从")}
    assert article == {"为了": "第一条", "（一）": "第二条", "其他从": "第三条"}
    assert located(found[0], "为了")["heading"] == "第一章 总则"


def test_rows_are_located() -> None:
    """Each row keeps its sheet and number."""
    found = chunks(*LONG["rows"])
    for row in (2, 45, 89):
        text = f"第{row}部"
        assert located(holder(found, text), text) == {"sheet": "表", "row": row}


def test_pages_are_located() -> None:
    """A chunk over a page break knows on which side each sentence stands."""
    found = chunks(Block("第一页的话。", {"page": 1}), Block("第二页的话。", {"page": 2}))
    assert [located(found[0], text)["page"] for text in ("第一页", "第二页")] == [1, 2]


def test_spans_of_a_split_block() -> None:
    """Every piece of a long paragraph stands where the paragraph does."""
    found = chunks(Block(ZH.format(1) * 20, {"page": 7}))
    assert len(found) > 2
    assert {tuple(chunk.spans[0]["location"].items()) for chunk in found} == {(("page", 7),)}


def test_spans_start_at_the_beginning() -> None:
    """No letter of a chunk is without a place."""
    assert all(chunk.spans[0]["start"] == 0 for name in LONG for chunk in chunks(*LONG[name]))


def test_heading_over_a_long_paragraph_keeps_its_line() -> None:
    """A heading does not run into the sentence below it, which would make words of the two."""
    first, *_ = chunks(Block("建设", level=1), Block("银行提供资金。" * 60), Block("尾"))
    assert first.text.startswith("建设\n银行提供资金。")


def test_headings_without_text_are_kept() -> None:
    """Headings that lead nothing are found too, on their page."""
    found = chunks(
        Block("正文。", {"page": 1}),
        Block("附录一 清单", {"page": 2}, level=1),
        Block("附录二 图纸", {"page": 2}, level=1),
        least=0,
    )
    assert "附录一 清单\n附录二 图纸" in found[-1].text
    assert located(found[-1], "附录二")["page"] == 2


def test_an_empty_document_has_no_chunks() -> None:
    """Nothing in, nothing out."""
    assert chunks() == []


def clause(number: int, words: int = 6) -> str:
    """Return an article of so many sentences."""
    return f"第{number}条 " + ZH.format(number) * words


def test_an_article_that_fits_is_not_parted() -> None:
    """An article of several paragraphs goes into the next chunk whole, not half into this one."""
    found = chunks(
        Block(clause(1, 2)),
        Block("第二条 下列项目应当招标："),
        *(Block(f"（{number}）{ZH.format(number)}") for number in "一二"),
    )
    assert [chunk.text[:3] for chunk in found] == ["第1条", "第二条"]


def test_a_long_article_is_named_in_all_its_parts() -> None:
    """Each chunk of an article that is longer than a chunk says which article it is."""
    found = chunks(Block(clause(7, 20)), *(Block(f"（{n}）{ZH.format(n)}") for n in range(9)))
    assert len(found) > 4
    assert {span["location"]["article"] for chunk in found for span in chunk.spans} == {"第7条"}


def talk(name: str, messages: int) -> list[Block]:
    """Return a conversation of a chat log."""
    said = (Block(f"{name}: {ZH.format(n)}", {"time": f"10:{n:02}"}) for n in range(messages))
    return [Block(f"与{name}的对话", level=1), *said]


@pytest.mark.parametrize("sizes", [(1, 8), (8, 1), (8, 8), (2, 1, 9)])
def test_conversations_are_not_mixed(sizes: tuple[int, ...]) -> None:
    """A chunk has messages of one conversation, unless all in it are shorter than the least size."""
    people = "甲乙丙"[: len(sizes)]
    blocks = [block for name, size in zip(people, sizes, strict=True) for block in talk(name, size)]
    for chunk in chunks(*blocks):
        parts = {name: re.findall(f"{name}: .*", chunk.text) for name in people}
        mixed = [" ".join(said) for said in parts.values() if said]
        assert len(mixed) == 1 or all(count(said) < LEAST * 2 for said in mixed)


def test_headings_are_not_lost_where_sections_are_joined() -> None:
    """A heading that only the header would have had goes into the text when the header is shortened."""
    (only,) = chunks(
        Block("甲", level=1), Block("短文。"), Block("乙", level=1), Block("丙", level=2), Block("短文。")
    )  # fmt: skip
    assert only.text == "甲\n短文。\n乙\n丙\n短文。"


CODE = "".join(
    f"def step_{n}(value):\n    if value. is_ready():\n        return value + {n}\n\n"
    for n in range(60)
)


def test_code_stays_to_the_letter() -> None:
    """Code is cut at line ends only, keeps its indentation, and each part knows its lines."""
    last = CODE.count("\n") + 10
    found = chunks(Block("module", level=1), Block(CODE, {"symbol": "steps", "lines": [10, last]}))
    assert len(found) > 5
    assert "\n".join(chunk.text for chunk in found) == f"module\n{CODE}"
    lines = CODE.split("\n")
    for chunk in found:
        first, to = chunk.spans[0]["location"]["lines"]
        assert "\n".join(lines[first - 10 : to - 9]) in chunk.text
        assert chunk.text.rstrip("\n").endswith(lines[to - 10])


def test_a_heading_of_any_length_leaves_room_for_the_text() -> None:
    """The header is short, the text has the heading in full, and a model of 512 tokens reads both."""
    heading = "一个很长的标题，" * 200
    found = chunks(Block(heading, level=1), Block(ZH.format(1) * 40), most=480, title="题" * 3000)
    assert all(len(chunk.header) < 300 for chunk in found)
    assert max(count(f"{chunk.header}\n{chunk.text}") for chunk in found) <= 512
    assert heading in squeezed("".join(chunk.text for chunk in found))


HOSTILE: dict[str, str] = {
    "articles": "第" * 10**6,
    "numbers": "1." * 500_000,
    "long number": "7" * 10**6,
    "brackets": "(" * 10**6,
    "codes": "aaaa-1-1-1" * 100_000,
    "one character": "防" * 300_000,
    "signs": "。" * 10**6,
    "blanks": f"2024年{' ' * 10**6}1 季",
    "families": "👨\u200d👩\u200d👧\u200d👦" * 30_000,
    "accents": "e\u0301" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_seconds(name: str) -> None:
    """A megabyte without a sentence is cut in linear time, within the bound, and nothing is lost."""
    begun = time.process_time()
    found = chunks(*blocks_of_lines([HOSTILE[name]], {}), most=360)
    assert time.process_time() - begun < 60
    assert squeezed("".join(chunk.text for chunk in found)) == squeezed(HOSTILE[name])
    assert max(count(chunk.text) for chunk in found[:20]) <= 360


def test_emoji_are_not_torn() -> None:
    """A sign made of several characters stays one."""
    found = chunks(Block(HOSTILE["families"][:4000]))
    assert not any(
        chunk.text.startswith("\u200d") or chunk.text.endswith("\u200d") for chunk in found
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Block("短。"), Block("题", level=1), Block(ZH, {"row": 2})])
def test_memory_is_that_of_a_chunk(kind: Block) -> None:
    """A document is never held as a whole."""

    def blocks() -> Iterator[Block]:
        for _ in range(30_000):
            yield kind

    for _ in chunk_blocks([kind], "", count=len, most=360, least=160):
        pass  # what is loaded once
    tracemalloc.start()
    try:
        for _ in chunk_blocks(blocks(), "", count=len, most=360, least=160):
            pass
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "counter", [count, len, lambda text: len(text.split()), lambda text: len(text.encode())]
)
def test_sizes_bound_what_any_counter_counts(counter: Callable[[str], int]) -> None:
    """The sum over words is never below the count of the text, whatever counts."""
    sizer = Sizer(counter)
    for text in (
        "",
        ZH * 9,
        EN * 9,
        CODE,
        "ﬁ①㎡ ²" * 30,
        "ธนาคาร 은행 банк" * 9,
        HOSTILE["families"][:300],
    ):
        assert counter(text) <= sizer(text) + sizer.base


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("第三条 招标", "第三条"),
        ("第三条之一", None),
        ("Article 5. Duties", "Article 5"),
        ("3.2.1 The contractor shall", "3.2.1"),
        ("3.2 million shares", None),
        ("10.5.2023 12:00", None),
        ("§ 5 Duties", "§ 5"),
        ("Section 5. Duties", "Section 5"),
        ("Section 13 of the Act", None),
    ],
)
def test_articles_are_recognised(line: str, expected: str | None) -> None:
    """A paragraph opens an article if it is numbered as one, not if it mentions one."""
    assert article_of(line) == expected


def test_paragraphs_of_lines_are_bounded() -> None:
    """Lines without a blank one between them make several blocks, cut at a line's end."""
    lines = [f"{n} {ZH}" for n in range(2000)]
    found = [block.text for block in blocks_of_lines(iter(lines), {})]
    assert max(map(len, found)) <= 8000
    assert squeezed("".join(found)) == squeezed("".join(lines))
    assert all(text.endswith("。") for text in found)
