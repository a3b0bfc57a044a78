"""The reference, made from the code: run `python docs/reference/generate.py`; `--check` changes nothing."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import agent
import indexes
import prompts
from agent.answering.types import Citation
from agent.app import Event
from agent.cli.main import app
from agent.cli.manual import ENVIRONMENT, EXAMPLES, EXIT_CODES, FILES
from agent.errors import WaypostError
from agent.routing.types import Candidate
from agent.server import identity as _identity  # its errors  # noqa: F401
from agent.settings import Settings
from agent.state import Usage
from agent.tools.types import ToolCall
from indexes.ingest.lists import load_access, load_fields
from indexes.synonyms import load_synonyms
from indexes.types import Failure, Validity, Warned

FOLDER = Path(__file__).parent
VERSION = version("waypost")
COMMAND = "python docs/reference/generate.py"
NOTE = f"<!-- Made by `{COMMAND}`: change the code, not this file. -->\n"


def described(thing: Any) -> tuple[str, dict[str, str]]:
    """Return what a docstring says before its sections, and what its Args say of each name."""
    text = inspect.cleandoc(thing.__doc__ or "")
    parts = re.split(r"\n\n(Args|Raises|Returns|Yields|Fix):", f"\n\n{text}")
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    found: dict[str, str] = {}
    for entry in re.split(r"\n    (?=\w+: )", sections.get("Args", "")):
        name, _, meaning = entry.strip().partition(": ")
        if meaning:
            found[name] = " ".join(meaning.split())
    return parts[0].strip(), found


def section_of(thing: Any, name: str) -> str:
    """Return a section of a docstring as one line, such as "Fix"."""
    for one in getattr(
        thing, "__mro__", (thing,)
    ):  # an error's base says what to do, unless it does
        text = inspect.cleandoc(one.__doc__ or "")
        if found := re.search(rf"\n{name}:(.*?)(?:\n\n|\Z)", text, re.DOTALL):
            return " ".join(found[1].split())
    return ""


def sentence(text: str) -> str:
    """Return a description with a capital at its beginning and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def escaped(text: str) -> str:
    """Return a text in which `<…>` outside of code is not taken for HTML."""
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or "&lt;", text)


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    text = escaped(text)
    return text.replace("|", "\\|").replace("\n", " ")


def table(*head: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines) + "\n"


# Types


def typed(annotation: Any) -> str:
    """Return a type as people write it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in {typing.Annotated, NotRequired, typing.Required}:
        return typed(parts[0])
    if origin is typing.Literal:
        return " | ".join(json.dumps(one, ensure_ascii=False) for one in parts)
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(typed(one) for one in parts)
    if annotation is type(None):
        return "None"
    if annotation is Any:
        return "Any"
    name = getattr(annotation, "__name__", str(annotation)).rpartition(".")[2]
    if parts and origin is not None:
        inner = ", ".join("…" if one is ... else typed(one) for one in parts)
        return f"{origin.__name__}[{inner}]"
    return name


def inner_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the tables that a setting's type is made of."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from inner_models(part)


# Settings

KINDS: dict[Any, str] = {str: "text", int: "integer", float: "number", bool: "true or false"}


def toml_type(annotation: Any) -> str:
    """Return a setting's type as waypost.toml has it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is typing.Annotated:
        return toml_type(parts[0])
    if origin is typing.Literal:
        return ", ".join(f"`{toml(one)}`" for one in parts)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(dict.fromkeys(toml_type(p) for p in parts if p is not type(None)))
    if origin is tuple:
        listed = toml_type(parts[0])
        return f"any of {listed}" if "`" in listed else f"list of {listed}s"
    if origin is not None and issubclass(origin, Mapping):
        return f"table of {toml_type(parts[1]) if parts[1] is not Any else 'anything'}"
    return KINDS[annotation]


def toml(value: Any) -> str:
    """Return a default as it would stand in waypost.toml."""
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return "{}" if value == {} else str(value)


