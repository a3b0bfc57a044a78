"""All settings of a project: what retrieval reads, and models, limits, routing and tools."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from indexes.settings import ModelSettings, Section, load_settings
from indexes.settings import Settings as IndexesSettings

__all__ = [
    "Costs",
    "Limits",
    "Models",
    "Routing",
    "Rule",
    "Settings",
    "ToolSettings",
    "load",
    "project_folder",
]

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


class Costs(Section):
    """[routing.costs]: what mistakes cost beside an answer that is not found, which costs 1.

    Args:
        search: each index that is searched.
        needless: searching for what nothing covers.
        decline: declining what something covers.
        act: calling a tool that was not wanted; twice that where arguments would be asked for.
        talk: taking a question for small talk.
        ask: asking what is meant instead of doing anything.
    """

    search: float = Field(default=0.05, ge=0, allow_inf_nan=False)
    needless: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    decline: float = Field(default=2.0, ge=0, allow_inf_nan=False)
    act: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    talk: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    ask: float = Field(default=0.9, ge=0, allow_inf_nan=False)


class Rule(Section):
    """[[routing.rule]]: questions that match go there; with neither index nor tool nothing covers them."""

    pattern: str = Field(min_length=1)
    index: str | None = Field(default=None, min_length=1)
    tool: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        if self.index is not None and self.tool is not None:
            raise ValueError("name an index or a tool, not both")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern is no regular expression: {error}") from error
        return self


class Routing(Section):
    """[routing]: rules, questions nothing covers, and how decisions are made.

    Args:
        none: example questions that no index or tool covers; `none_file` names more, one a line.
        outside: what to do with such questions.
        embedding: the router's own model; routing asks no network unless this names one there.
        threshold: how sure the classifier must be to decide alone where a chat model is configured.
        costs: what mistakes cost.
        rule: patterns that decide.
    """

    none: tuple[str, ...] = ()
    none_file: str = ""
    outside: Literal["decline", "model"] = "decline"
    embedding: str = Field(default="local", pattern=MODEL)
    threshold: float = Field(default=0.6, ge=0, le=1)
    costs: Costs = Costs()
    rule: tuple[Rule, ...] = ()


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
