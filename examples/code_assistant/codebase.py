"""The code base that this project answers about: its files as a source, and tools that read them.

The files are those of the installed Waypost, so the answers fit the version that is running. For a
code base of your own, change FOLDERS.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from langchain_core.tools import tool
from pydantic import Field

from indexes import Document
from indexes.ingest.loaders import load


def _package(name: str) -> Path:
    """Return the folder that an installed package is in, without importing it.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(name)
    return Path(spec.origin).parent


def _guides() -> Path:
    """Return the folder of Waypost's guides: in the package, or beside it in a clone."""
    inside = _package("agent") / "docs"
    return inside if inside.is_dir() else _package("agent").parent / "docs"


# What the code base is: a name that its paths begin with, the folder, and the endings of its files.
FOLDERS: Mapping[str, tuple[Path, tuple[str, ...]]] = {
    "agent": (_package("agent"), (".py",)),
    "indexes": (_package("indexes"), (".py",)),
    "prompts": (_package("prompts"), (".py",)),
    "docs": (_guides(), (".md",)),
}
CODE, GUIDES = ("agent", "indexes", "prompts"), ("docs",)
TEMPLATES = "agent/templates"  # the folders in it are other projects
REPEATED = {
    "docs/reference/python.md",
    "docs/reference/commands.md",
}  # made from the code's own docstrings
MAX_BYTES = 2**20  # of a file
LINES = 200  # that are shown at once
SHOWN = 60  # lines of a definition
PLACES = 8  # of a name that has several
CALLERS = 20
LANGUAGES = {".py": "python", ".md": "markdown"}


# --- files -------------------------------------------------------------------------------------


