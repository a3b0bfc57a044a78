"""What is made harmless where it is shown, and what stays to the letter because it is code."""

from __future__ import annotations

import pytest

from agent.answering import harmless, unnumbered
from agent.answering.shown import FENCES, Pieces
from agent.answering.types import Source
from agent.answering.verification import Verifier
from agent.answering.verification.claims import split

CODE = '```html\n<script src="a">![b](c)</script> [1]\n```\n'
SHOWN = "＜script>"


def _in_pieces(text: str) -> str:
    pieces = Pieces()
    return "".join(pieces.next(line) for line in text.splitlines(keepends=True))


@pytest.mark.parametrize("ahead", ["", "See [1]:\n", "- a\n", "~~~\nb\n~~~\n", "<p>\n\n"])
def test_code_stays_as_it_stands(ahead: str) -> None:
    """In a code block tags, images and brackets stay, and are changed again behind it."""
    assert harmless(f"{ahead}{CODE}<script>\n") == f"{ahead}{CODE}{SHOWN}\n"
    assert _in_pieces(f"{ahead}{CODE}<script>\n") == f"{ahead}{CODE}{SHOWN}\n"
    assert unnumbered(f"{CODE}[1]\n") == f"{CODE}﹇1﹈\n"


def test_nothing_unseen_stays_in_code() -> None:
    """What a terminal obeys or nobody sees goes from code, too."""
    assert harmless("```\na\x1b[31m\u202eb\n```\n") == "```\na[31mb\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        "  ```\na\n```\n<script>\n```\n",
        "> ```\n<script>\n```\n",
        "- a\n\n  ```\nx\n```\n<script>\n```\n",
        "<div>\n```\n<script>\n```\n",
        "<pre>\n\n```\n<script>\n```\n",
        "a ``` b\n```\n<script>\n```\n",
        "    ```\n<script>\n    ```\n",
        "``` `\n<script>\n```\n",
        "```\na\n```\n" * FENCES + "```\n<script>\n```\n",
    ],
)
def test_what_only_looks_like_code_is_made_harmless(text: str) -> None:
    """A fence that some program may read otherwise protects nothing."""
    assert "<script>" not in harmless(text)


def test_a_model_that_copies_look_alikes_writes_the_sources_own_line() -> None:
    """Code that a prompt shows with look-alikes is shown as the source has it, links and all."""
    line = 'user: Final = [1] + table[name](www.example.org/a) + "<s>"'
    source = Source(1, f"def a():\n    {line}\n", "a.py", "code", "a.py", "a.py", {"lines": [1, 2]})
    copied = line.replace("[1]", "﹇1﹈").replace("<s>", "＜s>").replace("user:", "user﹕")
    checked = [
        Verifier([source], "a").check(claim) for claim in split(f"```python\n    {copied}\n```\n")
    ]
    assert "".join(one.text for one in checked) == f"```python\n    {line}\n```\n"
    assert not any(one.problems for one in checked)
