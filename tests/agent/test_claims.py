from __future__ import annotations

import time

import pytest

from agent.answering.verification.claims import LONGEST, Splitter, split

REPLIES = (
    "扬尘限值为0.5毫克。[1]夜间为55分贝[2]。第3.2条规定如此…。[1][2]\n- 第一项。[1]\n- 第二项[2]\n",
    "The limit is 3.5 m, see No. 5, e.g. this. [1][2] Use v1.2.3 of it.[1] Is it so? Yes!\n\n# Title\nmore:\n",
    "| a | b |\n|---|---|\n| 1 | 2 [1] |\n| 3 | 4 [2] |\n\n```py\nx = 1. y\n```\nend",
    "他说：“第一。第二。”[1]然后呢？好……这样吧。（附注。见此）是的。A为30[1]；B为20[2]；C；D。\n**粗体**\n",
    "| 一行 | 没有表头 [1] |\n后面。\n\n\n最后一句没有句号",
)


def texts(reply: str) -> list[str]:
    """Return the claims of a reply without the blanks around them."""
    return [claim.text.strip() for claim in split(reply)]


@pytest.mark.parametrize("reply", REPLIES)
def test_the_claims_joined_are_the_reply(reply: str) -> None:
    """Nothing of a reply is lost or changed."""
    assert "".join(claim.text for claim in split(reply)) == reply


@pytest.mark.parametrize("size", [1, 2, 5, 17])
@pytest.mark.parametrize("reply", REPLIES)
def test_the_claims_do_not_depend_on_the_tokens(reply: str, size: int) -> None:
    """However the reply is cut into tokens, the same claims come out."""
    splitter = Splitter()
    found = [
        claim
        for start in range(0, len(reply), size)
        for claim in splitter.feed(reply[start : start + size])
    ]
    assert [*found, *splitter.close()] == split(reply)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("甲为三十。[1]乙。", ["甲为三十。[1]", "乙。"]),
        ("It takes 10 hours. [1][2] Then rest.", ["It takes 10 hours. [1][2]", "Then rest."]),
        ("如下…[1]。下句。", ["如下…[1]。", "下句。"]),
        (
            "甲。【1】乙。［2］丙。[1, 2]丁。[1]-[3]",
            ["甲。【1】", "乙。［2］", "丙。[1, 2]", "丁。[1]-[3]"],
        ),
        ("It is 3.5 m. It is No. 5 here.", ["It is 3.5 m.", "It is No. 5 here."]),
        ("Use e.g. Siemens. Or v1.2.3 of it.", ["Use e.g. Siemens.", "Or v1.2.3 of it."]),
        ("按第3.2条办理。完。", ["按第3.2条办理。", "完。"]),
        ("A为30[1]；B为20[2]。", ["A为30[1]；", "B为20[2]。"]),
        ("A为30；B为20[2]。", ["A为30；B为20[2]。"]),
        ("“甲。乙。”[1]丙。", ["“甲。乙。”[1]", "丙。"]),
        (
            "Is it? Yes! See [a](http://b.c/?d=1). End.",
            ["Is it?", "Yes!", "See [a](http://b.c/?d=1).", "End."],
        ),
    ],
)
def test_where_a_sentence_ends(reply: str, expected: list[str]) -> None:
    """Markers behind a full stop belong to its sentence; a point inside a name or number ends none."""
    assert texts(reply) == expected


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        ("## 标题\n内容。\n", ["heading", "sentence"]),
        ("**标题**\n1. 一项\n- 二项\n", ["heading", "item", "item"]),
        ("措施如下：\nHere it is:\n", ["lead", "lead"]),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", ["header", "header", "row"]),
        ("| 1 | 2 |\nx.\n", ["row", "sentence"]),
        ("```\na. b\n```\nc.", ["code", "code", "code", "sentence"]),
        ("---\n", ["blank"]),
        ("甲：乙。", ["sentence"]),
    ],
)
def test_what_is_no_claim_is_told_apart(reply: str, kinds: list[str]) -> None:
    """Headings, headers, code and lead-ins are named; a row without a header stays a claim."""
    assert [claim.kind for claim in split(reply)] == kinds


def test_a_claim_comes_as_soon_as_the_next_begins() -> None:
    """A sentence is not held back until the end of the reply."""
    splitter = Splitter()
    assert splitter.feed("甲为三十。") == []
    assert splitter.feed("[1]") == []
    assert [claim.text for claim in splitter.feed("乙")] == ["甲为三十。[1]"]


@pytest.mark.parametrize(
    "hostile", ["[" * 100_000, "a" * 100_000, "x[1]" * 25_000, "\n" * 100_000, '"(“' * 33_000]
)
def test_hostile_replies_take_linear_time(hostile: str) -> None:
    """A long reply without ends is cut in pieces, token by token, within a second or two."""
    started = time.process_time()
    splitter = Splitter()
    found = [claim for sign in hostile for claim in splitter.feed(sign)] + splitter.close()
    assert "".join(claim.text for claim in found) == hostile
    assert max(len(claim.text) for claim in found) <= 2 * LONGEST
    assert time.process_time() - started < 4
