"""Waypost for LangChain: an index as a retriever, and its store as a `QdrantVectorStore`.

`WaypostRetriever(index=registry.index("policy"))` searches as Waypost does. `vector_store(registry,
"policy")` reads and writes single chunks for code that wants a vector store. Both see what their
principal may see. Nothing else in Waypost imports this package: LangChain's Qdrant takes 2 s to load.
"""

from __future__ import annotations

from indexes.langchain.client import StoreClient
from indexes.langchain.retriever import WaypostRetriever
from indexes.langchain.vectorstore import (
    WaypostEmbeddings,
    WaypostSparse,
    WaypostVectorStore,
    vector_store,
)

__all__ = [
    "StoreClient",
    "WaypostEmbeddings",
    "WaypostRetriever",
    "WaypostSparse",
    "WaypostVectorStore",
    "vector_store",
]
