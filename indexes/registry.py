"""The registry: a project's indexes, opened together over one store."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from indexes import log
from indexes.access import permits, visible_to
from indexes.base import Index, Query, Schema, Source, Store
from indexes.embeddings import CachedEmbedder, EmbeddingCache, make_embedder
from indexes.embeddings.cache import SHIPPED
from indexes.errors import ConfigurationError, UnknownIndexError, UsageError, WaypostError
from indexes.filters import compile_where
from indexes.fusion import merge_by_rank, scaled
from indexes.ingest.documents import Documents
from indexes.ingest.estimate import Confirm
from indexes.ingest.sources import load_sources
from indexes.ingest.sync import Progress, ingesting, sync_files
from indexes.ingest.waiting import Waiting, waiting_files
from indexes.ingest.watch import changes
from indexes.lexical import SATURATION, encode_query, encode_term
from indexes.search import FlatIndex, HierarchicalIndex
from indexes.settings import Settings, load_settings
from indexes.stores.open import model_of, open_store, schema_of, space_of
from indexes.synonyms import Synonyms, load_synonyms, replaced
from indexes.text import content_terms, phrase_terms
from indexes.types import (
    AnyOf,
    DocumentInfo,
    Failure,
    Filter,
    LocatedPassage,
    Passage,
    Principal,
    SyncReport,
    Where,
)

__all__ = ["Affinity", "Outline", "Registry", "public_passage"]

NO_SYNONYMS = Synonyms(())
LAYOUTS = {"flat": FlatIndex, "hierarchical": HierarchicalIndex}


@dataclass(frozen=True)
class Affinity:
    """How well an index's best chunks match a question.

    Args:
        lexical: the best BM25 score over the most it could be, from 0 to 1.
        similarity: the best cosine; 0 in an index without embeddings.
    """

    lexical: float
    similarity: float


@dataclass(frozen=True)
class Outline:
    """Titles and headings of an index, for a router to learn from."""

    titles: tuple[str, ...]
    headings: tuple[str, ...]


class Registry:
    """A project's indexes.

    `async with Registry.open("my_project") as registry: await registry.search("...")`
    """

    def __init__(
        self,
        project: Path,
        settings: Settings,
        store: Store,
        embedders: dict[str, CachedEmbedder],
        cache: EmbeddingCache,
        schema: Schema,
        synonyms: Mapping[str, Synonyms],
    ) -> None:
        self.project = project
        self.settings = settings
        self.store = store
        self.schema = schema
        self._embedders = embedders
        self._cache = cache
        self._synonyms = synonyms
        self._documents = Documents(project, settings, store, embedders)
        self.indexes: Mapping[str, Index] = {
            one.name: LAYOUTS[one.layout](
                one,
                store,
                embedders[model_of(one, settings)],
                space_of(one, settings),
                synonyms.get(one.synonyms, NO_SYNONYMS),
                self._documents,
            )
            for one in settings.index
        }

    @classmethod
    @asynccontextmanager
    async def open(
        cls, project: str | Path, settings: Settings | None = None
    ) -> AsyncIterator[Self]:
        """Open a project's store; no document is read and no model loaded.

        Args:
            project: the folder with waypost.toml.
            settings: what to use instead of reading that file.

        Raises:
            ConfigurationError: the folder or its settings are unusable.
            StoreLockedError: another process has the store open for itself.
            StoreUnreachableError: the server does not answer.
            StoreSchemaError: the store was made with another version or embedding model.
        """
        folder = Path(project)
        known = settings
        if known is None:
            known = await asyncio.to_thread(load_settings, folder, Settings)
        state = folder / known.store.path
        cache = EmbeddingCache(state / "cache" / "embeddings.db", folder / SHIPPED)
        models = {known.models.embedding, *(model_of(index, known) for index in known.index)}
        embedders = {model: CachedEmbedder(make_embedder(model), cache) for model in models}
        schema = await asyncio.to_thread(schema_of, known, embedders)
        files = sorted({one.synonyms for one in known.index if one.synonyms})
        synonyms = {file: await asyncio.to_thread(load_synonyms, folder / file) for file in files}
        store = await open_store(folder, known, schema)
        try:
            yield cls(folder, known, store, embedders, cache, schema, synonyms)
        finally:
            await store.close()
            for embedder in embedders.values():
                await embedder.close()

    def embedder(self, model: str) -> CachedEmbedder:
        """Return an embedding model by name, whether or not an index uses it.

        Args:
            model: "local" or "openai:<model>".
        """
        if model not in self._embedders:
            self._embedders[model] = CachedEmbedder(make_embedder(model), self._cache)
        return self._embedders[model]

    def embedder_of(self, index: str) -> CachedEmbedder:
        """Return the embedding model of an index."""
        return self._embedders[model_of(self.index(index).settings, self.settings)]

    def index(self, name: str) -> Index:
        """Return the index of that name.

        Raises:
            UnknownIndexError: the project has no such index.
        """
        try:
            return self.indexes[name]
        except KeyError:
            raise UnknownIndexError(name, sorted(self.indexes)) from None

    async def search(
        self,
        query: str,
        *,
        index: str | None = None,
        k: int | None = None,
        principal: Principal | None = None,
        where: Where | None = None,
    ) -> list[Passage]:
        """Return the best passages of one index, or of all merged by rank.

        Args:
            query: a question or keywords.
            index: the index's name; None searches all.
            k: how many passages; None: the index's own number.
            principal: who asks; None sees public documents only.
            where: what documents to look in, such as `{"year": {"gte": 2023}}`.

        Raises:
            UnknownIndexError: there is no such index.
            UsageError: the filter is unusable; when all indexes are searched, those that do not
                have one of its fields are left out.
        """
        query = query.encode("utf-8", "replace").decode()  # half a character is no text
        if index is not None:
            found = await self.index(index).search(query, principal=principal, k=k, where=where)
            return [public_passage(passage) for passage in found]
        chosen = self._with_fields(where)
        rankings = await asyncio.gather(
            *(one.search(query, principal=principal, k=k, where=where) for one in chosen)
        )
        most = k or max((one.settings.k for one in chosen), default=5)
        affinities = await self.affinities(query, principal=principal)
        similar = [one.similarity for one in affinities.values() if one.similarity]
        usual = sum(similar) / len(similar) if similar else 0.0
        weights = scaled([_weight(affinities.get(one.settings.name), usual) for one in chosen])
        return [public_passage(one) for one in merge_by_rank(rankings, weights, most)]

    def _with_fields(self, where: Where | None) -> list[Index]:
        """Return the indexes that have all the fields of a filter.

        Raises:
            UsageError: none has.
        """
        chosen, refused = [], None
        for one in self.indexes.values():
            try:
                compile_where(where, one.settings.fields)
            except UsageError as error:
                refused = refused or error
            else:
                chosen.append(one)
        if refused is not None and not chosen:
            raise refused
        return chosen

    def synonyms(self, index: str) -> Synonyms:
        """Return an index's synonyms."""
        file = self.index(index).settings.synonyms
        return self._synonyms[file] if file else Synonyms([])

    async def reworded(self, question: str, *, principal: Principal | None) -> str:
        """Return a question in the documents' words: a phrase that none has gives way to a synonym.

        Args:
            question: the question.
            principal: whose documents count.
        """
        named = [
            (phrase, other)
            for synonyms in self._synonyms.values()
            for phrase, others in synonyms.named(question)
            for other in others
        ]
        if not named:
            return question
        terms = dict.fromkeys(
            term for pair in named for phrase in pair for term in phrase_terms(phrase)
        )
        visible = Filter((visible_to(principal),))
        known = await self.store.idf("chunks", "text", [encode_term(t) for t in terms], visible)
        there = {term for term, idf in zip(terms, known, strict=True) if idf > 0}
        for phrase, other in named:
            terms_of = phrase_terms(other)
            if (
                terms_of
                and there.issuperset(terms_of)
                and not there.issuperset(phrase_terms(phrase))
            ):
                question = replaced(question, phrase, other)
        return question

    async def documents(
        self,
        *,
        index: str | None = None,
        principal: Principal | None = None,
        where: Where | None = None,
    ) -> list[DocumentInfo]:
        """Return what is indexed, in one index or all, as far as `principal` may see it."""
        chosen = [self.index(index)] if index is not None else self._with_fields(where)
        return [
            info for one in chosen for info in await one.documents(principal=principal, where=where)
        ]

    async def mentioning(self, phrase: str, *, principal: Principal | None) -> set[tuple[str, str]]:
        """Return (index, document) of every visible document that has all the words of a phrase.

        The engine's inverted lists answer this; no text is read.
        """
        terms = [encode_term(term) for term in phrase_terms(phrase)]
        visible = Filter((visible_to(principal),))
        [most] = await self.store.count("chunks", [visible])
        if not terms or not most:
            return set()
        found = await self.store.query(
            "chunks",
            [
                Query(visible, most, sparse=("text", one), fields=("index", "document"))
                for one in terms
            ],
        )
        return set.intersection(
            *(
                {
                    (hit.payload["index"], hit.payload["document"])
                    for hit in hits
                    if hit.payload["index"] in self.indexes
                }
                for hits in found
            )
        )

    async def is_empty(self) -> bool:
        """Say whether nothing has been ingested yet."""
        return await self.store.count("documents", [Filter()]) == [0]

    async def count_chunks(self) -> int:
        """Return how many chunks the store holds."""
        [count] = await self.store.count("chunks", [Filter()])
        return count

    def alone(self, progress: Progress | None = None) -> AbstractAsyncContextManager[None]:
        """Keep the project's other ingestions out, as every ingestion does.

        Args:
            progress: told that another one is waited for.
        """
        return ingesting(self.project / self.settings.store.path, progress)

    async def sync(
        self,
        only: Sequence[Path] = (),
        progress: Progress | None = None,
        confirm: Confirm | None = None,
    ) -> SyncReport:
        """Bring the store in line with the files and the sources that the settings name.

        Args:
            only: look at these files and folders alone, and at no other sources.
            progress: told (what is being done, done, of how many).
            confirm: asked before more is embedded over a network than [ingest] confirm_tokens;
                without it nobody is.

        Raises:
            ConfigurationError: access.toml, a loader or a source is unusable.
            UsageError: `confirm` declined.
            EmbeddingError: an embedding model failed; what is done is kept.
        """
        sources = [] if only else await asyncio.to_thread(load_sources, self.project, self.settings)
        async with self.alone(progress):
            report, others = await sync_files(
                self.project,
                self.settings,
                self.store,
                self._embedders,
                only=only,
                progress=progress,
                confirm=confirm,
            )
            if not only:
                for other in await self._documents.sync_named(sources, others, progress, confirm):
                    _add(report, other)
        return report

    async def waiting(self) -> Waiting:
        """Return the files that an ingestion would add, read anew or take out, and what it would refuse.

        Raises:
            ConfigurationError: access.toml or fields.toml is unusable.
        """
        return await waiting_files(self.project, self.settings, self.store, self._embedders)

    async def sync_source(
        self, index: str, source: Source, progress: Progress | None = None
    ) -> SyncReport:
        """Bring an index in line with a source that is made in code.

        Args:
            index: the index's name.
            source: where the documents are; those of other sources are left alone.
            progress: told (what is being done, done, of how many).

        Raises:
            UnknownIndexError: there is no such index.
            ConfigurationError: it is no source, or has the name of another kind of documents.
        """
        async with self.alone(progress):
            return await self._documents.sync(index, source, progress)

    async def watch(
        self, progress: Progress | None = None, confirm: Confirm | None = None
    ) -> AsyncGenerator[SyncReport, None]:
        """Keep the store in line with files and sources: yield a report whenever something changed.

        It begins with a full look, and looks at sources that are not files every minute. What fails
        and may pass (a model over the network, access.toml half written) is logged, and tried again
        at the next change. It ends when waypost.toml changes: open the project anew then.

        Args:
            progress: told (what is being done, done, of how many).
            confirm: asked before much is embedded over a network; without it nobody is.
        """
        told: dict[str, str] = {}
        missed = False
        async with aclosing(changes(self.project, self.settings)) as found:
            async for paths in found:
                only = [] if missed else paths
                try:
                    report = await self.sync(only, progress, confirm)
                except WaypostError as error:
                    if not error.retryable and not isinstance(error, ConfigurationError):
                        raise
                    log.warning("watch.failed", code=error.code, fix=error.fix)
                    missed = True
                    continue
                missed = False
                failed = {one["path"]: one["error"] for one in report["failed"]}
                new = any(told.get(path) != error for path, error in failed.items())
                told = {**told, **failed} if only else failed
                if new or report["added"] or report["updated"] or report["deleted"]:
                    yield report

    async def failures(
        self, *, index: str | None = None, principal: Principal | None
    ) -> list[Failure]:
        """Return the documents that could not be read, as far as `principal` may see them."""
        where = Filter() if index is None else Filter((AnyOf("index", (index,)),))
        fields = ("document", "error", "place", "access", "own_access")
        hits = await self.store.scroll("documents", where, fields)
        return sorted(
            (
                {"path": str(hit.payload["document"]), "error": str(hit.payload["error"])}
                for hit in hits
                if hit.payload.get("error")
                and permits(
                    hit.payload["access" if hit.payload.get("own_access") else "place"], principal
                )
            ),
            key=lambda failure: failure["path"],
        )

    async def affinities(
        self, question: str, *, principal: Principal | None, unrestricted: bool = False
    ) -> dict[str, Affinity]:
        """Return how well each index's best chunks match a question; empty indexes are left out.

        Inverse document frequencies are counted over all visible chunks, so that indexes can be
        compared.

        Args:
            question: the question.
            principal: who asks.
            unrestricted: look at every chunk; for calibrating a router, never for a person.
        """
        terms = list(content_terms(question))
        visible = Filter(() if unrestricted else (visible_to(principal),))
        wheres = {name: visible.and_(AnyOf("index", (name,))) for name in self.indexes}
        total, *counts = await self.store.count("chunks", [visible, *wheres.values()])
        if not terms or not total:
            return {}
        filled = [name for name, count in zip(self.indexes, counts, strict=True) if count]
        rare = math.log(1 + (total + 0.5) / 0.5)
        idf = await self.store.idf("chunks", "text", [encode_term(t) for t in terms], visible)
        most = SATURATION * sum(value or rare for value in idf)
        words = ("text", encode_query(" ".join(terms)))
        asked = {
            ("lexical", name): Query(wheres[name], 1, sparse=words, corpus=visible, fields=())
            for name in filled
        }
        for name in filled:
            index = self.indexes[name]
            vector = await index.embed(question) if index.calibrated else None
            if vector is not None:
                asked["similarity", name] = index.nearest(vector, wheres[name])
        found = await self.store.query("chunks", list(asked.values()))
        best = {key: hits[0].score if hits else 0.0 for key, hits in zip(asked, found, strict=True)}
        return {
            name: Affinity(
                min(1.0, best["lexical", name] / most), best.get(("similarity", name), 0.0)
            )
            for name in filled
        }

    async def stands(
        self, index: str, document: str, text: str, *, principal: Principal | None = None
    ) -> bool:
        """Say whether a text stands, to the letter, in a visible chunk of a document."""
        where = Filter(
            (
                AnyOf("index", (index,)),
                AnyOf("document", (document,)),
                visible_to(principal),
            )
        )
        found = await self.store.scroll("chunks", where, ("text",))
        return any(text in str(hit.payload["text"]) for hit in found)

    async def outlines(self, *, principal: Principal | None) -> dict[str, Outline]:
        """Return the titles and headings of each index that `principal` may see."""
        titles: dict[str, list[str]] = {name: [] for name in self.indexes}
        headings: dict[str, list[str]] = {name: [] for name in self.indexes}
        visible = Filter((visible_to(principal),))
        for hit in await self.store.scroll("documents", visible, ("index", "title", "headings")):
            name = str(hit.payload["index"])
            if name in titles:
                titles[name].append(str(hit.payload["title"]))
                headings[name] += hit.payload["headings"]
        return {
            name: Outline(tuple(sorted(set(titles[name]))), tuple(sorted(set(headings[name]))))
            for name in self.indexes
        }


