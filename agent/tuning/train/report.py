"""An adapter's folder: weights in peft's form, card.json for programs, README.md for people."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import tostring

from agent.evaluation.markup import Element, el
from agent.models.adapter import CARD, AdapterCard
from agent.models.adapter.adapter import WEIGHTS
from agent.models.adapter.base import digest

__all__ = ["loss_chart", "write_adapter"]

WIDTH, HEIGHT, EDGE = 560, 260, 44
CHART = "loss.svg"


def write_adapter(out: Path, card: AdapterCard, model: Any) -> AdapterCard:
    """Write an adapter's folder, whole or not at all.

    Args:
        out: the folder; it is not there, or empty.
        card: what it says, but for the hash of its weights.
        model: of peft.

    Returns:
        The whole card.
    """
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True, mode=0o700)
    try:
        model.peft_config["default"].base_model_name_or_path = card["base"]["name"]
        model.save_pretrained(beside, save_embedding_layers=False)
        whole: AdapterCard = {**card, "weights_sha256": digest(beside / WEIGHTS)}
        texts = {
            CARD: json.dumps(whole, ensure_ascii=False, indent=1) + "\n",
            CHART: tostring(loss_chart(card["loss"]), encoding="unicode") + "\n",
            "README.md": _readme(whole),
        }
        for name, text in texts.items():
            (beside / name).write_text(text, encoding="utf-8")
        for path in beside.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if out.exists():
            out.rmdir()
        beside.replace(out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # it is there only if something failed
    return whole


def _readme(card: AdapterCard) -> str:
    figures, loss = card["figures"], card["loss"]
    before, after = figures["before"], figures["after"]
    chosen = "\n".join(
        f"| {name} | {figures['by_label'][name]:.1%} |"
        if name in figures["by_label"]
        else f"| {name} | no rows |"
        for name in card["labels"]
    )
    epochs = "\n".join(
        f"| {one['epoch']}{' (kept)' if one['epoch'] == loss['best'] else ''} | {one['train']:.3f}"
        f" | {one['validation']:.3f} | {one['accuracy']:.1%} |"
        for one in loss["epochs"]
    )
    rows = "\n".join(
        f"| {name} | {one['accuracy']:.1%} ({one['interval'][0]:.1%}–{one['interval'][1]:.1%}) |"
        f" {one['loss']:.3f} | {one['ece']:.3f} |"
        for name, one in (("base model", before), ("tuned", after))
    )
    gain = figures["gain_interval"]
    return f"""# A tuned model: {card["task"]} of {card["project"]}

A LoRA adapter for {card["base"]["name"]}, trained on {card["created"][:10]} with `waypost tune train`. It chooses among
{len(card["labels"])} names. It has learned from people's questions: give it to nobody who may not read these.

On {before["rows"]} rows of validation, with 95% intervals:

| | right | loss | calibration error |
| --- | --- | --- | --- |
{rows}

The gain is {figures["gain"] * 100:.1f} points ({gain[0] * 100:.1f} to {gain[1] * 100:.1f}, p = {figures["p"]:g}). These
rows also decided when training ended, and the temperature ({card["temperature"]:g}); measure on others with
`waypost tune compare`.

| name | right |
| --- | --- |
{chosen}

![Loss by step]({CHART})

| epoch | loss of training | loss of validation | right |
| --- | --- | --- | --- |
{epochs}

Use it as a router in `waypost.toml`, with the path of this folder from the project's:

    [models]
    router = "lora:FOLDER"

`{CARD}` has all of this as data, with the hashes of what it was made of.
"""


def loss_chart(loss: Any) -> Element:
    """Return the course of the losses as SVG.

    Args:
        loss: of an adapter's card.
    """
    steps = [(step, value) for step, value in loss["steps"]]
    held = [(one["step"], one["validation"]) for one in loss["epochs"]]
    last = max([step for step, _ in [*steps, *held]], default=1)
    most = max([value for _, value in [*steps, *held]], default=1.0) or 1.0

    def place(step: int, value: float) -> tuple[float, float]:
        x = EDGE + (WIDTH - 2 * EDGE) * step / last
        y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * value / most
        return round(x, 1), round(y, 1)

    chart = el(
        "svg", el("title", "Loss by step"), xmlns="http://www.w3.org/2000/svg", role="img",
        viewBox=f"0 0 {WIDTH} {HEIGHT}", width=WIDTH, height=HEIGHT, font_family="sans-serif",
        font_size=11,
    )  # fmt: skip
    chart.append(el("rect", width=WIDTH, height=HEIGHT, fill="white"))
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(last, most * share)
        chart.append(el("line", x1=EDGE, y1=y, x2=x, y2=y, stroke="#ddd"))
        chart.append(el("text", f"{most * share:.2f}", x=EDGE - 6, y=y + 4, text_anchor="end"))
        x, y = place(round(last * share), 0)
        chart.append(el("text", f"{round(last * share)}", x=x, y=y + 16, text_anchor="middle"))
    for points, colour, name, above in (
        (steps, "#1f77b4", "training", 16),
        (held, "#d62728", "validation", 30),
    ):
        line = " ".join(f"{x},{y}" for x, y in (place(*one) for one in points))
        chart.append(
            el("polyline", points=line, fill="none", stroke=colour, stroke_width=1.5)
        )  # fmt: skip
        for x, y in (place(*one) for one in points if points is held):
            chart.append(el("circle", cx=x, cy=y, r=3, fill=colour))
        chart.append(
            el("text", name, x=WIDTH - EDGE, y=above, text_anchor="end", fill=colour)
        )  # fmt: skip
    return chart
