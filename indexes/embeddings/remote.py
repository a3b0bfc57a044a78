"""Embeddings of any OpenAI-compatible endpoint, through langchain-openai."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from indexes.base import Vector
from indexes.embeddings.known import known_model
from indexes.embeddings.local import OrderedCache
from indexes.embeddings.loops import PerLoop
from indexes.embeddings.parallel import in_parallel
from indexes.embeddings.retry import Pace, Patience, setback_of
from indexes.embeddings.tokens import count_tokens
from indexes.errors import EmbeddingError
from indexes.log import warning

__all__ = ["AT_ONCE", "BATCH", "OpenAIEmbedder"]

AT_ONCE = 4  # requests of an ingestion
BATCH = 64  # texts a request
REQUEST_TOKENS = 300_000  # OpenAI's limit for a request
PASSAGES = Patience(timeout=300, limited=180, broken=30)  # a model on a CPU may take minutes
QUERY = Patience(timeout=15, limited=8, broken=8)  # a person is waiting
FILLED = 0.8  # of a window: counts may be estimates, which may be too low
OPENAI = "https://api.openai.com/v1"

_KEPT = "what was embedded so far is kept, so run the same command again"
_FIXES: dict[object, str] = {
    "insufficient_quota": f"add credit to the account of OPENAI_API_KEY; {_KEPT}.",
    401: "check OPENAI_API_KEY, and that it belongs to the server of OPENAI_BASE_URL.",
    403: "check that the account of OPENAI_API_KEY may use this model.",
    404: "check the model's name in waypost.toml and OPENAI_BASE_URL, which often ends in /v1.",
    400: "check the model's name; if its window is too small, set a lower chunk_tokens.",
    413: "set a lower chunk_tokens, or raise the server's limit.",
    422: "check that the server takes OpenAI's embedding requests.",
    429: f"the account's rate limit is reached: wait, or raise it; {_KEPT}.",
    "OpenAIError": "set OPENAI_API_KEY (any text for a local server) and OPENAI_BASE_URL.",
    "APIConnectionError": "check OPENAI_BASE_URL, the network, and that the server runs.",
    "APITimeoutError": f"the server is slow or hangs; {_KEPT}.",
}
_FIX = f"check OPENAI_BASE_URL and the server's log; {_KEPT}."


@dataclass(frozen=True)
class _Session:
    """What belongs to one event loop: its connections, and how many requests may run."""

    client: Any
    http: Any
    slots: asyncio.Semaphore
    where: str
    asked: dict[str, asyncio.Task[Vector]] = field(default_factory=dict)


class OpenAIEmbedder:
    """An embedding model behind OPENAI_API_KEY and OPENAI_BASE_URL.

    It may be used from several event loops, one after another or at once; each has connections of
    its own, which `close` closes.

    Args:
        model: the model's name at the endpoint.
        at_once: how many requests of `embed_passages` may run at a time.
    """

    calibrated = False  # every model's cosines have a range of their own
    remote = True

    def __init__(self, model: str, *, at_once: int = AT_ONCE) -> None:
        known = known_model(model)
        self.model = model
        self.name = f"openai:{model}"
        self.at_once = at_once
        self._dimension = known.dimension if known is not None else 0
        self._most = int(known.window * FILLED) if known is not None else 0
        self._pace = Pace(model)
        self._queries = OrderedCache(256)
        self._sessions = PerLoop(self._connect)

    @property
    def dimension(self) -> int:
        """The length of the vectors; where the model is not known, the endpoint is asked once, which waits."""
        if not self._dimension:
            with ThreadPoolExecutor(1) as pool:  # this thread may have a running loop
                self._dimension = pool.submit(asyncio.run, self._measured()).result()
        return self._dimension

    async def _measured(self) -> int:
        try:
            return len(await self.embed_query("dimension"))
        finally:
            await self.close()

    def count_tokens(self, text: str) -> int:
        """Return how many tokens the model makes of `text`, or an estimate if it is not OpenAI's."""
        return count_tokens(self.model, text)

    async def embed_query(self, text: str) -> Vector:
        """Return the unit vector of a question; recent ones are remembered.

        Several indexes ask for the same question at once, which is one request.

        Raises:
            EmbeddingError: the endpoint failed, or gave no usable vector.
        """
        known = self._queries.get(text)
        if known is not None:
            return known
        session = await self._sessions.get()
        if text not in session.asked:
            task = asyncio.create_task(self._asked(session, text))
            session.asked[text] = task
            task.add_done_callback(lambda done: _forget(session, text, done))
        return await asyncio.shield(
            session.asked[text]
        )  # others may wait when this one is cancelled

    async def _asked(self, session: _Session, text: str) -> Vector:
        fitted = await asyncio.to_thread(self._fitted, text)
        vectors = await self._ask(session, [fitted], QUERY, Pace(self.model))
        self._queries.put(text, vectors[0])
        return np.asarray(vectors[0])

    async def embed_passages(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> NDArray[np.float32]:
        """Return the unit vectors of passages, of shape (len(texts), dimension).

        Args:
            texts: the passages; one that is longer than the model's window is cut.
            progress: told how many are done.

        Raises:
            EmbeddingError: the endpoint failed, or gave no usable vectors.
        """
        if not texts:
            return np.empty((0, self._dimension), dtype=np.float32)
        session = await self._sessions.get()
        parts: dict[int, NDArray[np.float32]] = {}
        done = 0

        async def embed(batch: range) -> None:
            nonlocal done
            fitted = await asyncio.to_thread(lambda: [self._fitted(texts[i]) for i in batch])
            async with session.slots:
                parts[batch.start] = await self._ask(session, fitted, PASSAGES, self._pace)
            done += len(batch)
            if progress is not None:
                progress(done)

        await in_parallel(_batches(texts, self._most), embed, at_once=self.at_once)
        return np.concatenate([parts[start] for start in sorted(parts)])

    async def close(self) -> None:
        """Close the connections of the running event loop; they are opened anew when needed."""
        session = self._sessions.pop()
        if session is not None:
            await session.http.aclose()

    def _connect(self) -> _Session:
        import openai
        from langchain_core.utils import from_env
        from langchain_openai import OpenAIEmbeddings

        base = from_env(["OPENAI_API_BASE", "OPENAI_BASE_URL"], default=OPENAI)()
        proxy = from_env("OPENAI_PROXY", default=None)()
        try:
            # A client of our own can be closed; langchain-openai takes none beside OPENAI_PROXY.
            http = openai.DefaultAsyncHttpxClient(proxy=proxy)
            client = OpenAIEmbeddings(
                model=self.model,
                base_url=base,
                # Other servers take text, not OpenAI's token ids, so the check that sends ids is off.
                check_embedding_ctx_length=False,
                chunk_size=BATCH,
                max_retries=0,  # `_ask` does it: all requests wait together, and a person is told
                http_async_client=http,
                openai_proxy="",
            )
        except Exception as error:  # no key, or a URL that is none
            raise self._failed(error, _shown(base)) from error
        return _Session(client, http, asyncio.Semaphore(self.at_once), _shown(base))

    async def _ask(
        self, session: _Session, texts: Sequence[str], patience: Patience, pace: Pace
    ) -> NDArray[np.float32]:
        """Return the vectors of one request, which is sent again while its failures may pass."""
        attempt, failed_first = 0, 0.0
        while True:
            await pace.turn()
            try:
                raw = await session.client.aembed_documents(list(texts), timeout=patience.timeout)
            except Exception as error:
                now = time.monotonic()
                failed_first = failed_first or now
                setback = setback_of(error)
                if setback is None:
                    raise self._failed(error, session.where) from error
                wait = setback.wait(attempt)
                since = max(failed_first, pace.succeeded) if setback.busy else failed_first
                if now + wait > since + (patience.limited if setback.busy else patience.broken):
                    raise self._failed(error, session.where) from error
                pace.tell(wait, setback.reason)
                if setback.busy:
                    pace.hold(wait)
                else:
                    await asyncio.sleep(wait)
                attempt += 1
            else:
                pace.succeeded = time.monotonic()
                return self._checked(raw, len(texts), session.where)

    def _checked(self, raw: Sequence[Any], count: int, where: str) -> NDArray[np.float32]:
        try:
            vectors = np.asarray(raw, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise self._unusable(
                where, "vectors that differ in length or are not numbers"
            ) from error
        if len(vectors) != count:
            raise self._unusable(where, f"{len(vectors)} vectors for {count} texts")
        expected = self._dimension or vectors.shape[-1]
        if vectors.ndim != 2 or not expected or vectors.shape[1] != expected:
            raise self._unusable(
                where, f"vectors of {vectors.shape[-1]} numbers instead of {expected}"
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise self._unusable(where, "a vector that is zero or not finite")
        self._dimension = expected
        return np.asarray(vectors / lengths, dtype=np.float32)

    def _fitted(self, text: str) -> str:
        """Return the beginning of `text` that the model's window can take, if that is known."""
        if not self._most or len(text.encode(errors="replace")) <= self._most:
            return text  # a token is at least a byte
        tokens = count = self.count_tokens(text)
        while count > self._most:
            text = text[: int(len(text) * self._most / count * 0.99)]
            count = self.count_tokens(text)
        if tokens > self._most:
            warning("embedding.cut", model=self.model, tokens=tokens, kept=count)
        return text

    def _unusable(self, where: str, what: str) -> EmbeddingError:
        return EmbeddingError(
            f"The endpoint {where} returned {what} for the embedding model {self.model!r}.",
            fix="check that this is an embedding model and that the server is sound, then try again.",
        )

    def _failed(self, error: Exception, where: str) -> EmbeddingError:
        """Return an error without what the server wrote, which may quote a key or a text."""
        kind, status = type(error).__name__, getattr(error, "status_code", None)
        code = str(getattr(error, "code", None) or "")
        reason = kind if status is None else f"HTTP {status}"
        if re.fullmatch(r"[a-z_]{3,40}", code):
            reason += f" ({code})"
        fix = next((_FIXES[key] for key in (code, status, kind) if key in _FIXES), _FIX)
        failed = EmbeddingError(
            f"The endpoint {where} failed for the embedding model {self.model!r}: {reason}.",
            fix=fix,
        )
        failed.retryable = setback_of(error) is not None
        return failed


def _forget(session: _Session, text: str, done: asyncio.Task[Vector]) -> None:
    session.asked.pop(text, None)
    if not done.cancelled():
        done.exception()  # where all who asked have gone, nobody else takes it


def _shown(url: str) -> str:
    """Return a URL without the password that it may carry."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _batches(texts: Sequence[str], most: int) -> Iterator[range]:
    """Yield which texts go into one request; a text's bytes are the most tokens that it can have."""
    start, tokens = 0, 0
    for position, text in enumerate(texts):
        own = len(text.encode(errors="replace"))
        own = min(own, most) if most else own
        if position > start and (position - start == BATCH or tokens + own > REQUEST_TOKENS):
            yield range(start, position)
            start, tokens = position, 0
        tokens += own
    if start < len(texts):
        yield range(start, len(texts))
