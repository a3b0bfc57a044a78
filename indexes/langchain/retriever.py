"""An index as a LangChain retriever."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol, runtime_checkable

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from indexes.langchain.background import Background
from indexes.settings import IndexSettings
from indexes.types import LocatedPassage, Principal, Where

__all__ = ["Searchable", "WaypostRetriever"]

KEPT = ("index", "document", "title", "uri", "location", "score", "context", "chunk_id")


@runtime_checkable
class Searchable(Protocol):
    """What a retriever needs of an index."""

    @property
    def settings(self) -> IndexSettings:
        """The index's settings."""
        ...

    async def search(
        self,
        query: str,
        *,
        principal: Principal | None,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[LocatedPassage]:
        """Return the at most k best passages that `principal` may see, best first."""
        ...


class WaypostRetriever(BaseRetriever):
    """Searches an index as Waypost does: `WaypostRetriever(index=registry.index("policy"))`.

    `invoke` works in a script and inside a running loop, such as Jupyter's, on a thread that ends
    with `close` or with the retriever. `k` and `where` may be given to `invoke` too.

    Args:
        index: the index.
        principal: who asks; None sees public documents only.
        k: how many passages; None: the index's own number.
        where: what documents to look in.
    """

    index: Searchable
    principal: Principal | None = None
    k: int | None = None
    where: Where | None = None

    @cached_property
    def _background(self) -> Background:
        return Background()

    async def _search(self, query: str, k: int | None, where: Where | None) -> list[Document]:
        found = await self.index.search(
            query,
            principal=self.principal,
            k=self.k if k is None else k,
            where=self.where if where is None else where,
        )
        return [
            Document(
                id=passage["chunk_id"],
                page_content=passage["text"],
                metadata={key: value for key, value in passage.items() if key in KEPT},
            )
            for passage in found
        ]

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        return await self._search(query, k, where)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Where | None = None,
    ) -> list[Document]:
        return self._background.run(self._search(query, k, where))

    def close(self) -> None:
        """End the thread of synchronous searches; the next one starts another."""
        background = self.__dict__.pop("_background", None)
        if background is not None:
            background.close()
