"""The chat's own texts, in the project's language."""

from __future__ import annotations

from typing import Any

from prompts import Language, texts

__all__ = ["Words"]


class Words:
    """The texts of prompts/chat.toml: `words("hello", name="…")`.

    Args:
        language: of the project.
    """

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._texts: dict[str, Any] = texts("chat", language)
        self._messages: dict[str, Any] = texts("messages", language)

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its variables filled in."""
        return str(self._texts[key]).format(**values)

    @property
    def help(self) -> dict[str, tuple[str, str]]:
        """The commands without their slash: their arguments, and what they do."""
        return {name: (usage, text) for name, (usage, text) in self._texts["help"].items()}

    def message(self, key: str) -> str:
        """Return a text that answers have too."""
        return str(self._messages[key])

    def listed(self, names: list[str]) -> str:
        """Return names as one text."""
        return self.message("list_separator").join(names)
