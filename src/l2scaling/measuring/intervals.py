"""Intervals of means, ratios, shares and exponents: one function each, one level for all.

Seeds are the independent units. An estimate that is a smooth function of means over seeds is, to first
order, a mean of one number a seed; so every interval here is Student's for such numbers, and what
seeds share between sizes stays together. The coverage at the numbers of seeds used in the book is
simulated in the tests and shown on the page of notation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
RESAMPLES = 2000


class Interval(NamedTuple):
    """An estimate, the ends of its 95% interval, and the number of independent units.

    In this order they are what ``Prediction.judge`` takes. The first three are arrays where many
    intervals were asked for at once.
    """

    estimate: Any
    low: Any
    high: Any
    n: int

    @property
    def band(self) -> np.ndarray:
        """Estimate, low and high as one array, shape ``(3, ...)``."""
        return np.array(self[:3])


class Exponent(Interval):
    """The interval of an exponent, the slope of log(value) on log(P)."""

    __slots__ = ()


def _student(estimate: Any, parts: np.ndarray) -> Interval:
    """Return Student's interval from what each unit adds to an estimate, along the last axis of ``parts``."""
    if parts.ndim < 1 or parts.shape[-1] < 2:
        raise ValueError(f"values of shape {parts.shape}: allowed (..., n) with n at least 2")
    n = parts.shape[-1]
    reach = stats.t.ppf((1 + LEVEL) / 2, n - 1) * parts.std(axis=-1, ddof=1) / np.sqrt(n)
    low, high = estimate - reach, estimate + reach
    if parts.ndim > 1:
        return Interval(estimate, low, high, n)
    return Interval(float(estimate), float(low), float(high), n)


def mean_interval(values: np.ndarray) -> Interval:
    """Return the mean of independent ``values`` and Student's 95% interval, along the last axis.

    ``mean ± t * sd / sqrt(n)``, t being the quantile of n - 1 degrees of freedom. ``values`` has shape
    ``(..., n)``. Raises ``ValueError`` for fewer than two.

    >>> [round(end, 3) for end in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484, 3]
    """
    values = np.asarray(values, float)
    return _student(values.mean(axis=-1 if values.ndim else None), values)


def ratio_interval(top: np.ndarray, bottom: np.ndarray) -> Interval:
    """Return the ratio of two means over the same units, and its 95% interval.

    To first order unit j moves the ratio r by ``(top_j - r * bottom_j) / mean(bottom)``; Student's
    interval is that of these numbers. Both have shape ``(n,)``. Raises ``ValueError`` for fewer than two.

    >>> ratio_interval(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    Interval(estimate=0.5, low=0.5, high=0.5, n=2)
    """
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    ratio = top.mean() / bottom.mean()
    return _student(ratio, (top - ratio * bottom) / bottom.mean())


def jackknife_interval(values: np.ndarray, estimate: Callable[[np.ndarray], float]) -> Interval:
    """Return an estimate from independent units, and Student's 95% interval of its jackknife.

    Without unit j the estimate is ``e_j``; the interval is Student's for the n numbers
    ``n * e - (n - 1) * e_j`` about the estimate e. Units lie along the last axis of ``values``, which
    ``estimate`` takes whole. Raises ``ValueError`` for fewer than two.

    >>> jackknife_interval(np.array([1.0, 2.0, 3.0]), np.mean)[:3] == mean_interval([1.0, 2.0, 3.0])[:3]
    True
    """
    values = np.asarray(values, float)
    n = values.shape[-1]
    whole = float(estimate(values))
    without = np.array([estimate(np.delete(values, unit, axis=-1)) for unit in range(n if n > 1 else 0)])
    return _student(whole, n * whole - (n - 1) * without if n > 1 else np.array([whole]))


def largest_error(errors: Interval) -> Interval:
    """Return, of many errors with intervals, the largest absolute one, and how small or large it may be.

    >>> largest_error(Interval(np.array([0.1, -0.3]), np.array([-0.1, -0.4]), np.array([0.3, -0.2]), 5))
    Interval(estimate=0.3, low=0.2, high=0.4, n=5)
    """
    error, low, high = np.abs(errors.band)
    nearest = np.where(errors.low * errors.high < 0, 0.0, np.minimum(low, high))
    return Interval(float(error.max()), float(nearest.max()), float(np.maximum(low, high).max()), errors.n)


def share_interval(hits: int, n: int) -> Interval:
    """Return the share of ``hits`` in ``n`` independent trials, and its exact 95% interval.

    Clopper and Pearson's, which covers at least what it says at every n.

    >>> [round(end, 3) for end in share_interval(8, 8)]
    [1.0, 0.631, 1.0, 8]
    """
    found = stats.binomtest(int(hits), n)
    low, high = found.proportion_ci(LEVEL, "exact")
    return Interval(hits / n, float(low), float(high), n)


def fit_exponent(sizes: np.ndarray, values: np.ndarray) -> Exponent:
    """Fit ``value = a * P**b`` and return b with its 95% interval.

    The estimate is the least-squares slope of the log of the mean over seeds on log P, all sizes with
    the same weight. To first order seed j moves it by ``sum_k g_k values_kj / mean_k``, where ``g_k`` are
    the weights of the slope; Student's interval is that of these numbers. A seed is one unit over all
    sizes, so it may be shared between them or not. A value that is NaN leaves an exponent that is.

    ``sizes`` has shape ``(sizes,)``, ``values`` shape ``(sizes, seeds)``; both positive.
    Raises ``ValueError`` for other shapes, fewer than two sizes or seeds, or values that are not positive.

    >>> sizes = np.array([10, 100, 1000])
    >>> fit_exponent(sizes, np.sqrt(sizes)[:, None] * np.ones((3, 5))).estimate.__round__(9)
    0.5
    """
    sizes, values = np.asarray(sizes, float), np.asarray(values, float)
    if values.ndim != 2 or values.shape[0] != sizes.size or sizes.size < 2:
        raise ValueError(
            f"sizes {sizes.shape} and values {values.shape}: "
            "allowed (sizes,) and (sizes, seeds) with at least two sizes"
        )
    if np.any(sizes <= 0) or np.any(values <= 0):
        raise ValueError("sizes and values must be positive to have logarithms")
    log_size = np.log(sizes) - np.log(sizes).mean()
    weights = log_size / (log_size**2).sum()
    means = values.mean(axis=1)
    return Exponent(*_student(weights @ np.log(means), (weights / means) @ values))


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
