"""Facts of a project's settings and documents."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from agent.learning import lessons_of
from agent.models import address_of
from agent.routing import Corrections
from agent.routing.classifier import scope_phrases
from agent.settings import ROLES, ChatModelSettings, Settings
from agent.tuning.advise.types import Deployment, DocumentFacts, FormFacts, IndexFacts, ToolFacts
from indexes.lexical import encode_term
from indexes.settings import IndexSettings
from indexes.text import content_terms
from indexes.types import AnyOf, Filter

if TYPE_CHECKING:
    from agent.app import Waypost
    from indexes import Registry

__all__ = [
    "EXAMPLES",
    "PHRASES",
    "deployment_of",
    "document_facts",
    "form_of",
    "index_facts",
    "is_untaught",
    "tool_facts",
]

PHRASES = 3  # that a description says at least
EXAMPLES = 5  # questions of each target: the step that docs/routing.md measures
WEEK = 7.0  # days
PUBLIC = "https://azure.com"  # for an address that is not set
OFTEN = 3  # changes of a document from which on they count as a habit
INGESTED = ("embedding", "embed", "chunk_tokens", "chunk_min_tokens")
FITS = 0.25  # by how much more of a description another index's documents must have


async def index_facts(waypost: Waypost) -> list[IndexFacts]:
    """Return what the router is told of each index, and how much is in it."""
    registry = waypost.registry
    names = list(registry.indexes)
    within = [Filter((AnyOf("index", (name,)),)) for name in names]
    counts = await registry.store.count("documents", within)
    lessons = await asyncio.to_thread(lessons_of, waypost.project, waypost.resources, Corrections())
    examples = Counter(one.target for one in lessons if one.source == "example")
    found: list[IndexFacts] = []
    for index, count in zip(waypost.settings.index, counts, strict=True):
        found.append(
            {
                "name": index.name,
                "phrases": len(scope_phrases(index.description)),
                "fits_better": await _fits_better(registry, index.name, index.description),
                "examples": examples[index.name],
                "documents": count,
                "odd": [
                    f"{key} = {json.dumps(getattr(index, key))}"
                    for key in INGESTED
                    if getattr(index, key) != IndexSettings.model_fields[key].get_default()
                ],
            }
        )
    return found


async def _fits_better(registry: Registry, name: str, description: str) -> str:
    """Return the index whose documents have clearly more of a description's words than its own have."""
    terms = [encode_term(term) for term in content_terms(description)]
    if not terms:
        return ""
    shares: dict[str, float] = {}
    for other in registry.indexes:
        idf = await registry.store.idf("chunks", "text", terms, Filter((AnyOf("index", (other,)),)))
        shares[other] = sum(value > 0 for value in idf) / len(terms)
    best = max(shares, key=lambda other: shares[other])
    return best if shares[best] >= shares[name] + FITS else ""


def is_untaught(said: int, examples: int) -> bool:
    """Say whether the router is told nearly nothing of a target.

    Args:
        said: phrases of an index's description, or words of a tool's.
        examples: questions that belong to it.
    """
    return not said or (said < PHRASES and examples < EXAMPLES)


def tool_facts(waypost: Waypost) -> list[ToolFacts]:
    """Return what the router is told of each tool of the project; the built-in ones know themselves."""
    return [
        {
            "name": tool.name,
            "terms": len(content_terms(tool.description)),
            "examples": len(tool.examples),
        }
        for tool in waypost.tools.values()
        if tool.name not in {"list_documents", "hand_over"}
    ]


async def document_facts(waypost: Waypost) -> DocumentFacts:
    """Return the state of the documents and how often they change."""
    registry = waypost.registry
    fields = ("document", "version", "error", "since", "changes")
    hits = await registry.store.scroll("documents", Filter(), fields)
    stored = [hit.payload for hit in hits]
    now = datetime.now(UTC)
    ages = [_age(one, now) for one in stored if one.get("since")]
    return {
        "total": sum(bool(one.get("version")) for one in stored),
        "failed": sorted({str(one["document"]) for one in stored if one.get("error")}),
        "waiting": (await registry.waiting()).files,
        "changing": sum(bool(one.get("since")) and _changes_weekly(one, now) for one in stored),
        "changes": sum(int(one.get("changes") or 0) for one in stored),
        "days": round(max(ages, default=0.0), 1),
        "fresh": list(waypost.settings.fresh.indexes),
    }


def _age(payload: Mapping[str, object], now: datetime) -> float:
    """Return for how many days a document has been here."""
    return (now - datetime.fromisoformat(str(payload["since"]))).total_seconds() / 86_400


def _changes_weekly(payload: Mapping[str, object], now: datetime) -> bool:
    changes, age = int(str(payload.get("changes") or 0)), _age(payload, now)
    return age >= WEEK and changes >= OFTEN and changes >= age / WEEK


def form_of(settings: Settings) -> FormFacts:
    """Return what answers are to be like."""
    return {
        "format": settings.answer.format,
        "persona": bool(settings.project.persona),
        "examples": len(settings.answer.example),
    }


def deployment_of(settings: Settings) -> Deployment:
    """Return which models are asked, and whether none of them is outside a private network."""
    chains = [settings.models.of(role) for role in ROLES]
    names = list(dict.fromkeys(name for chain in chains for name in chain))
    addresses = [_address(name, settings) for name in names]
    embeddings = {settings.models.embedding, *(one.embedding for one in settings.index)}
    addresses += [_address("openai:", settings) for one in embeddings if one.startswith("openai:")]
    return {
        "models": names,
        "private": all(map(_is_private, addresses)),
    }


def _address(name: str, settings: Settings) -> str:
    """Return the base URL of a chat model; "" for one that runs in this process."""
    kind, _, model = name.partition(":")
    if kind not in {"openai", "azure"}:
        return ""
    tables = {one.name: one for one in settings.model}
    table = tables.get(model) or ChatModelSettings(name=model)
    return address_of(table, azure=kind == "azure") or PUBLIC


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return not url or "." not in host or host.endswith((".local", ".internal", ".lan"))
