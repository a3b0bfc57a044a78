"""Write a project's embeddings.db: the vectors of all its chunks, examples and phrases, nothing else.

Run it after changing documents, examples or how text is chunked:
`python examples/_sources/ship_embeddings.py examples/urban_construction`. What the present file
already holds is not computed again.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.app import Waypost
from indexes.embeddings import EmbeddingCache
from indexes.embeddings.cache import SHIPPED


async def ship(project: Path) -> int:
    """Ingest a copy of a project and keep exactly the vectors that were asked for."""
    used: dict[bytes, NDArray[np.float32]] = {}
    known = EmbeddingCache.get

    def recording(cache: EmbeddingCache, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        found = known(cache, keys)
        used.update(found)
        return found

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / project.name
        shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".waypost", "__pycache__"))
        for _ in range(2):  # the first run computes what is missing, the second asks for all of it
            EmbeddingCache.get = recording  # type: ignore[method-assign,assignment]
            used.clear()
            shutil.rmtree(copy / ".waypost" / "store", ignore_errors=True)
            (copy / ".waypost" / "cache" / "router.npz").unlink(missing_ok=True)
            async with Waypost.open(copy) as waypost:
                await waypost.ingest()
        target = project / SHIPPED
        target.unlink(missing_ok=True)
        EmbeddingCache(target).put(sorted(used.items(), key=lambda item: item[0]))
    return len(used)


if __name__ == "__main__":
    print(asyncio.run(ship(Path(sys.argv[1]))), "vectors")
