"""The mixture law: a share of the start's sum of squares, and what the data put beside it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixture:
    """Sums of squares as ``left**2 * start + scale * P**power``, at several moments.

    ``left`` (moments,) is the share of a weight that decay leaves; ``scale`` and ``power`` (moments,) say
    what the data put, by the number of weights P.
    """

    left: np.ndarray
    scale: np.ndarray
    power: np.ndarray

    def __getitem__(self, moments: slice) -> "Mixture":
        return Mixture(self.left[moments], self.scale[moments], self.power[moments])

    def sums(self, start: np.ndarray, counts: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        """Return the sums for starts and counts of shape ``(sizes,)``; shape ``(moments, sizes)``.

        ``left`` replaces the share that decay leaves, under another schedule.
        """
        kept = self.left if left is None else left
        return kept[:, None] ** 2 * start + self.scale[:, None] * counts ** self.power[:, None]

    def exponents(self, start: np.ndarray, counts: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        """Return the slopes of log sum on log P over these sizes, shape ``(moments,)``."""
        logs = np.log(self.sums(np.asarray(start, float), np.asarray(counts, float), left))
        return np.polyfit(np.log(counts), logs.T, 1)[0]


def calibrate(left: np.ndarray, sums: np.ndarray, start: np.ndarray, counts: np.ndarray) -> Mixture:
    """Return the mixture that passes through the sums of two sizes.

    ``sums`` has shape ``(moments, 2)``, ``start`` and ``counts`` shape ``(2,)``. What the data put is the
    sum less ``left**2 * start``; where that is not positive at both sizes, its power is taken as zero and
    its scale as the mean, or zero. Raises ``ValueError`` unless there are two sizes.

    >>> law = calibrate(np.array([0.5]), np.array([[3.0, 6.0]]), np.array([4.0, 8.0]), np.array([10, 20]))
    >>> law.power.round(9).tolist(), law.sums(np.array([4.0]), np.array([10.0])).round(9).tolist()
    ([1.0], [[3.0]])
    """
    if len(counts) != 2 or sums.shape[1:] != (2,):
        raise ValueError(f"sums {sums.shape} at sizes {list(counts)}: allowed two sizes")
    put = sums - left[:, None] ** 2 * start
    fine = (put > 0).all(1)
    logs = np.log(np.where(fine[:, None], put, 1.0))
    power = (logs[:, 1] - logs[:, 0]) / np.log(counts[1] / counts[0])
    scale = np.where(fine, np.exp(logs[:, 0] - power * np.log(counts[0])), np.maximum(put.mean(1), 0.0))
    return Mixture(np.asarray(left, float), scale, np.where(fine, power, 0.0))
