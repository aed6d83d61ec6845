"""What the curves of the sweep say: exponents where there is a best λ, and which of two rules costs more."""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import PchipInterpolator

from l2scaling.chapters.transformer import sweep
from l2scaling.chapters.transformer.sweep import Curve
from l2scaling.measuring import lattices
from l2scaling.measuring.intervals import Exponent, Interval, jackknife_interval


def exponent(sizes: Sequence[float], curves: Sequence[Curve]) -> Exponent:
    """Return the exponent of the best λ in ``sizes``; NaN if a curve has its least loss at an end."""
    if any(one.void for one in curves):
        return Exponent(np.nan, np.nan, np.nan, curves[0].losses.shape[1])
    return Exponent(*sweep.exponent(sizes, curves))


def growths(row: Sequence[Curve]) -> dict[str, float]:
    """Return by what each rule multiplies λ from the narrowest model of a row to the widest."""
    wide = row[-1].cell.width / row[0].cell.width
    return {"1/P": row[0].count / row[-1].count, "kept": 1.0, "√width": wide**0.5, "width": wide}


def told(row: Sequence[Curve], rule: str) -> float:
    """Return the λ to which a rule carries the narrowest model's best, in the widest of a row."""
    return row[0].best * growths(row)[rule]


def between(curve: Curve, coefficient: float) -> float:
    """Return the regret of a λ read between the places of the lattice, as a share of the least loss there.

    The mean losses are joined by a monotone cubic in log λ; NaN outside of the lattice.
    """
    joined = PchipInterpolator(np.log(curve.coefficients), curve.means, extrapolate=False)
    return float(joined(np.log(coefficient)) / curve.means.min() - 1)


def dearer(row: Sequence[Curve], rule: str, other: str) -> Interval:
    """Return by how much the regret of one rule exceeds another's, with the jackknife over repetitions.

    Both carry the narrowest model's best λ to the widest; the result is a share of the least loss there.
    """
    narrow, wide, factors = row[0], row[-1], growths(row)

    def gap(losses: np.ndarray) -> float:
        first, second = losses.mean(axis=2)
        best = lattices.vertex(narrow.coefficients, first)
        one, two = (
            lattices.regret(wide.coefficients, second, best * factors[name]) for name in (rule, other)
        )
        return one - two

    return jackknife_interval(np.stack([narrow.losses, wide.losses]), gap)


def excess_at_the_largest(curve: Curve, other: Curve) -> Interval:
    """Return by what share one loss exceeds the other's at the largest λ, with the jackknife."""

    def compare(losses: np.ndarray) -> float:
        first, second = losses.mean(axis=1)
        return float(first / second - 1)

    return jackknife_interval(np.stack([curve.losses[-1], other.losses[-1]]), compare)
