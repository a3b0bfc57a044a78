"""An index's chunks as a LangChain vector store."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NoReturn, cast

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode, SparseEmbeddings
from langchain_qdrant.sparse_embeddings import SparseVector
from qdrant_client import QdrantClient, models

from indexes.base import Embedder, Schema, Sparse, Store
from indexes.errors import UsageError
from indexes.langchain.background import Background
from indexes.langchain.client import StoreClient
from indexes.lexical import encode_document, encode_query
from indexes.registry import Registry
from indexes.types import Principal

__all__ = ["WaypostEmbeddings", "WaypostSparse", "WaypostVectorStore", "vector_store"]

Mode = Literal["dense", "sparse", "hybrid"]


class WaypostSparse(SparseEmbeddings):
    """The sparse vectors that Waypost's own chunks have: BM25 over Waypost's terms."""

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Return the vectors of texts to be stored."""
        return [_sparse(encode_document("text", text)) for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        """Return the vector of a question."""
        return _sparse(encode_query(text))


def _sparse(vector: Sparse) -> SparseVector:
    return SparseVector(indices=list(vector.ids), values=list(vector.weights))


class WaypostEmbeddings(Embeddings):
    """A Waypost embedding model for LangChain.

    Args:
        embedder: the model.
        background: where it runs for callers who cannot await.
    """

    def __init__(self, embedder: Embedder, background: Background) -> None:
        self._embedder = embedder
        self._background = background

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts to be stored."""
        return self._background.run(self.aembed_documents(texts))

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return self._background.run(self.aembed_query(text))

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts to be stored."""
        return cast(list[list[float]], (await self._embedder.embed_passages(texts)).tolist())

    async def aembed_query(self, text: str) -> list[float]:
        """Return the vector of a question."""
        return cast(list[float], (await self._embedder.embed_query(text)).tolist())


class WaypostVectorStore(QdrantVectorStore):
    """`QdrantVectorStore` as LangChain's standard tests want one; make it with `vector_store`.

    Ids come back as they were given, metadata has nothing added, and `lambda_mult` of MMR means what
    LangChain says (langchain-ai/langchain#39052).
    """

    def add_texts(  # type: ignore[override]
        self,
        texts: Iterable[str],
        metadatas: list[dict[Any, Any]] | None = None,
        ids: Sequence[str | int | None] | None = None,
        batch_size: int = 64,
        **kwargs: Any,
    ) -> list[str | int]:
        """Add texts, those without an id under a new one, and return their ids."""
        every = list(texts)
        named = [one or str(uuid.uuid4()) for one in ids or [None] * len(every)]
        return super().add_texts(every, metadatas, named, batch_size, **kwargs)

    def max_marginal_relevance_search_with_score_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        score_threshold: float | None = None,
        consistency: models.ReadConsistency | None = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """Return k documents that are near and unlike each other; `lambda_mult` 0 is most unlike."""
        found = self.client.query_points(
            self.collection_name,
            query=models.NearestQuery(
                nearest=embedding,
                mmr=models.Mmr(diversity=1 - lambda_mult, candidates_limit=fetch_k),
            ),
            using=self.vector_name,
            query_filter=filter,
            search_params=search_params,
            limit=k,
            score_threshold=score_threshold,
            consistency=consistency,
            **kwargs,
        )
        return [
            (
                self._document_from_point(
                    one, self.collection_name, self.content_payload_key, self.metadata_payload_key
                ),
                one.score,
            )
            for one in found.points
        ]

    @classmethod
    def _document_from_point(
        cls,
        scored_point: Any,
        collection_name: str,
        content_payload_key: str,
        metadata_payload_key: str,
    ) -> Document:
        payload = scored_point.payload
        known = payload.get(metadata_payload_key)
        if known is None and "id" not in payload:  # Waypost ingested it
            known = {key: payload.get(key) for key in ("index", "document", "title", "uri", "path")}
            known["location"] = payload["spans"][0]["location"] if payload.get("spans") else {}
        return Document(
            id=str(scored_point.id),
            page_content=payload.get(content_payload_key, ""),
            metadata=dict(known or {}),
        )

    @classmethod
    def construct_instance(cls, *_: Any, **__: Any) -> NoReturn:
        """Refuse to make a database: `from_texts` and `from_documents` would."""
        raise UsageError(
            "A Waypost vector store is not made from texts.",
            fix="make it with vector_store(registry, index), then add them.",
        )

    @classmethod
    def from_existing_collection(cls, *_: Any, **__: Any) -> NoReturn:
        """Refuse to open a database."""
        cls.construct_instance()

    def close(self) -> None:
        """End the thread of the client."""
        self.client.close()

    def __enter__(self) -> WaypostVectorStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def vector_store(
    source: Registry | Store,
    index: str,
    *,
    embedding: Embeddings | None = None,
    principal: Principal | None = None,
    access: Sequence[str] | None = None,
    mode: Mode | None = None,
    schema: Schema | None = None,
) -> WaypostVectorStore:
    """Return an index's chunks as a vector store; close it, or use it in a `with` statement.

    What is added is found by Waypost's searches too, but is no document of the index: it has no
    entry among its documents, and ingestion leaves it alone unless its metadata name a `document`
    that is ingested.

    Args:
        source: an open registry, or a store.
        index: the index's name.
        embedding: the model of its dense vectors; None: the index's own (a registry's alone).
        principal: who reads; None sees public chunks only.
        access: the groups that may see what is added, ("*",) for everyone; None: the principal's.
        mode: how it searches; None: hybrid, or sparse if the index's chunks have no embeddings.
        schema: what the store's points are made of (for a store alone).

    Raises:
        UnknownIndexError: the registry has no such index.
        UsageError: the embedding or the schema is missing.
    """
    fields = {}
    embedder: Embedder | None = None
    if isinstance(source, Registry):
        settings = source.index(index).settings
        schema = source.schema
        fields = {index: settings.fields}
        mode = mode or ("hybrid" if settings.embeds_chunks else "sparse")
        embedder = source.embedder_of(index)
    mode = mode or "hybrid"
    if schema is None or (mode != "sparse" and embedding is None and embedder is None):
        raise UsageError(
            f"The vector store of {index!r} has no schema or no embedding model.",
            fix="pass `schema` and `embedding` with a store, or a registry.",
        )
    store = source.store if isinstance(source, Registry) else source
    client = StoreClient(store, schema, principal=principal, access=access, fields=fields)
    own = f"dense_{index}"
    if mode != "sparse" and embedding is None and embedder is not None:
        embedding = WaypostEmbeddings(embedder, client.background)
    try:
        return WaypostVectorStore(
            client=cast(QdrantClient, client),
            collection_name=index,
            embedding=embedding,
            retrieval_mode=RetrievalMode(mode),
            vector_name=own if own in schema.spaces else "dense",
            content_payload_key="text",
            metadata_payload_key="metadata",
            sparse_embedding=WaypostSparse(),
            sparse_vector_name="text",
        )
    except BaseException:
        client.close()
        raise
