from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import UsageError
from agent.evaluation import read_questions

INDEXES, TOOLS = ("leave", "manual"), ("order_part",)
GOOD = '{"question": "How?"}'


def read(path: Path, *lines: object) -> Any:
    """Read a data set of these lines."""
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(written), encoding="utf-8")
    return read_questions(path, indexes=INDEXES, tools=TOOLS)


def test_labels_are_read(tmp_path: Path) -> None:
    """Labels come back as they are; ids are line numbers where none is given, notes are left out."""
    full = {
        "id": 7, "question": "多少？", "after": ["甲"], "user": "li", "groups": ["hr"], "action": "act",
        "indexes": ["leave"], "tool": "order_part", "args": {"count": 3}, "documents": ["a.md"],
        "pages": [1], "answer": "7天", "difficulty": "hard", "source": None,
    }  # fmt: skip
    rows = read(tmp_path / "q.jsonl", "\ufeff" + GOOD, "", {**full, "indexes": None}, GOOD)
    assert [row["id"] for row in rows] == ["1", "7", "4"]
    del full["difficulty"], full["source"], full["indexes"]
    assert rows[1] == {**full, "id": "7"}


def test_any_name_without_a_project(tmp_path: Path) -> None:
    """Without the project's names, any name may stand in a label; an action is always one of five."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "How?", "indexes": ["x"], "tool": "y"}', encoding="utf-8")
    assert read_questions(path)[0]["indexes"] == ["x"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", ["not JSON"]),
        ("[" * 100_000, ["not JSON"]),
        ('{"question": "\\ud800"}', ["not JSON"]),
        ("[1]", ["no object with a `question`"]),
        ({"question": 3}, ["no object with a `question`"]),
        ({"question": " "}, ["question is empty"]),
        ({"question": "Q", "indxes": ["leave"]}, ["'indxes'", "write 'indexes'", "documents"]),
        ({"question": "Q", "index": ["leave"]}, ["'index'", "write 'indexes'"]),
        ({"question": "Q", "indexes": ["leav"]}, ["'leav'", "leave, manual"]),
        ({"question": "Q", "indexes": "leave"}, ["`indexes`", "list"]),
        ({"question": "Q", "tool": "order"}, ["'order'", "order_part"]),
        (
            {"question": "Q", "action": "seach"},
            ["'seach'", "abstain, act, answer, clarify, search"],
        ),
        ({"question": "Q", "action": ["search"]}, ["`action`", "string"]),
        ({"question": "Q", "documents": ["a"], "pages": ["1"]}, ["`pages.0`", "integer", "'1'"]),
        ({"question": "Q", "answer": 7}, ["`answer`", "string"]),
        ({"question": "Q", "groups": ["hr"]}, ["`groups` without `user`"]),
        ({"question": "Q", "args": {"a": 1}}, ["`args` without `tool`"]),
        ({"question": "Q", "pages": [1]}, ["`pages` without `documents`"]),
        ({"question": "Q", "id": "1"}, ["'1' is used twice"]),
    ],
)
def test_bad_lines(tmp_path: Path, line: object, says: list[str]) -> None:
    """A line that could not be measured as meant is refused, with its number and what is allowed."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path / "q.jsonl", GOOD, line)
    assert [said for said in ("line 2: ", *says) if said not in str(caught.value)] == []


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe{"])
def test_bad_files(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, empty or no UTF-8 is named."""
    path = tmp_path / "q.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"q\.jsonl"):
        read_questions(path)
