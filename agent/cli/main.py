"""Entry point: the commands, and what an error looks like on the command line."""

from __future__ import annotations

import json
import sys

import typer
from typer.exceptions import Abort, Exit, TyperException

from agent import observability
from agent.cli import (
    ask,
    chat,
    correct,
    evaluate,
    key,
    mcp,
    project,
    retrieval,
    serve,
    store,
    traces,
    tune,
)
from agent.errors import WaypostError

__all__ = ["app", "run"]

app = typer.Typer(
    name="waypost",
    help="Answer questions over a project's documents and tools: routed, cited, or refused.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("init")(project.init)
app.command("ingest")(project.ingest)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.command("route")(ask.route)
app.command("correct")(correct.correct)
app.command("search")(retrieval.search)
app.command("documents")(retrieval.documents)
app.command("eval")(evaluate.evaluate)
app.command("serve")(serve.serve)
app.add_typer(key.app)
app.add_typer(tune.app)
app.add_typer(store.app)
app.add_typer(traces.app)
app.command("mcp")(mcp.mcp)
app.command("doctor")(project.doctor)


@app.callback()
def options(
    verbose: bool = typer.Option(False, "--verbose", help="Log one line a question to stderr."),
) -> None:
    """Answer questions over a project's documents and tools."""
    observability.configure(verbose=verbose)


def run() -> None:
    """Run the command line and exit: 0 on success, 2 on bad usage or settings, 1 on other failures."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except WaypostError as error:
        _fail(error.as_dict(), str(error), error.exit_code)
    except TyperException as error:
        message = error.format_message()
        _fail(
            {"error": "usage", "message": message, "fix": "see --help", "retryable": False},
            f"{message} See: waypost --help",
            2,
        )
    except Exit as done:
        sys.exit(done.exit_code)
    except (Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _fail(data: dict[str, object], text: str, code: int) -> None:
    as_json = "--json" in sys.argv
    print(json.dumps(data, ensure_ascii=False) if as_json else f"Error: {text}", file=sys.stderr)
    sys.exit(code)
