"""What the sweep says on the whole: slopes of the best coefficient, averaged within an optimiser, never over.

The best coefficient goes another way with width under SGD than under AdamW, and a mean of the two describes
neither. A mean has two intervals: one that resamples starts, the data sets being those that they are, and
one over data sets, for a data set that nobody has tried.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from l2scaling.chapters.scaling_rules.sweep_table import Family, Network, best, interval, slope
from l2scaling.measuring.intervals import Exponent, Interval, mean_interval

SIZES = ("P", "width")
"""What a slope may be taken in: the number of weights, or the number of hidden units of a layer."""

NOISES = {"clean": (False,), "noisy": (True,), "both": (False, True)}


def slopes(
    series: Mapping[Family, Sequence[Network]], size: str, metric: str, weights: np.ndarray
) -> dict[Family, np.ndarray]:
    """Return the slope of log best λ in the log of a ``size``, shape ``(B,)``, for every family.

    Families without the metric, or with one network, are left out. Raises ``ValueError`` for a size that
    is none of ``SIZES``.

    >>> slopes({}, "depth", "loss", np.ones((1, 1)))
    Traceback (most recent call last):
        ...
    ValueError: size 'depth' is unknown; allowed: P, width
    """
    if size not in SIZES:
        raise ValueError(f"size {size!r} is unknown; allowed: {', '.join(SIZES)}")
    return {
        family: slope(
            [one.count if size == "P" else one.subject.width for one in row],
            np.array([best(one, metric, weights) for one in row]),
        )
        for family, row in series.items()
        if len(row) > 1 and (metric == "loss" or row[0].classifies)
    }


class Mean(NamedTuple):
    """A mean over data sets: with starts resampled, and with data sets as the units."""

    over_starts: Exponent
    over_data: Interval


def mean(found: Mapping[Family, np.ndarray], optimizer: str, noise: str, repetitions: int) -> Mean:
    """Average what families of one optimiser have, ``(B,)`` each, over data sets.

    Every data set counts once, by the mean over its families: n data sets, one value each. Over starts,
    the interval is the central 95% of the resampled means. Over data sets it is Student's for these n
    values, as if they had been drawn from all data sets that one might meet; n is small, and the interval
    wide. ``noise`` is clean, noisy or both. Raises ``ValueError`` for another word, or fewer than two data
    sets.

    >>> weights = np.ones(3)
    >>> found = {("digits", 0.0, "sgd", 1): 0.2 * weights, ("diabetes", 0.0, "sgd", 1): 0.4 * weights}
    >>> found[("digits", 0.0, "sgd", 2)] = 0.0 * weights
    >>> over_starts, over_data = mean(found, "sgd", "clean", repetitions=10)
    >>> round(over_starts.estimate, 6), over_starts.n, round(over_data.estimate, 6), over_data.n
    (0.25, 10, 0.25, 2)
    """
    if noise not in NOISES:
        raise ValueError(f"noise {noise!r} is unknown; allowed: {', '.join(NOISES)}")
    own = [one for one in found if one[2] == optimizer and (one[1] > 0) in NOISES[noise]]
    names = dict.fromkeys(data for data, *_ in own)
    values = np.array([np.mean([found[one] for one in own if one[0] == name], axis=0) for name in names])
    over_data = mean_interval(values[:, 0] if len(values) else values)
    return Mean(Exponent(*interval(values.mean(axis=0)), repetitions), over_data)


def mean_rows(
    found: Mapping[str, Mapping[Family, np.ndarray]], repetitions: int
) -> list[dict[str, str | int | float]]:
    """Return a table of mean slopes, a row an optimiser, size and noise; ``found[size]`` are slopes."""
    rows: list[dict[str, str | int | float]] = []
    for size, one in found.items():
        for optimizer in dict.fromkeys(family[2] for family in one):
            for noise in NOISES:
                over_starts, over_data = mean(one, optimizer, noise, repetitions)
                rows.append(
                    {
                        "optimiser": optimizer, "slope in": size, "targets": noise,
                        "mean": over_data.estimate,
                        "low, starts": over_starts.low, "high, starts": over_starts.high,
                        "low, data sets": over_data.low, "high, data sets": over_data.high,
                        "data sets": over_data.n,
                    }
                )  # fmt: skip
    return rows


def noise_rows(found: Mapping[Family, np.ndarray], optimizer: str) -> list[dict[str, str | float]]:
    """Return a table of means over depths, a row a data set: with clean targets, and with noisy ones.

    ``found`` maps families to ``(B,)``, the estimate first.

    >>> found = {("digits", noise, "sgd", 1): np.array([2 * noise]) for noise in (0.0, 0.2)}
    >>> noise_rows(found, "sgd")
    [{'data set': 'digits', 'clean targets': 0.0, 'noisy targets': 0.4}]
    """
    names = dict.fromkeys(data for data, _, kind, _ in found if kind == optimizer)

    def depths(data: str, noisy: bool) -> float:
        own = [one for one in found if (one[0], one[1] > 0, one[2]) == (data, noisy, optimizer)]
        return float(np.mean([found[one][0] for one in own]))

    return [
        {"data set": data, "clean targets": depths(data, False), "noisy targets": depths(data, True)}
        for data in names
    ]
