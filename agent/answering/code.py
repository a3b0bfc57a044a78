"""Quotations of source code: whole definitions, line by line as they stand in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from indexes.text import asked_symbols, content_terms, symbol_terms
from indexes.types import LocatedPassage, Location

__all__ = ["asks_for", "code_block", "code_of", "is_code", "kind_terms"]

LANGUAGES: Mapping[str, str] = {  # what a code block is called, by the document's ending
    ".py": "python", ".js": "javascript", ".jsx": "jsx", ".mjs": "javascript", ".ts": "typescript",
    ".tsx": "tsx", ".java": "java", ".go": "go", ".rs": "rust", ".c": "c", ".h": "c", ".cc": "cpp",
    ".cpp": "cpp", ".hpp": "cpp", ".cs": "csharp", ".rb": "ruby", ".php": "php", ".sh": "bash",
    ".sql": "sql", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
# What questions call code by, which says nothing about what is asked of it.
_KIND = (
    "source code function method class module file definition defined implementation implemented "
    "constant value variable argument parameter default decides decided happens "
    "代码 源码 源代码 函数 方法 类 模块 文件 定义 实现 哪段 这段 常量 变量 参数 写 负责 做"
)
_FENCES = re.compile(r"`{3,}")


@lru_cache(maxsize=1)
def kind_terms() -> frozenset[str]:
    """Return the terms that a question calls code by: function, class, 代码, 常量."""
    return frozenset(term for word in _KIND.split() for term in content_terms(word))


def is_code(document: str, location: Location) -> bool:
    """Say whether a stretch of a document is source code, whose lines are kept as they stand."""
    return "symbol" in location or ("lines" in location and _language(document) != "")


def code_of(passage: LocatedPassage, begin: int, end: int, location: Location) -> tuple[int, str]:
    """Return where the code of a stretch begins, and its lines: what leads it are headings.

    Args:
        passage: the passage.
        begin: of the stretch at one location.
        end: of that stretch.
        location: its location.
    """
    text = passage["text"][begin:end].removesuffix("\n")
    first, last = location.get("lines", [1, text.count("\n") + 1])
    lines = text.split("\n")
    ahead = "".join(f"{line}\n" for line in lines[: max(0, len(lines) - (last - first + 1))])
    return begin + len(ahead), text[len(ahead) :]


def asks_for(question: str, location: Location) -> float:
    """Return how surely a question asks for what is defined at a location, from 0 to 1.

    Args:
        question: the question.
        location: of code.
    """
    own, *inside = symbol_terms(location.get("symbol", ""))
    names, pairs = asked_symbols(question)
    return 1.0 if set(inside) & set(pairs) else 0.5 if own in names else 0.0


def code_block(document: str, text: str) -> str:
    """Return code between fences that nothing in it can end."""
    longest = max(map(len, _FENCES.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_language(document)}\n{text}\n{fence}"


def _language(document: str) -> str:
    return LANGUAGES.get(PurePosixPath(document).suffix.lower(), "")
