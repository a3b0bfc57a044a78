"""What is known of embedding models before they are asked: length, window, price."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KnownModel", "known_model", "price_of"]


@dataclass(frozen=True)
class KnownModel:
    """A model's facts.

    `dimension` is the length of its vectors, `window` the most tokens of a text, `price` the US
    dollars for a million tokens.
    """

    dimension: int
    window: int
    price: float


# OpenAI's list prices (not those of its Batch API) in May 2026, the same since January 2024:
# https://platform.openai.com/docs/pricing. Windows: https://platform.openai.com/docs/guides/embeddings.
_MODELS = {
    "text-embedding-3-small": KnownModel(dimension=1536, window=8191, price=0.02),
    "text-embedding-3-large": KnownModel(dimension=3072, window=8191, price=0.13),
    "text-embedding-ada-002": KnownModel(dimension=1536, window=8191, price=0.10),
}


def known_model(model: str) -> KnownModel | None:
    """Return the facts of a model, if it is known.

    Args:
        model: its name at an endpoint, perhaps with its maker ("openai/text-embedding-3-small"), or as
            settings name it ("openai:text-embedding-3-small").
    """
    return _MODELS.get(model.removeprefix("openai:").removeprefix("openai/"))


def price_of(model: str) -> float | None:
    """Return the US dollars that a million tokens cost by OpenAI's list; None: unknown.

    Args:
        model: its name, as `known_model` takes it.
    """
    known = known_model(model)
    return known.price if known is not None else None
