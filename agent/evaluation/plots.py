"""The plots of a report's page, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.evaluation.markup import Element, el
from agent.evaluation.types import ReliabilityBin, RiskPoint

__all__ = ["reliability_plot", "risk_coverage_plot"]

WIDTH, HEIGHT = 380, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 12, 60
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)


def reliability_plot(bins: Sequence[ReliabilityBin], words: Mapping[str, str]) -> Element:
    """Return a reliability diagram: bars of right routes by confidence, beside the diagonal."""
    plot = _axes(words["reliability"], words["confidence"], words["right_share"], 1.0)
    plot.append(el("line", class_="ideal", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1)))
    for one in bins:
        left, right, top = _x(one["low"]), _x(one["high"]), _y(one["right"])
        said = f"{one['questions']}: {one['confidence']:.1%} → {one['right']:.1%}"
        plot.append(
            el(
                "rect", el("title", said), class_="bar", x=left + 1, y=top,
                width=round(right - left - 2, 2), height=round(max(1.0, _y(0) - top), 2),
            )
        )  # fmt: skip
        plot.append(el("circle", class_="point", cx=_x(one["confidence"]), cy=top, r=3))
        middle = (left + right) / 2
        plot.append(_text(str(one["questions"]), middle, _y(0) + 30, "middle", "small"))
    return plot


def risk_coverage_plot(points: Sequence[RiskPoint], words: Mapping[str, str]) -> Element:
    """Return the curve of wrong routes against the share of questions whose routes are followed."""
    worst = max((point["risk"] for point in points), default=0.0)
    most = next(limit for limit in (0.05, 0.1, 0.2, 0.5, 1.0) if worst <= limit)
    plot = _axes(words["risk_coverage"], words["coverage"], words["risk"], most)
    places = [(_x(point["coverage"]), _y(point["risk"] / most)) for point in points]
    if places:
        line = [(_x(0), places[0][1]), *places]
        plot.append(el("polyline", class_="curve", points=" ".join(f"{x},{y}" for x, y in line)))
    for point, (x, y) in zip(points, places, strict=True):
        said = f"≥ {point['confidence']:.1%}: {point['coverage']:.1%}, {point['risk']:.1%}"
        plot.append(el("circle", el("title", said), class_="point", cx=x, cy=y, r=2.5))
    return plot


def _axes(name: str, across: str, up: str, most: float) -> Element:
    plot = el(
        "svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, role="img",
        aria_label=name,
    )  # fmt: skip
    for tick in TICKS:
        x, y = _x(tick), _y(tick)
        plot.append(el("line", class_="grid", x1=_x(0), y1=y, x2=_x(1), y2=y))
        plot.append(el("line", class_="grid", x1=x, y1=_y(0), x2=x, y2=_y(1)))
        plot.append(_text(f"{tick:.0%}", x, _y(0) + 15, "middle"))
        plot.append(_text(f"{100 * tick * most:g}%", _x(0) - 6, y + 4, "end"))
    plot.append(_text(across, (_x(0) + _x(1)) / 2, HEIGHT - 8, "middle"))
    turned = _text(up, 0, 0, "middle")
    turned.set("transform", f"translate(14 {(_y(0) + _y(1)) / 2}) rotate(-90)")
    plot.append(turned)
    return plot


def _text(said: str, x: float, y: float, anchor: str, kind: str = "tick") -> Element:
    return el("text", said, class_=kind, x=round(x, 2), y=round(y, 2), text_anchor=anchor)
