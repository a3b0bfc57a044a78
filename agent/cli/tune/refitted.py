"""A refit in the terminal, and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from agent.cli.common import show

if TYPE_CHECKING:
    from agent.tuning.refit import Figure, Refit

__all__ = ["percent", "print_refit", "report_of", "why"]

NAMES = {
    "closed": "right target, of those covered",
    "all": 'right target or "none"',
    "none_f1": 'F1 of "none"',
    "ece": "calibration error (less is better)",
}
SHOWN = 5  # questions that are held back, and targets that got worse


def report_of(found: Refit, left_out: dict[str, int], version: int | None) -> dict[str, Any]:
    """Return a refit as plain data; `version` is the one that it became, if it did."""
    return {
        "version": version,
        "new": [one.example.as_dict() for one in found.sifted.kept],
        "held": [
            {"question": one.example.question, "target": one.example.target, "why": reason}
            for one, reason in found.sifted.held
        ],
        "left_out": left_out,
        "examples": len(found.learned),
        "how": found.how,
        "skipped": found.skipped,
        **found.measured,
    }


def print_refit(found: Refit, left_out: dict[str, int]) -> None:
    """Print what would be learned, what not and why, and the figures before and after."""
    kept, held = found.sifted.kept, found.sifted.held
    sources = [one.example.source for one in kept]
    told = ", ".join(f"{sources.count(name)} {name}" for name in dict.fromkeys(sources))
    typer.echo(f"{len(kept)} new questions to learn{f' ({told})' if told else ''}")
    if held:
        typer.echo(f"{len(held)} held back for a person (--review writes them):")
        for one, reason in held[:SHOWN]:
            show(f"  {one.example.question} → {one.example.target}? {reason}")
    if left_out:
        typer.echo(f"left out: {why(left_out)}")
    elif not kept and not held:
        typer.echo("No turn was kept: set keep = true in [traces], and let people judge answers.")
    if not kept:
        return
    measured = found.measured
    how = "held-out questions" if found.how == "questions" else "of the project's own, in 5 folds"
    skipped = f" ({found.skipped} skipped)" if found.skipped else ""
    typer.echo(f"\nMeasured on {measured['questions']} {how}{skipped}:")
    typer.echo(f"{'':<36}{'before (95%)':<21}{'after (95%)':<21}{'difference (95%)':<22}p")
    for name, figure in measured["figures"].items():
        if figure["before"] is not None:
            typer.echo(_line(NAMES[name], figure))
    changed = measured["classes"].items()
    lost = [(one["lost"] - one["gained"], name) for name, one in changed]
    for count, name in sorted(lost, reverse=True)[:SHOWN]:
        if count > 0:
            own = measured["classes"][name]
            show(f"worse: {name}, {count} fewer of {own['questions']} right (p {own['p']:.2f})")
    _verdict(found)


def _verdict(found: Refit) -> None:
    figure = found.measured["figures"]["all"]
    if found.measured["verdict"] == "better":
        typer.echo("It does better.")
    elif found.measured["verdict"] == "worse":
        typer.echo("It does worse.")
    else:
        needed = figure["needed"]
        more = f"; to show one of this size takes about {needed:,}" if needed else ""
        typer.echo(f"No difference is shown by {figure['questions']} questions{more}.")
    if found.few:
        typer.echo("Note: so few questions say little.", err=True)


def _line(name: str, figure: Figure) -> str:
    before = f"{percent(figure['before'])} {_ends(figure['before_interval'])}"
    after = f"{percent(figure['after'])} {_ends(figure['after_interval'])}"
    apart = figure["difference"] or 0.0
    low, high = figure["interval"] or [0.0, 0.0]
    difference = f"{100 * apart:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    p = "" if figure["p"] is None else f"{figure['p']:.3f}"
    return f"{name:<36}{before:<21}{after:<21}{difference:<22}{p}".rstrip()


def _ends(interval: list[float] | None) -> str:
    return "" if interval is None else f"({interval[0]:.0%}–{interval[1]:.0%})"


def percent(share: float | None) -> str:
    """Return a share as people read it; a dash where there is none."""
    return "–" if share is None else f"{share:.1%}"


def why(left_out: dict[str, int]) -> str:
    """Return how many questions are left out, by reason."""
    return (
        ", ".join(f"{count} {reason}" for reason, count in left_out.items()) or "no question came"
    )
