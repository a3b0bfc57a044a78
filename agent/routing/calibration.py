"""Scores become probabilities: a conditional logit, whose weights stay near known good ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_conditional_logit", "softmax"]

Array = NDArray[np.float64]


def softmax(utilities: Array) -> Array:
    """Return the probabilities of choices, along the last axis."""
    shifted = np.exp(utilities - utilities.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def fit_conditional_logit(
    designs: Array, labels: NDArray[np.int64], weights: Array, prior: Array, scale: Array
) -> Array:
    """Fit the weights of a conditional logit by Newton's method, as a maximum a posteriori.

    Args:
        designs: features of shape (questions, choices, features).
        labels: the right choice of each question, of shape (questions,).
        weights: how much each question counts, of shape (questions,).
        prior: the weights without any question, of shape (features,).
        scale: how far each may move, as a standard deviation, of shape (features,).

    Returns:
        The weights, of shape (features,).

    Source: McFadden, Conditional logit analysis of qualitative choice behavior, 1974.
    """
    theta = prior.copy()
    ridge = np.diag(scale**-2.0)
    for _ in range(30):
        probabilities = softmax(designs @ theta)
        expected = np.einsum("nc,ncp->np", probabilities, designs)
        chosen = designs[np.arange(len(labels)), labels]
        gradient = ((chosen - expected) * weights[:, None]).sum(axis=0) - ridge @ (theta - prior)
        shares = probabilities * weights[:, None]
        flat = designs.reshape(-1, designs.shape[-1])
        spread = (flat * shares.reshape(-1, 1)).T @ flat - (
            expected * weights[:, None]
        ).T @ expected
        step = np.linalg.solve(spread + ridge, gradient)
        theta = theta + step * min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-9))
        if float(np.abs(step).max()) < 1e-6:
            break
    return np.asarray(theta)
