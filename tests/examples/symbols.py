"""Questions about the symbols of a code base, made of its source: what the answer must cite is known.

Functions, classes and methods are found by `ast`, those whose name stands for several things are left
out, and each chosen one is asked for in one of several wordings, Chinese and English.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Asked", "Symbol", "questions", "symbols"]

WORDINGS = (
    "Where is {} defined?",
    "What does {} do?",
    "Show me the code of {}",
    "How is {} implemented?",
    "which file has {}",
    "Can you explain {} to me?",
    "{} 在哪里定义的？",
    "{} 是做什么用的？",
    "给我看一下 {} 的代码",
    "{} 是怎么实现的？",
    "{} 在哪个文件里",
    "解释一下 {} 这个{kind}",
)
KINDS = {"class": "类", "function": "函数", "method": "方法"}


@dataclass(frozen=True)
class Symbol:
    """A definition: its qualified name, its file, its lines from 1 and what it is."""

    name: str
    path: str
    first: int
    last: int
    kind: str


@dataclass(frozen=True)
class Asked:
    """A question and the symbol that it asks for."""

    question: str
    symbol: Symbol


def symbols(root: Path, files: Sequence[str]) -> list[Symbol]:
    """Return the definitions of Python files outside of functions, in order.

    Args:
        root: the folder that the files lie below.
        files: their paths from there.
    """
    return [
        symbol
        for file in files
        for symbol in _defined(ast.parse((root / file).read_text(encoding="utf-8")), file, "")
    ]


def _defined(node: ast.AST, path: str, around: str) -> Iterator[Symbol]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            is_class = isinstance(child, ast.ClassDef)
            kind = "class" if is_class else "method" if around else "function"
            name = f"{around}{child.name}"
            yield Symbol(name, path, child.lineno, child.end_lineno or child.lineno, kind)
            if is_class:
                yield from _defined(child, path, f"{name}.")
        elif isinstance(child, ast.If | ast.Try):
            yield from _defined(child, path, around)


def questions(found: Sequence[Symbol], count: int, seed: int) -> list[Asked]:
    """Return questions about as many symbols, the same for the same code and seed.

    Args:
        found: the definitions of the code base.
        count: how many questions.
        seed: chooses symbols and wordings.
    """
    chance = random.Random(seed)
    often = Counter(_key(one.name) for one in found)
    single = [
        one
        for one in found
        if often[_key(one.name)] == 1 and "__" not in one.name and _is_told(one)
    ]
    chosen = chance.sample(single, count)
    return [
        Asked(_worded(one, WORDINGS[number % len(WORDINGS)], chance), one)
        for number, one in enumerate(chosen)
    ]


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _is_told(symbol: Symbol) -> bool:
    """Say whether a name is one of code and no word of the language, such as `weigh`."""
    return re.search(r"[._]|[a-z][A-Z]", symbol.name.strip("_")) is not None


def _worded(symbol: Symbol, wording: str, chance: random.Random) -> str:
    name = symbol.name
    style = chance.randrange(5)
    if style == 1:
        name = f"`{name}`"
    elif style == 2 and symbol.kind != "class":
        name = f"{name}()"
    elif style == 3 and symbol.kind == "function":
        first, *rest = name.strip("_").split("_")
        name = first + "".join(word.title() for word in rest)
    elif style == 4 and symbol.kind == "method":
        owner, _, own = name.rpartition(".")
        name = f"{owner} 的 {own}" if re.search("[一-鿿]", wording) else f"{own} of {owner}"
    return wording.format(name, kind=KINDS[symbol.kind])
