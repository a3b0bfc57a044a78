from __future__ import annotations

from collections.abc import Sequence

import pytest

from indexes.embeddings.local import LocalEmbedder
from indexes.ingest.chunking import chunk_document
from indexes.text import sentences
from indexes.types import Block, Chunk, Document, Location

MOST, LEAST = 120, 40
ZH = "施工期间应当对噪声、扬尘和废水采取措施，并由第{}监测组每月报告一次。"
EN = "Noise, dust and waste water are kept within limits, and team {} reports every month. "

count = LocalEmbedder().count_tokens


def chunks(
    *blocks: Block, most: int = MOST, least: int = LEAST, title: str = "报告"
) -> list[Chunk]:
    """Cut a document of these blocks."""
    return chunk_document(Document("d", title, blocks), count=count, most=most, least=least)


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