def paths(names: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files below some of FOLDERS, each with its path in the code base; links are left out."""
    for top in names:
        folder, endings = FOLDERS[top]
        for place, inside, files in os.walk(folder):
            below = PurePosixPath(top, Path(place).relative_to(folder).as_posix())
            inside[:] = [] if str(below) == TEMPLATES else sorted(filter(_is_part, inside))
            for file in sorted(files):
                path = Path(place, file)
                name = str(below / file)
                if path.suffix in endings and name not in REPEATED and not path.is_symlink():
                    yield name, path


def _is_part(folder: str) -> bool:
    return not folder.startswith((".", "__"))


def resolve(path: str) -> Path:
    """Return the file that a path of the code base names.

    Args:
        path: such as agent/app.py, as citations have it.

    Raises:
        ValueError: it leads elsewhere, or there is no such file.
    """
    pure = PurePosixPath(path.strip().strip("`'\"").replace("\\", "/"))
    name, *rest = pure.parts or ("",)
    if name not in FOLDERS or ".." in rest or "\0" in path:
        raise ValueError(f"{path!r} is no path of the code base; they begin with {_beginnings()}.")
    folder, endings = FOLDERS[name]
    found = folder.joinpath(*rest)
    real = Path(os.path.realpath(found))
    if real != Path(os.path.realpath(folder)).joinpath(*rest) or found.suffix not in endings:
        raise ValueError(f"{path!r} is no file of the code base.")
    if not os.path.isfile(found):  # which is also False for what no path can be
        raise ValueError(f"There is no file {path!r}.")
    return found


def _beginnings() -> str:
    return ", ".join(f"{name}/" for name in FOLDERS)


def _text(path: Path) -> list[str]:
    """Return a file's lines.

    Raises:
        ValueError: it is too large, or no text.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path.name} has more than {MAX_BYTES // 2**20} MiB.")
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is no text.") from error


class Files:
    """Some folders of the code base as a source of documents, whose version is their content's digest.

    Args:
        name: the source's name.
        names: which of FOLDERS.
    """

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        self._names = names

    async def versions(self) -> Mapping[str, str]:
        """Return each file's path with the digest of its content; empty and huge ones are left out."""
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in paths(self._names)
            if 0 < path.stat().st_size <= MAX_BYTES
        }

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield the files, code cut by function and class."""
        for id in ids:
            path = resolve(id)
            loaded = load(path)
            title = id if path.suffix != ".md" else loaded.title
            blocks = list(loaded.blocks)
            yield Document(id=id, title=title, blocks=blocks, uri=id, fields=loaded.fields)


code = Files("code", CODE)
guides = Files("guides", GUIDES)


# --- tools -------------------------------------------------------------------------------------

Name = Annotated[
    str,
    Field(
        title="symbol",
        description="A function, class or method: chunk_blocks, Registry.search",
        max_length=200,
        json_schema_extra={  # what stands out as a name of code in a question
            "pattern": r"^(`[a-z]+`|_*[A-Z][A-Za-z0-9]* 的 [a-z_][A-Za-z0-9_]*"
            r"|_*[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+"
            r"|_*[A-Za-z][A-Za-z0-9]*_[A-Za-z0-9_]+|_[a-z][A-Za-z0-9]*|[a-z]+[A-Z][A-Za-z0-9]*"
            r"|[A-Z][a-z]+[A-Z][A-Za-z0-9]*|[A-Za-z_][A-Za-z0-9_]*\(\))$"
        },
    ),
]
File = Annotated[
    str,
    Field(
        title="path",
        description="A file of the code base, such as agent/app.py",
        max_length=300,
        json_schema_extra={"pattern": r"^([A-Za-z0-9_./\\-]+\.[a-z]{2,4})$"},
    ),
]
Lines = Annotated[
    str,
    Field(
        title="lines",
        description=f"Which lines, from 1: 10-40; at most {LINES}",
        max_length=40,
        json_schema_extra={"pattern": r"^([0-9]{1,7} ?(-|–|~|to|到|至) ?[0-9]{1,7})$"},
    ),
]


@tool
def find_symbol(name: Name) -> dict[str, Any]:
    """Finds where a symbol is defined, in which file and line. 查找定义在哪个文件、第几行。"""
    found = _defined(name)
    if not found:
        return {"places": [], "summary": f"No symbol {_bare(name)!r} in the code base. 没有找到。"}
    said = []
    for one in found[:PLACES]:
        lines = _text(resolve(one["path"]))[one["lines"][0] - 1 : one["lines"][1]]
        more = f"\n… {len(lines) - SHOWN} more lines" if len(lines) > SHOWN else ""
        shown = _quoted(lines[:SHOWN], one["path"]) + more if len(found) == 1 else ""
        where = f"`{one['symbol']}`: {one['path']}, lines {one['lines'][0]}-{one['lines'][1]}"
        said.append(f"{where}\n{shown}".rstrip())
    return {"places": found[:PLACES], "summary": "\n".join(said)}


@tool
def find_callers(name: Name) -> dict[str, Any]:
    """Finds what calls or uses a symbol, its callers and usages. 查找谁调用、谁在用、被哪里引用。"""
    *owners, wanted = _bare(name).split(".")
    every = [place for place in _uses() if _folded(place["name"]) == _folded(wanted)]
    found = [one for one in every if not owners or _is_of(one, owners[-1])] or every
    if not found:
        return {"places": [], "summary": f"Nothing calls {wanted!r} by this name. 没有找到调用。"}
    first = {(one["path"], one["symbol"]): one["line"] for one in reversed(found)}
    callers = dict.fromkeys((one["path"], one["symbol"]) for one in found)
    shown = [
        {"path": path, "line": first[path, symbol], "symbol": symbol}
        for path, symbol in list(callers)[:CALLERS]
    ]
    of = f" of something named {owners[-1]!r}" if len(found) < len(every) else ""
    said = [f"`{wanted}`{of} is used in {len(callers)} symbols 处:"]
    said += [f"- {one['path']}, line {one['line']}: {one['symbol']}" for one in shown]
    rest = len(every) - len(found)
    left = len(callers) - len(shown)
    said += [f"… and {left} more"] if left else []
    said += [f"{rest} further uses of a {wanted!r} may be of another. 另有同名。"] if rest else []
    return {"places": shown, "summary": "\n".join(said)}


@tool
def read_lines(path: File, lines: Lines) -> dict[str, Any]:
    """Shows lines of a file of the code base, exactly as they stand. 查看某个文件第几行到第几行的代码。"""
    numbers = [int(number) for number in re.findall(r"\d{1,7}", lines)]
    if len(numbers) != 2 or not 1 <= numbers[0] <= numbers[1]:
        raise ValueError("lines must be two numbers from 1, the smaller first: 10-40.")
    file = resolve(path)
    first, last = numbers[0], min(numbers[1], numbers[0] + LINES - 1)
    shown = _text(file)[first - 1 : last]
    if not shown:
        raise ValueError(f"{path} has no line {first}.")
    place = {"path": path, "lines": [first, first + len(shown) - 1]}
    head = f"{path}, lines {first}-{first + len(shown) - 1}"
    return {**place, "summary": f"{head}\n{_quoted(shown, path)}"}


def _quoted(lines: Sequence[str], path: str) -> str:
    """Return lines as a code block whose fence nothing in them can end."""
    text = "\n".join(lines)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{LANGUAGES.get(Path(path).suffix, '')}\n{text}\n{fence}"


def _bare(name: str) -> str:
    """Return a symbol without what surrounds it in a question: `search`, search(), search of Registry."""
    bare = name.strip().strip("`").removesuffix("()").strip(".")
    owned = re.fullmatch(r"(\S+) 的 (\S+)", bare) or re.fullmatch(r"(\S+) of (\S+)", bare)
    if owned is None:
        return bare
    first, last = owned.groups() if "的" in bare else reversed(owned.groups())
    return f"{first}.{last}"


def _folded(name: str) -> str:
    """Return a name in one writing: makeChatModel and make_chat_model are the same."""
    return name.replace("_", "").lower()


def _defined(name: str) -> list[dict[str, Any]]:
    """Return where a symbol is defined; one that is named exactly so excludes those written otherwise."""
    wanted = _bare(name)
    tail = [
        one for one in _symbols() if f".{_folded(one['symbol'])}".endswith(f".{_folded(wanted)}")
    ]
    exact = [one for one in tail if f".{one['symbol']}".endswith(f".{wanted}")]
    return exact or tail


def _symbols() -> list[dict[str, Any]]:
    """Return every function, class and method of the code base: path, symbol, lines."""
    return [one for path, _, tree in _trees() for one in _inside(tree, path, "")]


def _inside(node: ast.AST, path: str, around: str) -> Iterator[dict[str, Any]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            symbol = f"{around}{child.name}"
            first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
            yield {"path": path, "symbol": symbol, "lines": [first, child.end_lineno]}
            yield from _inside(child, path, f"{symbol}.")
        elif isinstance(child, ast.If | ast.Try):
            yield from _inside(child, path, around)


def _is_of(use: Mapping[str, Any], owner: str) -> bool:
    """Say whether what a name is taken from is called like a class or module, or is `self` in it."""
    taken, inside = str(use["of"]), str(use["symbol"]).split(".")[0]
    return _folded(owner) in {_folded(inside) if taken in {"self", "cls"} else "", _folded(taken)}


def _uses() -> Iterator[dict[str, Any]]:
    """Yield each use of a name in the code base, but for imports: path, line, and the symbol it is in."""
    for path, _, tree in _trees():
        yield from _used(tree, path, "(module)")


def _used(node: ast.AST, path: str, inside: str) -> Iterator[dict[str, Any]]:
    for child in ast.iter_child_nodes(node):
        within = inside
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            within = child.name if inside == "(module)" else f"{inside}.{child.name}"
        elif isinstance(child, ast.Name | ast.Attribute) and not isinstance(child.ctx, ast.Store):
            of = child.value if isinstance(child, ast.Attribute) else None
            found = {"name": _last(child), "of": "" if of is None else _last(of)}
            yield {**found, "path": path, "line": child.lineno, "symbol": inside}
        yield from _used(child, path, within)


def _last(node: ast.expr) -> str:
    """Return the last name of an expression: search of self._registry.search; "" if it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _trees() -> list[tuple[str, int, ast.Module]]:
    """Return the syntax trees of the Python files; those that did not change are not parsed again."""
    return [
        (name, path.stat().st_mtime_ns, _tree(path, path.stat().st_mtime_ns))
        for name, path in paths(CODE)
        if path.suffix == ".py" and path.stat().st_size <= MAX_BYTES
    ]


@lru_cache(maxsize=4096)
def _tree(path: Path, changed: int) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # a file in the middle of a change defines nothing
        return ast.Module(body=[], type_ignores=[])
