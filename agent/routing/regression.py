"""Which class a question belongs to, learned from labelled texts; "none" is a class like the others.

Up to some 2,000 texts kernel ridge regression is the better of the two: it is solved in one step,
and what it says of each text without having seen it comes with the solution. With more texts
logistic regression over sub-topics is: it learns what a class consists of.
"""

from __future__ import annotations

import warnings
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["KernelRidge", "Regression", "SubTopics"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Labels = NDArray[np.int64]
SHARPNESS = 2.6  # of the kernel exp(SHARPNESS × similarity)
RIDGE = 0.05
SUB_TOPIC = 100  # texts of a class for each of its sub-topics
FOLDS = 3
NONE_SHARE = 0.1  # how much the texts of the last class, "none", weigh at the least
MOST_NONE = 3.0  # and how much each of them at the most
ROUNDS = 40


class Regression(Protocol):
    """Scores classes: about a class's probability less that of a class picked blindly."""

    def scores(self, vector: Floats, similarities: Floats) -> Array:
        """Return a score for each class.

        Args:
            vector: the question's, of shape (dimension,).
            similarities: the question's with each text it learned from, of shape (texts,).
        """
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what it consists of, to be kept in a file."""
        ...


class KernelRidge:
    """Kernel ridge regression on the classes.

    Source: Saunders, Gammerman and Vovk, Ridge regression learning algorithm in dual variables,
    1998; the left-out predictions: Rifkin and Lippert, Notes on regularized least squares, 2007.

    Args:
        arrays: what `arrays` of another one returned.
    """

    def __init__(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._duals = np.asarray(arrays["duals"], dtype=np.float64)

    @classmethod
    def fit(cls, similarities: Floats, labels: Labels, classes: int) -> tuple[KernelRidge, Array]:
        """Fit, and return what each text is scored without itself, of shape (texts, classes).

        Args:
            similarities: between all texts, of shape (texts, texts).
            labels: the class of each text, of shape (texts,).
            classes: how many classes there are.
        """
        kernel = _kernel(similarities)
        kernel[np.diag_indices(len(kernel))] += RIDGE
        inverse = np.linalg.inv(kernel)
        wanted = _targets(labels, classes)
        duals = inverse @ wanted
        left_out = wanted - duals / np.diag(inverse)[:, None]
        return cls({"duals": duals}), left_out

    def scores(self, vector: Floats, similarities: Floats) -> Array:
        """Return a score for each class, of shape (classes,)."""
        return np.asarray(_kernel(similarities) @ self._duals)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what it consists of, to be kept in a file."""
        return {"duals": self._duals}


class SubTopics:
    """Logistic regression over k-means clusters inside each class, summed to the classes.

    Args:
        arrays: what `arrays` of another one returned.
    """

    def __init__(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        self._slopes = np.asarray(arrays["slopes"], dtype=np.float32)
        self._offsets = np.asarray(arrays["offsets"], dtype=np.float32)
        owners = np.asarray(arrays["owners"], dtype=np.int64)
        self._summing = np.eye(int(np.asarray(arrays["classes"])))[owners]

    @classmethod
    def fit(cls, vectors: Floats, labels: Labels, classes: int) -> tuple[SubTopics, Array]:
        """Fit, and return what each text is scored without its part of the texts.

        Args:
            vectors: centred unit vectors of shape (texts, dimension).
            labels: the class of each text, of shape (texts,).
            classes: how many classes there are.
        """
        left_out = np.zeros((len(vectors), classes))
        part = np.arange(len(vectors)) % FOLDS  # texts of a class stand side by side
        for fold in range(FOLDS):
            kept = part != fold
            fitted = cls._fit(vectors[kept], labels[kept], classes)
            left_out[~kept] = fitted._scored(vectors[~kept])
        return cls._fit(vectors, labels, classes), left_out

    @classmethod
    def _fit(cls, vectors: Floats, labels: Labels, classes: int) -> SubTopics:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        topics = np.empty(len(labels), dtype=np.int64)
        owners: list[int] = []
        for label in range(classes):
            mine = np.flatnonzero(labels == label)
            if not len(mine):
                continue
            count = max(1, len(mine) // SUB_TOPIC)
            with threadpool_limits(1):  # several threads wait for each other five times as long
                clusters = KMeans(count, n_init=1, max_iter=20, random_state=0).fit(vectors[mine])
            topics[mine] = clusters.labels_ + len(owners)
            owners += [label] * count
        none = labels == classes - 1
        share = NONE_SHARE * len(labels) / max(int(none.sum()), 1)
        weights = np.where(none, min(max(share, 1.0), MOST_NONE), 1.0)
        with warnings.catch_warnings(), threadpool_limits(1):
            # more rounds bring nothing that calibration would notice
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = LogisticRegression(C=10.0, max_iter=ROUNDS, tol=1e-3)
            model.fit(vectors, topics, sample_weight=weights)
        return cls(
            {
                "slopes": np.ascontiguousarray(model.coef_.T),
                "offsets": model.intercept_,
                "owners": np.array(owners),
                "classes": np.array(classes),
            }
        )

    def part(self, classes: list[int]) -> SubTopics:
        """Return the same for some of the classes, the last of which is "none"."""
        owners = np.argmax(self._summing, axis=1)
        kept = np.isin(owners, classes)
        renamed = np.searchsorted(classes, owners[kept])
        return SubTopics(
            {
                "slopes": self._slopes[:, kept],
                "offsets": self._offsets[kept],
                "owners": renamed,
                "classes": np.array(len(classes)),
            }
        )

    def scores(self, vector: Floats, similarities: Floats) -> Array:
        """Return a score for each class, of shape (classes,)."""
        return np.asarray(self._scored(vector[None, :])[0])

    def _scored(self, vectors: Floats) -> Array:
        utilities = vectors @ self._slopes + self._offsets
        shares = np.exp(utilities - utilities.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(shares @ self._summing - _blind(self._summing.shape[1]))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what it consists of, to be kept in a file."""
        return {
            "slopes": self._slopes,
            "offsets": self._offsets,
            "owners": np.argmax(self._summing, axis=1),
            "classes": np.array(self._summing.shape[1]),
        }


def _kernel(similarities: Floats) -> Array:
    return np.asarray(np.exp(SHARPNESS * (similarities.astype(np.float64) - 1.0)))


def _targets(labels: Labels, classes: int) -> Array:
    return np.asarray(np.eye(classes)[labels] - _blind(classes))


def _blind(classes: int) -> Array:
    """Return the probability of each class for who sees nothing; "none" is expected of nothing."""
    blind = np.full(classes, 1.0 / max(classes - 1, 1))
    blind[-1] = 0.0
    return blind
