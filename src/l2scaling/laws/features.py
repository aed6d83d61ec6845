"""Ridge on random features of real data: what leave-one-out picks, and what it costs to carry it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2scaling.datasets import Dataset
from l2scaling.laws.ridge import Decomposition, decompose


def relu_features(X: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return ``count`` random features ``max(Xb, 0)`` with ``b`` from N(0, 1), shape ``(N, count)``.

    >>> relu_features(np.eye(3), 5, np.random.default_rng(0)).shape
    (3, 5)
    """
    if count < 1:
        raise ValueError(f"count {count}: allowed 1 or more")
    return np.maximum(X @ rng.normal(size=(X.shape[1], count)), 0.0)


@dataclass(frozen=True)
class RandomFeatures:
    """Features ``max(x'b, 0)`` of one data set, split into training samples and the rest.

    ``X`` ``(N, P)`` and ``y`` ``(N, targets)`` train, ``X_rest`` and ``y_rest`` are held out. A data set
    with classes has one target a class, one or zero, minus its mean over classes. A model of fewer
    features takes the first columns.
    """

    X: np.ndarray
    y: np.ndarray
    X_rest: np.ndarray
    y_rest: np.ndarray
    scale: float

    def grid(self, count: int) -> np.ndarray:
        """Return alphas, sum convention, ten a decade, in proportion to the size of ``count`` features."""
        return self.scale * count * np.geomspace(1e-5, 1e3, 81)

    def choose(self, counts: Sequence[int]) -> np.ndarray:
        """Return the alpha of the grid that leave-one-out picks for each number of features."""
        return np.array([self._chosen(count) for count in counts])

    def _chosen(self, count: int) -> float:
        grid = self.grid(count)
        return float(grid[self._design(count).leave_one_out(self.y, grid).argmin()])

    def regrets(self, count: int, alphas: Sequence[float]) -> np.ndarray:
        """Return the held-out error at ``alphas`` over the least on the grid or there, minus one.

        Shape ``(alphas,)``; alpha = 0 is the fit of least norm.
        """
        tried = np.concatenate([alphas, self.grid(count)])
        misses = self._design(count).predictions(self.X_rest[:, :count], self.y, tried) - self.y_rest
        errors = (misses**2).mean(axis=(1, 2))
        return errors[: len(alphas)] / errors.min() - 1

    def _design(self, count: int) -> Decomposition:
        if not 1 <= count <= self.X.shape[1]:
            raise ValueError(f"count {count}: allowed 1 to {self.X.shape[1]}")
        return decompose(self.X[:, :count])


def random_features(data: Dataset, samples: int, count: int, rng: np.random.Generator) -> RandomFeatures:
    """Split ``data`` at random and give it ``count`` random features, b from N(0, 1).

    Raises ``ValueError`` unless at least one sample is left over, and one taken.

    >>> from l2scaling.datasets import load
    >>> one = random_features(load("digits"), 100, 50, np.random.default_rng(0))
    >>> one.X.shape, one.y.shape, one.X_rest.shape
    ((100, 50), (100, 10), (1697, 50))
    """
    if not 1 <= samples < len(data.y):
        raise ValueError(f"samples {samples}: allowed 1 to {len(data.y) - 1}")
    y = data.y[:, None] if data.classes is None else np.eye(data.classes)[data.y] - 1 / data.classes
    order = rng.permutation(len(y))
    inputs = data.X.shape[1]
    features = np.maximum(data.X @ rng.normal(size=(inputs, count)), 0.0)[order]
    y = y[order]
    return RandomFeatures(features[:samples], y[:samples], features[samples:], y[samples:], float(inputs))
