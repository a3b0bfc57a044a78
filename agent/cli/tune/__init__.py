"""`waypost tune`: learning from labelled questions, corrections and traces."""

from __future__ import annotations

import typer

from agent.cli.manual import Commands, examples
from agent.cli.tune import advise, compare, export, router, threshold, train

__all__ = ["app"]

app = typer.Typer(
    name="tune",
    cls=Commands,
    help="Learn from labelled questions, corrections and traces.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def tune() -> None:
    """Learn from labelled questions, corrections and traces."""


app.command(
    "advise",
    epilog=examples(
        "waypost tune advise --questions questions.jsonl", "waypost tune advise --interview"
    ),
)(advise.command)
app.command(
    "router",
    epilog=examples(
        "waypost tune router --questions questions.jsonl --dry-run",
        "waypost tune router --ask 20 --out ask.jsonl",
        "waypost tune router --rollback",
    ),
)(router.command)
app.command(
    "threshold",
    epilog=examples("waypost tune threshold questions.jsonl --target 0.95 --write"),
)(threshold.command)
app.command(
    "compare",
    epilog=examples(
        "waypost tune compare before.json after.json",
        "waypost tune compare local openai:gpt-4.1-mini --questions questions.jsonl",
    ),
)(compare.command)
app.command(
    "export",
    epilog=examples("waypost tune export --task router --format openai --held-out held.jsonl"),
)(export.command)
app.command(
    "train",
    epilog=examples(
        "waypost tune train training/router --base smollm2",
        "waypost tune train training/router --backend openai --base gpt-4.1-mini-2025-04-14",
    ),
)(train.command)
