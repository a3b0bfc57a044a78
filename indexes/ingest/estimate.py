"""What embedding over the network will take, before it is paid for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from indexes.embeddings import CachedEmbedder
from indexes.ingest.items import Part
from indexes.ingest.writing import Work
from indexes.types import Estimate

__all__ = ["Confirm", "estimate"]

Confirm = Callable[[Sequence[Estimate]], bool]


async def estimate(
    found: AsyncIterator[tuple[Work, object] | None], embedders: Mapping[str, CachedEmbedder]
) -> list[Estimate]:
    """Return what models over the network would embed: what the cache holds costs nothing.

    Args:
        found: the parts of documents; all of them are read.
        embedders: the embedding models by the names that the settings give them.
    """
    texts = dict.fromkeys(embedders, 0)
    tokens = dict.fromkeys(embedders, 0)
    async for one in found:
        if one is None or not isinstance(one[1], Part):
            continue
        work, part = one[0], one[1]
        model = work.item.recipe.model
        embedder = embedders[model]
        if not embedder.remote:
            continue
        new = await embedder.unknown([text for text in (*part.texts, part.text) if text])
        texts[model] += len(new)
        tokens[model] += await asyncio.to_thread(_total, embedder, new)
    return [
        {
            "model": embedder.name,
            "texts": texts[model],
            "tokens": tokens[model],
            "dollars": None if embedder.price is None else tokens[model] / 1e6 * embedder.price,
        }
        for model, embedder in embedders.items()
        if texts[model]
    ]


def _total(embedder: CachedEmbedder, texts: Sequence[str]) -> int:
    return sum(map(embedder.count_tokens, texts))