def _add(report: SyncReport, other: SyncReport) -> None:
    """Add what another ingestion did."""
    report["added"] += other["added"]
    report["updated"] += other["updated"]
    report["deleted"] += other["deleted"]
    report["unchanged"] += other["unchanged"]
    report["chunks"] += other["chunks"]
    report["failed"] += other["failed"]
    report["warned"] += other["warned"]
    report["seconds"] = round(report["seconds"] + other["seconds"], 3)


def _weight(affinity: Affinity | None, usual: float) -> float:
    """Return how much an index counts when all are searched: the better it matches, the more.

    An index without embeddings counts as if its similarity were the `usual` one.
    """
    if affinity is None:
        return 0.0
    return math.exp(8.0 * affinity.lexical + 20.0 * (affinity.similarity or usual))


def public_passage(passage: LocatedPassage) -> Passage:
    """Return a passage as people get it, without its inner spans."""
    public: Passage = {
        "text": passage["text"],
        "score": passage["score"],
        "index": passage["index"],
        "document": passage["document"],
        "title": passage["title"],
        "uri": passage["uri"],
        "location": passage["location"],
        "context": passage["context"],
        "chunk_id": passage["chunk_id"],
    }
    if "validity" in passage:
        public["validity"] = passage["validity"]
    return public