def bounds(field: FieldInfo) -> str:
    """Return what a number must keep to."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(one, key):g}"
        for one in field.metadata
        for key, sign in signs.items()
        if getattr(one, key, None) is not None
    ]
    return f" {', '.join(found)}" if found else ""


def from_environment(field: FieldInfo) -> bool:
    """Say whether a variable can set it: a single value, or a chain that is written with commas."""
    kind = get_origin(field.annotation)
    several = inspect.isclass(kind) and issubclass(kind, tuple | Mapping)
    return not several or is_chain(field)


def is_chain(field: FieldInfo) -> bool:
    """Say whether it is a list of which one may be written as a text."""
    return "BeforeValidator" in repr(field)


def settings_table(name: str, kind: type[BaseModel], *, many: bool, inside: bool) -> Iterator[str]:
    """Yield the section for a table of waypost.toml, then those of the tables in it.

    Args:
        name: of the table, dotted.
        kind: what it is read into.
        many: there may be several, `[[name]]`.
        inside: it is in a table of which there may be several.
    """
    summary, meanings = described(kind)
    for base in kind.__mro__[1:-1]:  # [models] has a key of what it inherits
        meanings = described(base)[1] | meanings
    rows: list[tuple[str, ...]] = []
    tables = []
    variables = not (many or inside or "." in name)
    for field_name, field in kind.model_fields.items():
        key = field.alias or field_name
        if models := list(inner_models(field.annotation)):
            tables.append((f"{name}.{key}", models[0], get_origin(field.annotation) is tuple))
            continue
        default = field.get_default(call_default_factory=True)
        shown = "—" if default is None else f"`{toml(default)}`"
        if key not in meanings:
            raise SystemExit(f"{kind.__module__}.{kind.__name__} does not say what {key!r} means")
        row = (f"`{key}`", ("text or " if is_chain(field) else "") + toml_type(field.annotation) + bounds(field),
               "required" if field.is_required() else shown, sentence(meanings[key]))  # fmt: skip
        variable = f"`WAYPOST_{name}__{key}`".upper() if from_environment(field) else ""
        rows.append((*row, variable) if variables else row)
    yield f"## `[[{name}]]`\n" if many else f"## `[{name}]`\n"
    yield escaped(sentence(re.sub(r"^\[.*?\]+(, |: | )", "", summary))) + "\n"
    head = ("Key", "Type", "Default", "Meaning", *(("Variable",) if variables else ()))
    if rows:
        yield table(*head, rows=rows)
    for inner, model, several in tables:
        yield from settings_table(inner, model, many=several, inside=inside or many)


def settings() -> str:
    """Return the reference of waypost.toml and the files beside it."""
    parts = [
        "# Settings\n",
        NOTE,
        "Every table and key of `waypost.toml`, with its type, default and meaning. A key that is not here is an"
        " error, which names its line. `—`: there is no default. What a key is good for stands in the guides:"
        " [index.md](../index.md).\n",
        "A variable of the environment goes before the file; its value is written as text, a chain of models"
        " with commas. Keys of tables of which there may be several, `[[…]]`, have none.\n",
    ]
    for name, field in Settings.model_fields.items():
        [kind] = inner_models(field.annotation)
        many = get_origin(field.annotation) is tuple
        parts += settings_table(name, kind, many=many, inside=False)
    for title, read in BESIDE.items():
        parts += [f"## {title}\n", told(read)]
    return "\n".join(parts)


BESIDE: Mapping[str, Callable[..., Any]] = {
    "access.toml": load_access,
    "fields.toml": load_fields,
    "A file of synonyms": load_synonyms,
}


# Commands


def commands_of(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command with its path."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_of(command, (*path, name))
        else:
            yield (*path, name), command


def context_of(command: Any, path: tuple[str, ...]) -> typer.Context:
    """Return the context in which a command describes itself."""
    return typer.Context(command, info_name=" ".join(("waypost", *path)))


def records(command: Any, path: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what the help says of each argument and option."""
    context = context_of(command, path)
    found = [one.get_help_record(context) for one in command.get_params(context)]
    return [one for one in found if one is not None and not one[0].startswith("--help")]


def usage(command: Any, path: tuple[str, ...]) -> str:
    """Return how a command is called."""
    return " ".join(("waypost", *path, *command.collect_usage_pieces(context_of(command, path))))


