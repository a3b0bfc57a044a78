"""Whether a project's models answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from agent.doctor.check import Check, failed, passed, wrong
from agent.errors import WaypostError
from agent.models import key_of, make_chat_model
from agent.settings import ROLES, ChatModelSettings, Settings

__all__ = ["look_at_models"]

SECONDS = 20.0


async def look_at_models(project: Path, settings: Settings) -> list[Check]:
    """Check keys, and ask every chat model for one word and the embedding model for one vector."""
    chat = dict.fromkeys(name for role in ROLES for name in settings.models.of(role))
    embeddings = dict.fromkeys(
        [settings.models.embedding, *(i.embedding for i in settings.index if i.embedding)]
    )
    tables = {one.name: one for one in settings.model}
    asked = [_chat(name, tables) for name in chat]
    asked += [_embedding(name) for name in embeddings if name != "none"]
    checks = list(await asyncio.gather(*asked))
    if not chat:
        checks.insert(0, passed("models", "local only; no key and no network"))
    return checks


async def _chat(name: str, tables: Mapping[str, ChatModelSettings]) -> Check:
    what = f"model {name}"
    kind, _, model = name.partition(":")
    table = tables.get(model) or ChatModelSettings(name=model)
    missing = _missing_key(key_of(table, azure=kind == "azure"))
    if missing is not None:
        return missing | {"name": what}
    once = table.model_copy(update={"retries": 0, "max_output": 16})
    try:
        asked = make_chat_model([name], [once])
        assert asked is not None
        try:
            reply = await asked.complete("Say OK.", seconds=SECONDS)
        finally:
            await asked.close()
    except WaypostError as error:
        return failed(what, error)
    return passed(what, f"answers ({reply.input_tokens + reply.output_tokens} tokens)")


async def _embedding(name: str) -> Check:
    from indexes.embeddings import make_embedder

    what = f"embedding model {name}"
    kind, _, _ = name.partition(":")
    missing = _missing_key(key_of(ChatModelSettings(name=name))) if kind != "local" else None
    if missing is not None:
        return missing | {"name": what}
    try:
        embedder = make_embedder(name)
        vector = await embedder.embed_query("test")
    except WaypostError as error:
        return failed(what, error)
    return passed(what, f"{embedder.name}, {len(vector)} dimensions")


def _missing_key(variable: str) -> Check | None:
    if os.environ.get(variable):
        return None
    return wrong(
        "model",
        f"{variable} is not set.",
        f"set {variable} (any text for a local server), and the server's URL in OPENAI_BASE_URL or"
        " as base_url in [[model]].",
    )
