"""`waypost search` and `waypost documents`: retrieval alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.common import (
    Groups,
    Json,
    Project,
    User,
    lines_of,
    may_embed,
    principal_of,
    print_json,
    progress_bar,
    run_async,
    show,
    where,
)
from agent.cli.completing import index_names
from agent.errors import UsageError

if TYPE_CHECKING:
    from indexes import Registry, Where

__all__ = ["documents", "search"]

Index = Annotated[
    str | None,
    typer.Option("--index", help="Only this index.", autocompletion=index_names),
]
Filters = Annotated[
    str | None,
    typer.Option(
        "--where", help='Only documents that fit, as JSON: \'{"date": {"gte": "2024-01"}}\'.'
    ),
]


def _filter_of(text: str | None) -> Where | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--where is not JSON: {error}.", fix='write for example \'{"language": "zh"}\'.'
        ) from error
    if not isinstance(found, dict):
        raise UsageError(
            "--where is no JSON object.", fix='write for example \'{"language": "zh"}\'.'
        )
    return found


@asynccontextmanager
async def _opened(project: Path) -> AsyncIterator[Registry]:
    """Open a project's indexes, ingesting first if nothing has been."""
    from indexes import Registry

    async with Registry.open(project) as registry:
        if await registry.is_empty():
            with progress_bar() as told:
                await registry.sync(progress=told, confirm=may_embed)
        yield registry


def search(
    query: Annotated[str | None, typer.Argument(help="A question or keywords.")] = None,
    index: Index = None,
    k: Annotated[int | None, typer.Option("--k", min=1, max=100, help="How many passages.")] = None,
    filters: Filters = None,
    file: Annotated[Path | None, typer.Option(help="A file of queries, one a line.")] = None,
    project: Project = Path(),
    user: User = None,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """Search one index, or all merged by rank."""
    if (query is None) == (file is None):
        raise UsageError("Give either a query or --file.", fix='waypost search "…"')
    queries = [query] if query is not None else lines_of(file or Path())
    if any(not one.strip() for one in queries):
        raise UsageError("The query is empty.", fix="search for something.")
    run_async(_search(queries, index, k, _filter_of(filters), project, user, group, as_json))


async def _search(
    queries: list[str],
    index: str | None,
    k: int | None,
    filters: Where | None,
    project: Path,
    user: str | None,
    group: list[str] | None,
    as_json: bool,
) -> None:
    principal = principal_of(user, group)
    async with _opened(project) as registry:
        for query in queries:
            passages = await registry.search(
                query, index=index, k=k, principal=principal, where=filters
            )
            if as_json:
                print_json({"query": query, "passages": passages})
                continue
            for number, passage in enumerate(passages, 1):
                place = where(passage["location"])
                show(
                    f"{number}. {passage['title']} [{passage['index']}]"
                    f"{f' ({place})' if place else ''}  {passage['score']:.3f}\n   {passage['document']}"
                )
                show("   " + " ".join(passage["text"].split())[:200])


def documents(
    index: Index = None,
    filters: Filters = None,
    project: Project = Path(),
    user: User = None,
    group: Groups = None,
    as_json: Json = False,
) -> None:
    """List what is indexed, when it was last written, and what could not be."""
    run_async(_documents(index, _filter_of(filters), project, user, group, as_json))


async def _documents(
    index: str | None,
    filters: Where | None,
    project: Path,
    user: str | None,
    group: list[str] | None,
    as_json: bool,
) -> None:
    from indexes import Registry

    principal = principal_of(user, group)
    async with Registry.open(project) as registry:
        found = await registry.documents(index=index, principal=principal, where=filters)
        failed = await registry.failures(index=index, principal=principal)
    if as_json:
        print_json({"documents": found, "failed": failed})
        return
    for info in found:
        show(
            f"{info['index']:<14} {info['chunks']:>5}  {info['synced'][:16].replace('T', ' ')}  "
            f"{info['document']}  {info['title']}"
        )
        for warning in info["warnings"]:
            show(f"{'':<14} note: {warning}")
    for failure in failed:
        show(f"{'failed':<14} {failure['path']}: {failure['error']}")
    if not found and not failed:
        show("No document fits." if filters else "Nothing is indexed yet; run: waypost ingest")