def paragraphs(command: Any) -> list[str]:
    """Return a command's help, a line for each paragraph."""
    return [" ".join(one.split()) for one in inspect.cleandoc(command.help or "").split("\n\n")]


def shown_examples(command: Any) -> list[str]:
    """Return the example lines of a command."""
    return [line.strip() for line in (command.epilog or "").splitlines()[2:]]


def commands() -> str:
    """Return the reference of the command line."""
    group = typer.main.get_command(app)
    parts = [
        "# Commands\n",
        NOTE,
        "Every command and option of `waypost`. With `--json` the result alone is on stdout; on an error stdout"
        " stays empty and stderr has the message, with `--json` as an object ([errors.md](errors.md)).\n",
        table(
            "Exit code", "Meaning", rows=[(f"`{c}`", sentence(m)) for c, m in EXIT_CODES.items()]
        ),
        table(
            "Variable", "Meaning", rows=[(f"`{n}`", sentence(m)) for n, m in ENVIRONMENT.items()]
        ),
        table("File", "Holds", rows=[(f"`{n}`", sentence(m)) for n, m in FILES.items()]),
        "## waypost\n",
        table("Option", "", rows=[(f"`{n}`", t) for n, t in records(group, ())]),
    ]
    for path, command in commands_of(group):
        parts += [f"## waypost {' '.join(path)}\n", "\n\n".join(paragraphs(command)) + "\n"]
        parts += ["```text", usage(command, path), *shown_examples(command), "```\n"]
        parts.append(table("Argument or option", "", rows=[
            (f"`{name}`", " ".join(text.split())) for name, text in records(command, path)
        ]))  # fmt: skip
    return "\n".join(parts)


def manual() -> str:
    """Return the manual page, for `man waypost`."""
    group = typer.main.get_command(app)

    def plain(text: str) -> str:
        escaped = text.replace("\\", "\\e").replace("-", "\\-")
        return f"\\&{escaped}" if escaped[:1] in ".'" else escaped

    def listed(heading: str, rows: Iterable[tuple[str, str]]) -> list[str]:
        lines = [f".SH {heading}"]
        for name, text in rows:
            lines += [".TP", f".B {plain(name)}", plain(sentence(text))]
        return lines

    [summary] = paragraphs(group)
    lines = [
        '.\\" Made by ' + COMMAND,
        f'.TH WAYPOST 1 "" "waypost {VERSION}" "Waypost"',
        ".SH NAME",
        "waypost \\- " + plain(f"{summary[:1].lower()}{summary[1:]}".rstrip(".")),
        ".SH SYNOPSIS",
        ".B waypost",
        "[OPTIONS] COMMAND [ARGS]...",
        *listed("OPTIONS", records(group, ())),
        ".SH COMMANDS",
    ]
    for path, command in commands_of(group):
        lines.append(f".SS {plain(usage(command, path))}")
        lines += [line for one in paragraphs(command) for line in (".PP", plain(one))]
        for name, text in records(command, path):
            lines += [".TP", f".B {plain(name)}", plain(" ".join(text.split()))]
    lines += listed("EXIT STATUS", [(str(code), text) for code, text in EXIT_CODES.items()])
    lines += listed("ENVIRONMENT", ENVIRONMENT.items()) + listed("FILES", FILES.items())
    lines += [".SH EXAMPLES", ".nf", *map(plain, EXAMPLES), ".fi"]
    return "\n".join(lines) + "\n"


# Python


def told(thing: Any) -> str:
    """Return a docstring as Markdown: its text, then what its sections say."""
    summary, meanings = described(thing)
    parts = [f"{summary}\n"]
    if meanings:
        parts.append("".join(f"- `{one}`: {text}\n" for one, text in meanings.items()))
    for section in ("Returns", "Yields", "Raises"):
        if text := section_of(thing, section):
            parts.append(f"{section}: {text}\n")
    return escaped("\n".join(parts))


