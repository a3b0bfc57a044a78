from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from indexes.errors import StoreError
from indexes.stores import EdgeStore
from tests.indexes.store_contract import ALL, DIMENSION, SAMPLE, EmbeddedStoreContract, OpenStore


def open_edge(path: Path, model: str = "m", dimension: int = DIMENSION) -> EdgeStore:
    """Open Qdrant Edge in a folder."""
    return EdgeStore(path, model=model, dimension=dimension)


class TestEdgeStore(EmbeddedStoreContract):
    """Qdrant Edge keeps the contract."""

    @pytest.fixture
    def opener(self) -> OpenStore:
        """Return the function that opens Qdrant Edge."""
        return open_edge


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Return the folder of a store that was filled and closed."""
    with closing(open_edge(tmp_path / "s")) as store:
        store.upsert("chunks", SAMPLE)
    return tmp_path / "s"


def test_half_made_store_is_finished(tmp_path: Path) -> None:
    """A process that died while making the store left folders, which the next one completes."""
    (tmp_path / "s" / "chunks" / "wal").mkdir(parents=True)
    with closing(open_edge(tmp_path / "s")) as store:
        store.upsert("chunks", SAMPLE)
        assert store.retrieve("chunks", [SAMPLE[0].id])


@pytest.mark.parametrize("broken", ["schema.json", "chunks/edge_config.json"])
def test_damaged_store_says_how_to_recover(closed: Path, broken: str) -> None:
    """A damaged file is a StoreError that names the folder to delete, never a bare exception."""
    (closed / broken).write_text("{", encoding="utf-8")
    with pytest.raises(StoreError) as caught:
        open_edge(closed)
    assert repr(str(closed)) in caught.value.fix


def test_path_that_is_a_file(tmp_path: Path) -> None:
    """A store cannot be made where a file stands."""
    (tmp_path / "s").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be made"):
        open_edge(tmp_path / "s")


def test_full_disk_is_refused_before_the_engine_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too little room left nothing is written and the message says how much is needed."""
    monkeypatch.setattr("indexes.stores.edge.MIN_FREE_BYTES", 2**62)
    with closing(open_edge(tmp_path / "s")) as store:
        with pytest.raises(StoreError, match="MiB are free"):
            store.upsert("chunks", SAMPLE)
        assert store.scroll("chunks", where=ALL) == []
