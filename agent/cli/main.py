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
    init,
    key,
    mcp,
    project,
    retrieval,
    serve,
    store,
    traces,
    tune,
)
from agent.cli.manual import Manual, examples
from agent.errors import WaypostError

__all__ = ["app", "run"]

BEGIN, ASK, IMPROVE, SERVE = "Begin", "Ask", "Improve", "Serve and keep"

app = typer.Typer(
    name="waypost",
    cls=Manual,
    help="Answer questions over a project's documents and tools: routed, cited, or refused.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(
    "init",
    rich_help_panel=BEGIN,
    epilog=examples(
        "waypost init company",
        "waypost init helper --documents company --language zh --access legal,board --dry-run",
        "waypost init shop --template customer_service",
    ),
)(init.init)
app.command(
    "ingest",
    rich_help_panel=BEGIN,
    epilog=examples("waypost ingest", "waypost ingest --watch --project my_project"),
)(project.ingest)
app.command(
    "doctor", rich_help_panel=BEGIN, epilog=examples("waypost doctor --project my_project")
)(project.doctor)
app.command(
    "ask",
    rich_help_panel=ASK,
    epilog=examples(
        'waypost ask "What does the contract say about termination?"',
        'waypost ask --user ann --group legal --json "When does it end?"',
    ),
)(ask.ask)
app.command(
    "chat",
    rich_help_panel=ASK,
    epilog=examples("waypost chat --project my_project", "waypost chat --continue"),
)(chat.chat)
app.command(
    "route",
    rich_help_panel=ASK,
    epilog=examples(
        'waypost route "When is the seal replaced?"', "waypost route --file questions.txt --json"
    ),
)(ask.route)
app.command(
    "search",
    rich_help_panel=ASK,
    epilog=examples(
        'waypost search --index contracts --k 3 "notice"',
        """waypost search --where '{"year": {"gte": 2023}}' "notice\"""",
    ),
)(retrieval.search)
app.command(
    "documents", rich_help_panel=ASK, epilog=examples("waypost documents --index contracts")
)(retrieval.documents)
app.command(
    "correct",
    rich_help_panel=IMPROVE,
    epilog=examples(
        'waypost correct "The screen is dark" --action search --index it',
        'waypost correct "How do I cook rice?" --action answer',
    ),
)(correct.correct)
app.command(
    "eval",
    rich_help_panel=IMPROVE,
    epilog=examples(
        "waypost eval questions.jsonl --html report.html",
        "waypost eval questions.jsonl --min answer.cited=0.9",
    ),
)(evaluate.evaluate)
app.add_typer(tune.app, rich_help_panel=IMPROVE)
app.add_typer(traces.app, rich_help_panel=IMPROVE)
app.command(
    "serve",
    rich_help_panel=SERVE,
    epilog=examples("waypost serve --project my_project", "waypost serve --open --port 8080"),
)(serve.serve)
app.add_typer(key.app, rich_help_panel=SERVE)
app.command(
    "mcp",
    rich_help_panel=SERVE,
    epilog=examples("waypost mcp --project my_project --user ann --group legal"),
)(mcp.mcp)
app.add_typer(store.app, rich_help_panel=SERVE)


def _version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from importlib.metadata import version

        typer.echo(f"waypost {version('waypost')}")
        raise typer.Exit


@app.callback()
def options(
    verbose: bool = typer.Option(False, "--verbose", help="Log one line a question to stderr."),
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Answer questions over a project's documents and tools: routed, cited, or refused."""
    observability.configure(verbose=verbose)


def run() -> None:
    """Run the command line and exit: 0 on success, 2 on bad usage or settings, 1 on other failures."""
    try:
        sys.exit(app(prog_name="waypost", standalone_mode=False) or 0)
    except WaypostError as error:
        _fail(error.as_dict(), str(error), error.exit_code)
    except TyperException as error:
        message, context = error.format_message(), getattr(error, "ctx", None)
        if not message.startswith("Usage:"):  # which is the help itself, where no command was given
            fix = f"see {context.command_path if context else 'waypost'} --help."
            data = {"error": "usage", "message": message, "fix": fix, "retryable": False}
            _fail(data, f"{message} Fix: {fix}", 2)
        print(message, file=sys.stderr)
        sys.exit(2)
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
