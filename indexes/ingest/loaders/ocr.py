"""Text recognition on images of pages, with RapidOCR if it is installed (`waypost[ocr]`).

RapidOCR is Apache-2.0, as are the models in its wheel (Chinese and English), and needs no network.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DPI", "INSTALL", "available", "lines_of", "recogniser"]

DPI = 200  # at which pages are drawn to be read
INSTALL = "install waypost[ocr]"


@dataclass(frozen=True)
class _Piece:
    """A recognised text and its upright box."""

    text: str
    left: float
    top: float
    bottom: float


def available() -> bool:
    """Say whether text can be recognised here."""
    return all(importlib.util.find_spec(one) is not None for one in ("rapidocr", "onnxruntime"))


@lru_cache(maxsize=1)
def recogniser() -> Callable[[NDArray[np.uint8]], list[str]]:
    """Return a function from an image (height, width, BGR) to its lines of text, from top to bottom.

    Raises:
        ImportError: no engine is installed; see `available`.
    """
    rapidocr: Any = importlib.import_module("rapidocr")
    engine = rapidocr.RapidOCR(params={"Global.log_level": "error"})

    def read(image: NDArray[np.uint8]) -> list[str]:
        found = engine(image)
        if found.txts is None or found.boxes is None:
            return []
        boxes = [[(float(x), float(y)) for x, y in box] for box in found.boxes]
        return lines_of(list(zip(found.txts, boxes, strict=True)))

    return read


def lines_of(found: Sequence[tuple[str, Sequence[tuple[float, float]]]]) -> list[str]:
    """Return lines of text, each made of the pieces that stand side by side.

    Args:
        found: texts with the corners of their boxes (x, y).
    """
    pieces = [
        _Piece(text, min(x for x, _ in box), min(y for _, y in box), max(y for _, y in box))
        for text, box in found
        if text.strip()
    ]
    lines: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda one: one.top + one.bottom):
        if lines and _beside(lines[-1][-1], piece):
            lines[-1].append(piece)
        else:
            lines.append([piece])
    return [
        "  ".join(one.text.strip() for one in sorted(line, key=lambda one: one.left))
        for line in lines
    ]


def _beside(one: _Piece, other: _Piece) -> bool:
    """Say whether two pieces share more than half of the lower one's height."""
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared > 0.5 * min(one.bottom - one.top, other.bottom - other.top)
