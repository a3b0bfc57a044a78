"""Loading and filling of prompt files.

Each `<name>.toml` declares `variables` and holds one text a language. A variable is written
`{name}`; a text that uses an undeclared one, or a call that leaves one out, is an error.
"""

from __future__ import annotations

import string
import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

__all__ = ["PromptError", "render", "texts"]

Language = Literal["zh", "en"]


class PromptError(Exception):
    """A prompt file is malformed, or was rendered with the wrong variables."""


@lru_cache(maxsize=64)
def _read(name: str) -> dict[str, Any]:
    path = resources.files("prompts") / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@lru_cache(maxsize=64)
def _prompt(name: str) -> tuple[frozenset[str], dict[str, str]]:
    data = _read(name)
    unknown = set(data) - {"variables", "zh", "en"}
    if unknown or not {"variables", "zh", "en"} <= set(data):
        raise PromptError(f"prompts/{name}.toml needs exactly `variables`, `zh` and `en`.")
    declared = frozenset(data["variables"])
    for language in ("zh", "en"):
        used = {field for _, field, _, _ in string.Formatter().parse(data[language]) if field}
        if used != declared:
            raise PromptError(
                f"prompts/{name}.toml ({language}) uses {sorted(used)} and declares {sorted(declared)}."
            )
    return declared, {"zh": data["zh"], "en": data["en"]}


def render(name: str, language: Language, **variables: str) -> str:
    """Return the prompt `name` in a language with its variables filled in.

    Raises:
        PromptError: a variable is missing or unknown, or the file is malformed.
    """
    declared, by_language = _prompt(name)
    if set(variables) != declared:
        raise PromptError(
            f"prompts/{name}.toml needs the variables {sorted(declared)}, got {sorted(variables)}."
        )
    return by_language[language].format(**variables).strip()


@lru_cache(maxsize=64)
def texts(name: str, table: str) -> Any:
    """Return a top-level table of a file of texts: `texts("messages", "zh")`."""
    return _read(name)[table]
