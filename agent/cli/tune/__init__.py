"""`waypost tune`: learning from labelled questions, corrections and traces."""

from __future__ import annotations

import typer

from agent.cli.tune import advise, compare, export, router, threshold, train

__all__ = ["app"]

app = typer.Typer(
    name="tune",
    help="Learn from labelled questions, corrections and traces.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def tune() -> None:
    """Learn from labelled questions, corrections and traces."""


app.command("threshold")(threshold.command)
app.command("router")(router.command)
app.command("compare")(compare.command)
app.command("advise")(advise.command)
app.command("export")(export.command)
app.command("train")(train.command)
