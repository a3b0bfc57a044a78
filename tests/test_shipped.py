"""The vectors that the example ships are complete, and are what the local model computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.app import Waypost
from indexes.embeddings.local import LocalEmbedder
from tests.serving import copy_example


async def test_nothing_is_embedded_anew(tmp_path: Path) -> None:
    """Ingesting the example finds every vector in embeddings.db, so the first answer comes at once."""
    project = copy_example(tmp_path / "project")
    (project / "docs" / "policy" / "secret.md").unlink()  # the copy's one addition
    async with Waypost.open(project) as waypost:
        report = await waypost.ingest()
    assert report["added"] > 40
    assert not report["failed"]
    assert not (project / ".waypost" / "cache" / "embeddings.db").exists()


@pytest.mark.slow
async def test_shipped_vectors_are_the_models(tmp_path: Path) -> None:
    """What embeddings.db holds for a passage is what the local model makes of it, to 16 bits."""
    project = copy_example(tmp_path / "project")
    async with Waypost.open(project) as waypost:
        await waypost.ingest()
        found = [
            passage
            for index in waypost.registry.indexes.values()
            for passage in await index.search("东站项目的措施和费用", principal=None)
        ]
        texts = [f"{passage['header']}\n{passage['text']}" for passage in found]
        shipped = await waypost.registry.embedder("local").embed_passages(texts)
    computed = await LocalEmbedder().embed_passages(texts)
    assert len(texts) >= 20
    assert float(np.abs(shipped - computed).max()) < 1e-3
