"""What an adapter's folder says of itself: what it was made of, what it chooses from, how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from agent.errors import ConfigurationError

__all__ = ["CARD", "AdapterCard", "BaseCard", "read_card"]

CARD = "card.json"


class BaseCard(TypedDict):
    """The model that an adapter is for; `name` is a shorthand, a path from the adapter's folder, or a hub's name."""

    name: str
    sha256: str


class AdapterCard(TypedDict):
    """What is known of an adapter.

    `labels` are the names it chooses from. `template` has a question inserted for {question}.
    `temperature` divides the logarithms of probabilities. `weights_sha256` is of its weights,
    `data_sha256` of each file it learned from, `questions_sha256` of each question in these.
    `figures` and `loss` are of its training.
    """

    kind: Literal["waypost-adapter"]
    task: Literal["router", "tools"]
    project: str
    created: str
    base: BaseCard
    template: str
    labels: list[str]
    temperature: float
    hyperparameters: dict[str, Any]
    weights_sha256: str
    data_sha256: dict[str, str]
    questions_sha256: list[str]
    figures: dict[str, Any]
    loss: dict[str, Any]
    versions: dict[str, str]


def read_card(folder: Path) -> AdapterCard:
    """Read an adapter's card.

    Raises:
        ConfigurationError: the folder is no adapter of Waypost's, or its card is damaged.
    """
    try:
        text = (folder / CARD).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{str(folder)!r} has no adapter: {CARD} cannot be read ({error.strerror}).",
            fix="make one with `waypost tune train`, or correct the path in [models] router.",
        ) from error
    try:
        card = TypeAdapter(AdapterCard).validate_json(text)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"]) or "the file"
        raise ConfigurationError(
            f"{str(folder / CARD)!r} is no adapter's card: {where} is missing or wrong.",
            fix="name a folder that `waypost tune train --backend lora` wrote.",
        ) from error
    if len(set(card["labels"])) < 2 or card["temperature"] <= 0:
        raise ConfigurationError(
            f"{str(folder / CARD)!r} has too few labels, or no temperature.",
            fix="train the adapter again.",
        )
    return card
