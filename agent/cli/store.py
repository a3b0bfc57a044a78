"""`waypost store copy|backup|restore`: move and save what is indexed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import Json, Project, print_json, progress_bar, run_async
from agent.cli.manual import Commands, examples
from agent.errors import UsageError

__all__ = ["app"]

app = typer.Typer(
    name="store",
    cls=Commands,
    help="Move and save what is indexed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(
    epilog=examples(
        "waypost store copy --to http://localhost:6333", "waypost store copy --to embedded"
    )
)
def copy(
    to: Annotated[str, typer.Option("--to", help="A server's URL, or 'embedded'.")],
    collection: Annotated[
        str, typer.Option(help="The server's collections are named <this>_chunks and _documents.")
    ] = "",
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Copy the store that waypost.toml names to a Qdrant server, or from one to the embedded engine.

    Run it again after an interruption: it goes on. Then set [store] url (and collection), or remove
    it, in waypost.toml.
    """
    if to != "embedded" and not to.startswith(("http://", "https://")):
        raise UsageError(
            f"{to!r} is no place to copy to.", fix="use --to http://… or --to embedded."
        )
    run_async(_copy(to, collection, project, as_json))


async def _copy(to: str, collection: str, project: Path, as_json: bool) -> None:
    from indexes import Registry
    from indexes.settings import Settings, load_settings
    from indexes.stores.open import open_store
    from indexes.transfer import copy as copy_store

    known = load_settings(project, Settings)
    changes = {
        "url": "" if to == "embedded" else to,
        "collection": collection or known.store.collection,
    }
    other = known.model_copy(update={"store": known.store.model_copy(update=changes)})
    place = (other.store.url, other.store.collection) if other.store.url else ("", "")
    if place == ((known.store.url, known.store.collection) if known.store.url else ("", "")):
        raise UsageError("The project's store is there already.", fix="name another place.")
    async with Registry.open(project, known) as registry, registry.alone():
        target = await open_store(project, other, registry.schema)
        try:
            name = hashlib.sha256(f"{place}".encode()).hexdigest()[:12]
            state = project / known.store.path / f"copy-{name}.json"
            with progress_bar() as told:
                counts = await copy_store(registry.store, target, state, told)
        finally:
            await target.close()
    if as_json:
        print_json(counts)
        return
    typer.echo(f"Copied {counts['documents']} documents with {counts['chunks']} chunks.")
    typer.echo(
        f'Next, in [store] of waypost.toml: url = "{to}", collection = "{other.store.collection}"'
        if other.store.url
        else "Next: remove `url` from [store] of waypost.toml"
    )


@app.command(epilog=examples("waypost store backup store.waypost"))
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write, such as store.waypost.")],
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Write everything that is indexed, with its vectors, into one file."""
    run_async(_backup(file, project, as_json))


async def _backup(file: Path, project: Path, as_json: bool) -> None:
    from indexes import Registry
    from indexes.transfer import backup as back_up

    async with Registry.open(project) as registry, registry.alone():
        with progress_bar() as told:
            counts = await back_up(registry.store, registry.schema, file, told)
    if as_json:
        print_json(counts)
        return
    typer.echo(f"Saved {counts['documents']} documents with {counts['chunks']} chunks in {file}.")


@app.command(epilog=examples("waypost store restore store.waypost --replace"))
def restore(
    file: Annotated[Path, typer.Argument(help="The file that `waypost store backup` wrote.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what the store holds now.")
    ] = False,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Fill the store from a backup."""
    run_async(_restore(file, replace, project, as_json))


async def _restore(file: Path, replace: bool, project: Path, as_json: bool) -> None:
    from indexes import Registry
    from indexes.transfer import restore as fill

    async with Registry.open(project) as registry, registry.alone():
        with progress_bar() as told:
            counts = await fill(
                file, registry.store, registry.schema, replace=replace, progress=told
            )
    if as_json:
        print_json(counts)
        return
    typer.echo(f"Restored {counts['documents']} documents with {counts['chunks']} chunks.")
