"""`waypost key`: who may use the project's server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.common import Groups, Json, Project, print_json
from agent.cli.manual import Commands, examples

__all__ = ["app"]

app = typer.Typer(
    name="key",
    cls=Commands,
    help="Make, list and revoke keys of the project's server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("add", epilog=examples("waypost key add ann --group legal --expires 90d"))
def add(
    user: Annotated[str, typer.Argument(help="Whom the key is for.")],
    group: Groups = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", help="When it ends: days such as 90d, or a last day."),
    ] = None,
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Make a key and print it, once: only its hash is kept, in server/keys.toml."""
    from agent.keys import KEYS, KeysFile, expiry
    from agent.settings import load

    load(project)
    made, text = KeysFile(project).add(
        user, group or [], expiry(expires) if expires is not None else None
    )
    if as_json:
        print_json({"key": text, "name": made.name, "user": made.user, "groups": made.groups})
        return
    typer.echo(text)
    typer.echo(
        f"This is the only time it is shown; {KEYS} keeps its hash. Enter it on the page of"
        " `waypost serve`, or send it as `Authorization: Bearer …` or `X-Api-Key: …`.",
        err=True,
    )


@app.command("list", epilog=examples("waypost key list --project my_project"))
def list_keys(project: Project = Path(), as_json: Json = False) -> None:
    """List the keys, without what they open with."""
    from agent.keys import KeysFile
    from agent.settings import load

    load(project)
    keys = list(KeysFile(project).keys().values())
    if as_json:
        entries = [
            {
                "name": key.name,
                "user": key.user,
                "groups": key.groups,
                "created": key.created.isoformat(),
                "expires": key.expires.isoformat() if key.expires else None,
                "expired": key.has_expired(),
            }
            for key in keys
        ]
        print_json({"keys": entries})
        return
    for key in keys:
        ends = f"until {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else "no end"
        over = ", expired" if key.has_expired() else ""
        groups = f" ({', '.join(key.groups)})" if key.groups else ""
        typer.echo(f"{key.name}  {key.user}{groups}: made {key.created:%Y-%m-%d}, {ends}{over}")
    if not keys:
        typer.echo("No keys; make one with `waypost key add USER`.")


@app.command("revoke", epilog=examples("waypost key revoke ann"))
def revoke(
    name: Annotated[str, typer.Argument(help="A key's name, or a user: all their keys.")],
    project: Project = Path(),
    as_json: Json = False,
) -> None:
    """Revoke a key; a running server refuses it at once."""
    from agent.keys import KeysFile
    from agent.settings import load

    load(project)
    gone = KeysFile(project).revoke(name)
    if as_json:
        print_json({"revoked": [key.name for key in gone]})
        return
    typer.echo(f"Revoked {', '.join(f'{key.name} of {key.user}' for key in gone)}.")
