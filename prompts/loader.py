"""Loading and filling of prompt files.

Each `<name>.toml` declares `variables` and holds, for each language, one text or a table of a `system`
and a `user` text. A variable is written `{name}`, a brace that is none `{{` or `}}`. A project replaces
a whole file by one of its own with the same variables, `<project>/prompts/<name>.toml`. Its
`prompts/smalltalk.toml` has replies of its own: a table of `zh` and `en` for each kind of small talk.
"""

from __future__ import annotations

import string
import tomllib
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

__all__ = ["PACKAGED", "Language", "PromptError", "Prompts", "texts"]

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
ROLES = ("system", "user")
TALK = "smalltalk"
TALK_VARIABLES = {"persona", "covered"}
KEYS = {"variables", *LANGUAGES}


class PromptError(Exception):
    """A prompt file is malformed, or was rendered with the wrong variables.

    Args:
        message: what is wrong, and in which file and key or line.
        fix: what its author can do about it.
    """

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(f"{message} Fix: {fix}" if fix else message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True)
class _Prompt:
    """A prompt file that keeps to its declaration: role and text of each message, by language."""

    file: str
    variables: frozenset[str]
    parts: dict[Language, list[tuple[str, str]]]


class Prompts:
    """The prompts of a project: the packaged ones, but for those that it replaces.

    Args:
        folder: the project's `prompts` folder, which need not exist; None: the packaged ones only.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def check(self) -> None:
        """Read the project's files, so that a mistake is told now and not at the first question.

        Raises:
            PromptError: one of them cannot be used.
        """
        _ = self._own, self._talk

    def small_talk(self, kind: str, language: Language) -> str:
        """Return the reply to a kind of small talk, as the project has it, else as packaged."""
        return self._talk.get(kind, {}).get(language) or str(_kinds()[kind][language])

    def render(self, name: str, language: Language, **variables: str) -> str:
        """Return the prompt `name` in a language, its variables filled in, as one text.

        Raises:
            PromptError: a variable is missing or unknown, or the file is malformed.
        """
        filled = self.messages(name, language, **variables)
        return "\n\n".join(message["content"] for message in filled)

    def messages(self, name: str, language: Language, **variables: str) -> list[dict[str, str]]:
        """Return the prompt `name` in a language, its variables filled in, as a chat's messages.

        Raises:
            PromptError: a variable is missing or unknown, or the file is malformed.
        """
        prompt = self._own.get(name) or _packaged(name)
        if set(variables) != prompt.variables:
            raise PromptError(
                f"{prompt.file} needs the variables {sorted(prompt.variables)}, "
                f"got {sorted(variables)}."
            )
        return [
            {"role": role, "content": text.format_map(variables).strip()}
            for role, text in prompt.parts[language]
        ]

    @cached_property
    def _talk(self) -> dict[str, dict[str, str]]:
        path = self._folder / f"{TALK}.toml" if self._folder is not None else None
        if path is None or not path.exists():
            return {}
        data = _toml(path)
        for kind, replies in data.items():
            if (
                kind not in _kinds()
                or not isinstance(replies, dict)
                or set(replies) != {*LANGUAGES}
            ):
                raise PromptError(
                    f"{path}: {kind!r} is no kind of small talk with exactly `zh` and `en`.",
                    fix=f"the kinds are {', '.join(_kinds())}.",
                )
            for language, text in replies.items():
                used = _fields(f"{path}: {kind}.{language}", str(text))
                if unknown := sorted(used - TALK_VARIABLES):
                    raise PromptError(
                        f"{path}: {kind}.{language} uses {unknown}.",
                        fix=f"the variables are {', '.join(sorted(TALK_VARIABLES))}.",
                    )
        return data

    @cached_property
    def _own(self) -> dict[str, _Prompt]:
        folder = self._folder
        if folder is None or not folder.exists():
            return {}
        if not folder.is_dir():
            raise PromptError(f"{folder} is a file.", fix="make it a folder, or rename it.")
        found = {}
        for path in sorted(folder.glob("*.toml")):
            if (
                path.name.startswith(".") or path.stem == TALK
            ):  # left there by an editor or an archive
                continue
            if path.stem not in _names():
                raise PromptError(
                    f"{path}: there is no prompt {path.stem!r} to replace.",
                    fix=f"rename it; the prompts are {', '.join(_names())}.",
                )
            found[path.stem] = _read_own(path, _packaged(path.stem))
        return found


def _read_own(path: Path, packaged: _Prompt) -> _Prompt:
    prompt = _checked(str(path), _toml(path))
    if prompt.variables != packaged.variables:
        raise PromptError(
            f"{path}: `variables` are {sorted(prompt.variables)} where the packaged prompt has "
            f"{sorted(packaged.variables)}.",
            fix=f"write variables = {sorted(packaged.variables)} and use each of them.",
        )
    return prompt


def _toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PromptError(f"{path} cannot be read: {error}.", fix="save it as UTF-8.") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PromptError(
            f"{path} is no TOML: {error}.",
            fix="mend that line; a text of several lines stands between ''' and '''.",
        ) from error


def _checked(file: str, data: dict[str, Any]) -> _Prompt:
    """Return the prompt that a file holds, if it keeps to what it declares."""
    if set(data) != KEYS:
        missing, unknown = sorted(KEYS - set(data)), sorted(set(data) - KEYS)
        told = [f"lacks {missing}"] * bool(missing) + [f"has the unknown {unknown}"] * bool(unknown)
        raise PromptError(
            f"{file} {' and '.join(told)}.", fix="give it exactly `variables`, `zh` and `en`."
        )
    variables = data["variables"]
    if not isinstance(variables, list) or not all(isinstance(v, str) for v in variables):
        raise PromptError(f"{file}: `variables` is no list of names.", fix='write ["question"].')
    declared = frozenset(variables)
    parts = {language: _parts(file, language, data[language]) for language in LANGUAGES}
    for language, messages in parts.items():
        used = set().union(*(_fields(f"{file}: `{language}`", text) for _, text in messages))
        if unknown := sorted(used - declared):
            raise PromptError(
                f"{file}: `{language}` uses {unknown}, which `variables` does not declare.",
                fix="use the declared ones only; a brace that is no variable is written {{ or }}.",
            )
        if unused := sorted(declared - used):
            raise PromptError(
                f"{file}: `{language}` does not use {unused}, which `variables` declares.",
                fix=f"write {{{unused[0]}}} where it belongs.",
            )
    return _Prompt(file, declared, parts)


def _parts(file: str, language: str, value: Any) -> list[tuple[str, str]]:
    """Return role and text of each message that a language has."""
    if isinstance(value, str):
        value = {"user": value}
    elif not isinstance(value, dict) or set(value) != set(ROLES):
        raise PromptError(
            f"{file}: `{language}` is neither a text nor a table of exactly `system` and `user`.",
            fix=f"write {language} = '''…''', or a table [{language}] with both.",
        )
    for role, text in value.items():
        if not isinstance(text, str) or not text.strip():
            raise PromptError(
                f"{file}: `{language}` has no text for `{role}`.", fix="write one, in quotes."
            )
    return [(role, value[role]) for role in ROLES if role in value]


def _fields(where: str, text: str) -> set[str]:
    """Return the names that a text uses as variables."""
    try:
        found = list(string.Formatter().parse(text))
    except ValueError as error:
        raise PromptError(
            f"{where} has a brace that is no variable: {error}.", fix="write {{ or }} for it."
        ) from error
    for _, name, form, conversion in found:
        if name is not None and (not name.isidentifier() or form or conversion):
            raise PromptError(
                f"{where} has braces around what is no variable: {{{name}…}}.",
                fix="write {name} for a variable, and {{ or }} for a brace.",
            )
    return {name for _, name, _, _ in found if name is not None}


@cache
def _read(name: str) -> dict[str, Any]:
    path = resources.files("prompts") / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _kinds() -> dict[str, Any]:
    """Return the kinds of small talk by name."""
    return {kind["name"]: kind for kind in _read(TALK)["kind"]}


@cache
def _packaged(name: str) -> _Prompt:
    if name not in _names():
        raise PromptError(f"There is no prompt {name!r}; there are {', '.join(_names())}.")
    return _checked(f"prompts/{name}.toml", _read(name))


@cache
def _names() -> tuple[str, ...]:
    """Return the names of the packaged prompts: the files that declare variables."""
    names = (entry.name for entry in resources.files("prompts").iterdir())
    stems = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    return tuple(stem for stem in stems if "variables" in _read(stem))


def texts(name: str, table: str) -> Any:
    """Return a top-level table of a file of texts: `texts("messages", "zh")`."""
    return _read(name)[table]


PACKAGED = Prompts()
