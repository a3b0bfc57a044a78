"""How a training goes, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import TypedDict

__all__ = ["Epoch", "Figures", "Hyper", "Loss", "Scores"]


@dataclass(frozen=True)
class Hyper:
    """How an adapter is trained.

    Args:
        epochs: how often the rows are gone through, at most.
        patience: after so many epochs in which the validation's loss did not fall, training ends.
        batch: rows of one step.
        rate: the learning rate of the first steps; it falls to 0 in a straight line.
        rank: of the matrices that are learned.
        alpha: their weight, times the rank.
        dropout: the share of their inputs that is left out at random.
        targets: the modules of the base model that they are added to.
        seed: of everything that is drawn.
    """

    epochs: int = 4
    patience: int = 2
    batch: int = 8
    rate: float = 2e-3
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    seed: int = 0


class Scores(TypedDict):
    """How good a model is on the validation's rows.

    `interval` is Wilson's of 95% for the accuracy. `loss` is the mean negative logarithm of the right
    name's probability, `ece` the expected calibration error in ten bins.
    """

    rows: int
    accuracy: float
    interval: list[float]
    loss: float
    ece: float


class Figures(TypedDict):
    """Before and after: `gain` with its interval of 95% for paired rows, and McNemar's p of it.

    `before` is the base model choosing among the same names. `by_label` is the share that is right
    after, by the right name. All are on rows that also decided when training ended and what the
    temperature is, so new questions may do a little worse.
    """

    before: Scores
    after: Scores
    gain: float
    gain_interval: list[float]
    p: float
    by_label: dict[str, float]


class Epoch(TypedDict):
    """What an epoch came to: `train` and `validation` are mean losses."""

    epoch: int
    step: int
    train: float
    validation: float
    accuracy: float


class Loss(TypedDict):
    """The course of a training: [step, mean loss since the one before], and what each epoch came to.

    `best` is the epoch whose weights are kept.
    """

    steps: list[list[float]]
    epochs: list[Epoch]
    best: int
