"""Exponents of power laws and means, with intervals that come from resampling seeds."""

from typing import NamedTuple

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000


class Exponent(NamedTuple):
    """Slope of log(value) on log(P), with a seed-bootstrap interval.

    ``low`` and ``high`` bound the central 95% of the bootstrap slopes; ``n`` is the
    number of seeds at each size. In this order they are what ``Prediction.judge`` takes.
    """

    estimate: float
    low: float
    high: float
    n: int


def fit_exponent(sizes: np.ndarray, values: np.ndarray, seed: int) -> Exponent:
    """Fit ``value = a * P**b`` and return b with its 95% interval.

    The estimate is the least-squares slope of the log of the mean over seeds on log P,
    all sizes with the same weight. The interval is the percentile bootstrap over seeds:
    each of 2000 resamples draws seeds with replacement, separately at each size because
    seeds are independent across sizes.

    ``sizes`` has shape ``(sizes,)``, ``values`` shape ``(sizes, seeds)``; both positive.
    Raises ``ValueError`` for other shapes, fewer than two sizes, or values that are not
    positive.

    >>> sizes = np.array([10, 100, 1000])
    >>> fit_exponent(sizes, np.sqrt(sizes)[:, None] * np.ones((3, 5)), seed=0).estimate.__round__(9)
    0.5
    """
    sizes, values = np.asarray(sizes, float), np.asarray(values, float)
    if values.ndim != 2 or values.shape[0] != sizes.size or sizes.size < 2:
        raise ValueError(
            f"sizes {sizes.shape} and values {values.shape}: "
            "allowed (sizes,) and (sizes, seeds) with at least two sizes"
        )
    if not (np.all(sizes > 0) and np.all(values > 0)):
        raise ValueError("sizes and values must be positive to have logarithms")
    seeds = values.shape[1]
    log_size = np.log(sizes) - np.log(sizes).mean()
    weights = log_size / (log_size**2).sum()
    picks = np.random.default_rng(seed).integers(0, seeds, (RESAMPLES, sizes.size, seeds))
    means = np.take_along_axis(values[None], picks, axis=2).mean(axis=2)
    low, high = np.quantile(np.log(means) @ weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    estimate = np.log(values.mean(axis=1)) @ weights
    return Exponent(float(estimate), float(low), float(high), seeds)


def mean_interval(values: np.ndarray, seed: int) -> tuple[float, float, float, int]:
    """Return the mean of independent ``values``, the ends of its 95% interval, and their number.

    The interval is the percentile bootstrap of 2000 resamples; in this order the four are what
    ``Prediction.judge`` takes. Raises ``ValueError`` unless ``values`` has shape ``(n,)``, n at least 1.

    >>> mean_interval(np.ones(5), seed=0)
    (1.0, 1.0, 1.0, 5)
    """
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values of shape {values.shape}: allowed (n,) with n at least 1")
    picks = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[picks].mean(axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(values.mean()), float(low), float(high), len(values)


def resample_weights(seeds: int, seed: int) -> np.ndarray:
    """Return how often each of ``seeds`` is drawn in 2000 bootstrap resamples, as shares.

    The result has shape ``(2000, seeds)`` and rows that sum to one; times values of shape
    ``(seeds,)`` it gives their resampled means.

    >>> weights = resample_weights(4, seed=0)
    >>> weights.shape, bool(np.allclose(weights.sum(axis=1), 1))
    ((2000, 4), True)
    """
    picks = np.random.default_rng(seed).integers(0, seeds, (RESAMPLES, seeds))
    return np.stack([(picks == one).mean(axis=1) for one in range(seeds)], axis=1)
