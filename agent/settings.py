"""All settings of a project: what retrieval reads, and models, limits, routing and tools."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field

from indexes.settings import ModelSettings, Section, load_settings
from indexes.settings import Settings as IndexesSettings

__all__ = ["Limits", "Models", "Routing", "Settings", "ToolSettings", "load", "project_folder"]

MODEL = r"^(local|openai:.+)$"
Role = Literal["router", "answerer"]


class Models(ModelSettings):
    """[models]: "local", or "openai:<model>" at any OpenAI-compatible endpoint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chat: str = Field(default="local", pattern=MODEL)
    router: str | None = Field(default=None, pattern=MODEL)
    answerer: str | None = Field(default=None, pattern=MODEL)

    def of(self, role: Role) -> str:
        """Return the model of a role: its own, else `chat`."""
        own: str | None = getattr(self, role)
        return own or self.chat


class Limits(Section):
    """[limits], each for one turn."""

    model_calls: int = Field(default=6, ge=0)
    tokens: int = Field(default=16_000, ge=500)
    seconds: float = Field(default=60.0, gt=0)
    rewrites: int = Field(default=1, ge=0, le=5)
    question_characters: int = Field(default=8_000, ge=10)


class Routing(Section):
    """[routing]: questions nothing covers, and what to do with them."""

    none: tuple[str, ...] = ()
    none_file: str = ""
    outside: Literal["decline", "model"] = "decline"


class ToolSettings(Section):
    """[[tool]]: a LangChain tool of the project's own code."""

    use: str = Field(pattern=r"^[A-Za-z_][\w]*:[A-Za-z_]\w*$")
    examples: tuple[str, ...] = ()
    approve: bool = False
    groups: tuple[str, ...] | None = None
    timeout: float = Field(default=30.0, gt=0)


class Settings(IndexesSettings):
    """The whole of waypost.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Models = Models()
    limits: Limits = Limits()
    routing: Routing = Routing()
    tool: tuple[ToolSettings, ...] = ()


def load(project: Path) -> Settings:
    """Read a project's settings.

    Raises:
        ConfigurationError: the folder or waypost.toml is missing or wrong.
    """
    return load_settings(project, Settings)


def project_folder() -> Path:
    """Return the folder of the project to serve: WAYPOST_PROJECT, else the current one."""
    return Path(os.environ.get("WAYPOST_PROJECT") or ".")
