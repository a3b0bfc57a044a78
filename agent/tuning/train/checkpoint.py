"""How far a training is, in a file from which it goes on as if it had never stopped."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from agent.errors import UsageError

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]

FILE = "checkpoint.pt"


class Checkpoint(TypedDict):
    """Everything that a training depends on after a step.

    `key` is of its data, base model and settings; `best` are the weights of the best epoch so far,
    `before` is what the base model made of the validation's rows; `course` is the losses, as JSON.
    """

    key: str
    step: int
    weights: dict[str, Any]
    best: dict[str, Any]
    optimizer: dict[str, Any]
    random: list[Any]
    before: Any
    course: str


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{FILE}.{os.getpid()}"
    with beside.open("wb") as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / FILE)


def load_checkpoint(folder: Path, key: str) -> Checkpoint | None:
    """Return the last checkpoint; None where there is none.

    Args:
        folder: of the training.
        key: of its data, base model and settings.

    Raises:
        UsageError: it is of another training, or damaged.
    """
    import torch

    path = folder / FILE
    if not path.is_file():
        return None
    afresh = f"delete {str(folder)!r} to begin anew."
    try:
        found: Checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{str(path)!r} cannot be read ({type(error).__name__}).", fix=afresh
        ) from error
    if found["key"] != key:
        raise UsageError(
            f"{str(path)!r} is of a training with other data, base model or settings.",
            fix=f"give the same as then, or {afresh}",
        )
    return found