def signature(function: Any, name: str) -> str:
    """Return how a function is called, with types and defaults."""
    shape = inspect.signature(function)
    written: list[str] = []
    starred = False
    for one in shape.parameters.values():
        if one.name in {"self", "cls"}:
            continue
        if one.kind is one.KEYWORD_ONLY and not starred:
            starred = True
            written.append("*")
        mark = "**" if one.kind is one.VAR_KEYWORD else ""
        kind = one.annotation if isinstance(one.annotation, str) else typed(one.annotation)
        default = "" if one.default is one.empty else f" = {one.default!r}"
        written.append(
            f"{mark}{one.name}{'' if one.annotation is one.empty else f': {kind}'}{default}"
        )
    returned = shape.return_annotation
    arrow = (
        ""
        if returned is shape.empty
        else f" -> {returned if isinstance(returned, str) else typed(returned)}"
    )
    waits = "await " if inspect.iscoroutinefunction(function) else ""
    call = f"{waits}{name}({', '.join(written)}){arrow}"
    if len(call) <= 100:
        return call
    return f"{waits}{name}(\n" + "".join(f"    {one},\n" for one in written) + f"){arrow}"


def members(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class, in the order of its text."""
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property) or inspect.isfunction(inspect.unwrap(getattr(kind, name))):
            yield name, getattr(member, "__func__", member)


def fields(kind: type[Any]) -> str:
    """Return a table of what a TypedDict, a dataclass or a table of settings holds."""
    _, meanings = described(kind)
    for base in reversed(getattr(kind, "__orig_bases__", ())):
        meanings = described(base)[1] | meanings
    rows: list[tuple[str, ...]] = []
    optional: frozenset[str] = getattr(kind, "__optional_keys__", frozenset())
    for name, annotation in get_type_hints(kind, include_extras=True).items():
        often = name in optional or get_origin(annotation) is NotRequired
        if name not in meanings:
            raise SystemExit(f"{kind.__module__}.{kind.__name__} does not say what {name!r} is")
        rows.append((f"`{name}`" + (" (may be missing)" if often else ""), typed(annotation), sentence(meanings[name])))  # fmt: skip
    return table("Key", "Type", "Meaning", rows=rows)


def is_data(thing: Any) -> bool:
    """Say whether a class is a TypedDict or a dataclass, whose fields are its interface."""
    return inspect.isclass(thing) and (
        dataclasses.is_dataclass(thing) or hasattr(thing, "__required_keys__")
    )


def api(name: str, thing: Any) -> str:
    """Return the section for something public."""
    parts = [f"### {name}\n"]
    if get_origin(thing) is not None:
        return f"### {name}\n\n`{name} = {typed(thing)}`\n"
    if not callable(thing):
        return f"### {name}\n\n`{name}: {type(thing).__name__}`\n"
    if is_data(thing):
        return "\n".join([*parts, described(thing)[0] + "\n", fields(thing)])
    if inspect.isfunction(thing):
        return "\n".join([*parts, f"```python\n{signature(thing, name)}\n```\n", told(thing)])
    parts.append(told(thing))
    for method, member in members(thing):
        function = inspect.unwrap(getattr(member, "fget", None) or member)
        how = (
            f"{name}.{method}"
            if isinstance(member, property)
            else signature(function, f"{name}.{method}")
        )
        parts += [f"```python\n{how}\n```\n", told(function)]
    return "\n".join(parts)


def python() -> str:
    """Return the reference of the Python API."""
    parts = [
        "# Python\n",
        NOTE,
        "What `agent`, `indexes` and `prompts` offer to programs. How it is used: [python.md](../python.md),"
        " [documents.md](../documents.md), [retrieval.md](../retrieval.md). Events: [events.md](events.md)."
        " Errors: [errors.md](errors.md).\n",
    ]
    for package in (agent, indexes, prompts):
        parts.append(f"## {package.__name__}\n")
        names = [name for name in package.__all__ if name != "Event"]
        parts += [api(name, getattr(package, name)) for name in names]
    parts.append("## What these are made of\n")
    parts += [
        api(one.__name__, one)
        for one in (Candidate, Citation, Failure, ToolCall, Usage, Validity, Warned)
    ]
    return "\n".join(parts)


# Events and errors


def events() -> str:
    """Return the reference of the streaming events."""
    summary, meanings = described(Event)
    hints = get_type_hints(Event, include_extras=True)
    kinds = get_args(hints.pop("type"))
    carried = {}
    for key, meaning in meanings.items():
        kind, _, text = meaning.partition(": ")
        carried[kind.strip("`")] = (f"`{key}`", typed(hints[key]), text) if key in hints else None
    rows: list[tuple[str, ...]] = []
    for kind in kinds:
        if found := carried.get(kind):
            rows.append((f"`{kind}`", found[0], found[1], sentence(found[2])))
        else:
            rows.append(
                (
                    f"`{kind}`",
                    "",
                    "",
                    "The tokens so far are withdrawn, and the answer begins anew.",
                )
            )
    return "\n".join([
        "# Events\n",
        NOTE,
        "What `Waypost.stream` and `Waypost.stream_resume` yield, and the server sends in the stream mode `custom`."
        f" {summary}\n",
        table("`type`", "Key", "Type", "When", rows=rows),
        "The types are in [python.md](python.md). On a server the answer is the last `values`, and an approval its"
        " `__interrupt__`: [server.md](../server.md).\n",
    ])  # fmt: skip


def error_classes(kind: type[WaypostError] = WaypostError) -> Iterator[type[WaypostError]]:
    """Yield an error class and all of Waypost's that are made of it; a project's tools may have others."""
    if kind.__module__.partition(".")[0] not in {"agent", "indexes"}:
        return
    yield kind
    for one in sorted(kind.__subclasses__(), key=lambda each: each.__name__):
        yield from error_classes(one)


def http_answers() -> list[tuple[str, str, str]]:
    """Return each answer of the server that refuses: its status, its `detail`, and the module it is in."""
    found = []
    for path in sorted((FOLDER.parents[1] / "agent" / "server").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id="HTTPException" | "refused" | "_refused"),
                    args=[ast.Constant(value=int(status)), said],
                ):
                    detail = said.value if isinstance(said, ast.Constant) else None
                    detail = texts.get(said.id) if isinstance(said, ast.Name) else detail
                    told = str(detail) if detail else "what a UsageError says"
                    found.append((f"`{status}`", told, path.stem))
    return sorted(set(found))


def errors() -> str:
    """Return the reference of the errors."""
    rows = []
    for kind in error_classes():
        base = "" if kind is WaypostError else f"`{kind.__mro__[1].__name__}`"
        rows.append((
            f"`{kind.__name__}`", base, f"`{kind.code}`", f"`{kind.exit_code}`",
            "yes" if kind.retryable else "no",
            sentence(" ".join(described(kind)[0].split("\n\n")[0].split())),
            sentence(section_of(kind, "Fix")),
        ))  # fmt: skip
    head = ("Error", "Is a", "`code`", "Exit code", "Again?", "Means", "What to do")
    return "\n".join([
        "# Errors\n",
        NOTE,
        "Everything that Waypost raises on purpose is a `WaypostError` and says what is wrong, where, and how to"
        " mend it: `message`, `fix`, `code`, `retryable`. With `--json` the commands print these four on stderr,"
        " the code as `error`. “Again?”: the same may succeed later.\n",
        table(*head, rows=rows),
        "## Over HTTP\n",
        "A server answers with a status and `{\"detail\": …}`; its LangGraph API has further answers of its own. The last"
        " column is the module of `agent.server`; [server.md](../server.md) says who may do what.\n",
        table("Status", "`detail`", "From", rows=http_answers()),
    ])  # fmt: skip


FILES_MADE: Mapping[str, Callable[[], str]] = {
    "settings.md": settings,
    "commands.md": commands,
    "python.md": python,
    "events.md": events,
    "errors.md": errors,
    "waypost.1": manual,
}


def stale() -> list[str]:
    """Return the files that differ from what the code says now."""
    return [
        name
        for name, make in FILES_MADE.items()
        if not (path := FOLDER / name).exists() or path.read_text(encoding="utf-8") != make()
    ]


def main() -> int:
    """Write what is stale, or with `--check` name it and fail."""
    found = stale()
    if "--check" in sys.argv:
        for name in found:
            print(f"docs/reference/{name} is stale. Fix: {COMMAND}", file=sys.stderr)
        return 1 if found else 0
    for name in found:
        (FOLDER / name).write_text(FILES_MADE[name](), encoding="utf-8")
        print(f"wrote docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
