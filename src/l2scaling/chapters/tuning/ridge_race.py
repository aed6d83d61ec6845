"""Ways to choose the penalty coefficient: what each costs in fits of the final model, and its regret.

c is that of the book, against a mean loss. The *regret* of a choice is the test error at the chosen c
over the least test error of any penalty tried, minus one; early stopping can get below zero. A *fit* is
one whole training of the final model; a model of a share of its weights costs that share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from l2scaling.laws.features import RandomFeatures
from l2scaling.laws.ridge import Decomposition, decompose

GEOMETRIC = np.geomspace(1e-6, 1e2, 97)
"""Coefficients tried by ridge, as multiples of the rule of thumb; twelve a decade."""

COUNTS = (3, 5, 9, 17)
"""How many values the geometric grids of ridge have; all span the same eight decades."""

EVEN = np.linspace(0.01, 0.4, 40)
"""The grid of thread 1: even steps from 0.01 to 0.4."""

FOLDS = 5
SMALLER = 8
"""Transfer tunes a model with this many times fewer features, or hidden units."""

_RATE_SHARE = 0.1  # of the inverse of the largest curvature: small, so that steps resemble a flow


def descent_predictions(
    design: Decomposition,
    X: np.ndarray,
    y: np.ndarray,
    learning_rate: float,
    times: Sequence[int] | np.ndarray,
    penalty_coefficient: float = 0.0,
) -> np.ndarray:
    """Return what gradient descent from zero predicts after each number of steps.

    It minimises ``|y - Xw|^2 / (2N) + c/2 * |w|^2``. Along a singular value s, with ``h = s^2/N``, the
    weight after t steps is ``(1 - (1 - rate (h + c))^t) / (h + c)`` times its part of ``X'y/N``; no step
    is taken. ``y`` has shape ``(N, targets)``, the result ``(times, inputs, targets)``. Raises
    ``ValueError`` for a rate at which ``rate (h + c)`` is not in 0 to 1, so that steps overshoot.

    >>> one = descent_predictions(decompose(np.eye(1)), np.eye(1), np.ones((1, 1)), 0.5, [1, 2])
    >>> one.ravel().tolist()
    [0.5, 0.75]
    """
    samples = len(design.left)
    curvatures = design.singular**2 / samples + penalty_coefficient
    if not 0 < learning_rate * curvatures.max() <= 1:
        raise ValueError(f"learning_rate {learning_rate}: allowed above 0 to {1 / curvatures.max()}")
    with np.errstate(divide="ignore"):
        left_over = np.exp(np.asarray(times, float)[:, None] * np.log1p(-learning_rate * curvatures))
    gains = (1 - left_over) * design.singular / (samples * curvatures)
    turned = gains[:, :, None] * (design.left.T @ y)
    return np.tensordot(turned, design.right @ X.T, (1, 0)).swapaxes(1, 2)


def excess_risk(curvatures: np.ndarray, shrunk: np.ndarray, penalty_coefficient: float) -> float:
    """Return the excess risk of a fit that shrinks direction h by the share ``shrunk``, per signal.

    ``sum(h * (shrunk^2 + c/h * (1 - shrunk)^2))``: weights are isotropic with variance v, the noise has
    the variance ``N c v``, so that this c is the best of ridge; a new sample meets direction h with the
    weight h. ``curvatures`` and ``shrunk`` have shape ``(k,)``. Raises ``ValueError`` for a curvature or
    a c that is not above 0.

    >>> excess_risk(np.array([1.0]), np.array([0.5]), 1.0)
    0.5
    """
    if not (np.all(curvatures > 0) and penalty_coefficient > 0):
        raise ValueError(f"penalty_coefficient {penalty_coefficient}: allowed above 0, as all curvatures")
    return float((curvatures * shrunk**2 + penalty_coefficient * (1 - shrunk) ** 2).sum())


def stopped_shares(curvatures: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Return what gradient descent leaves out of each direction when stopped at ``t = 1/(rate c)``.

    ``(1 - rate h)^t``, with a tenth of the inverse largest curvature as rate and t in whole steps.

    >>> stopped_shares(np.array([1.0, 0.1]), 0.5).round(3).tolist()
    [0.122, 0.818]
    """
    rate = _RATE_SHARE / curvatures.max()
    steps = max(round(1 / (rate * penalty_coefficient)), 1)
    return np.exp(steps * np.log1p(-rate * curvatures))


class Raced(NamedTuple):
    """What a race gave on one split: costs and regrets by method, and the error at every c of the grid.

    ``costs`` are in fits. ``errors`` ``(97,)`` belongs to ``GEOMETRIC`` times P/N, unit features.
    ``stopped_over_best`` is ``1/(rate t)`` at the best stopping time over the best c.
    """

    costs: dict[str, float]
    regrets: dict[str, float]
    errors: np.ndarray
    stopped_over_best: float
    curvatures: np.ndarray


@dataclass(frozen=True)
class _Bench:
    """One split with features compressed to its samples, which changes no prediction."""

    X: np.ndarray
    y: np.ndarray
    X_rest: np.ndarray
    y_rest: np.ndarray
    rule: float
    c: np.ndarray


def _bench(split: RandomFeatures, count: int, judges: int) -> _Bench:
    unit = np.sqrt(split.scale / 2)  # the root mean square of max(x'b, 0) over inputs of variance one
    X, rest = split.X[:, :count] / unit, split.X_rest[:judges, :count] / unit
    if count > len(X):
        basis = np.linalg.qr(X.T)[0]
        X, rest = X @ basis, rest @ basis
    rule = float((X**2).sum(1).mean()) / len(X)
    return _Bench(X, split.y, rest, split.y_rest[:judges], rule, GEOMETRIC * count / len(X))


def _errors(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ((predictions - y) ** 2).mean(axis=(1, 2))


def _fold_errors(one: _Bench, held: np.ndarray, c: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Fit without the samples ``held``, and judge by them; ``rng`` shuffles what they judge by."""
    kept = ~held
    y = one.y[held] if rng is None else rng.permutation(one.y[held])
    return _errors(decompose(one.X[kept]).predictions(one.X[held], one.y[kept], c * kept.sum()), y)


def ridge_race(
    split: RandomFeatures, count: int, rng: np.random.Generator, *, divide_by: float = 1.0,
    blind: bool = False, judges: int = 500,
) -> Raced:  # fmt: skip
    """Let every way of choosing c compete on one split of random features; exact, nothing is trained.

    Methods: no penalty; the rule of thumb ``mean |x|^2 / N``, divided by ``divide_by``; scikit-learn's
    default, ``c = 1/N``; geometric grids judged by a fifth held out or by five folds; the even grid
    held out; leave-one-out; early stopping without a penalty on a fifth held out; the grid of nine on an
    eighth of the features, carried by the rule. ``stop and tune`` picks c from the nine among runs that
    were each stopped at their best moment, then trains to the end with it. ``blind`` permutes the targets
    that held-out samples judge by. The test error is that of up to ``judges`` samples never used.
    Raises ``ValueError`` for a count outside 8 to the features of the split.

    >>> from l2scaling.datasets import load
    >>> from l2scaling.laws.features import random_features
    >>> split = random_features(load("diabetes"), 60, 40, np.random.default_rng(0))
    >>> raced = ridge_race(split, 40, np.random.default_rng(1))
    >>> bool(min(raced.regrets.values()) >= 0), raced.costs["5 folds, 9 values"]
    (True, 46.0)
    """
    if not SMALLER <= count <= split.X.shape[1]:
        raise ValueError(f"count {count}: allowed {SMALLER} to {split.X.shape[1]}")
    one, shuffle = _bench(split, count, judges), rng if blind else None
    samples = len(one.X)
    folds = rng.permutation(samples) % FOLDS
    by_fold = np.stack([_fold_errors(one, folds == fold, one.c, shuffle) for fold in range(FOLDS)])
    even = _fold_errors(one, folds == 0, EVEN, shuffle)
    chosen = {
        "no penalty": (1.0, 0.0),
        "rule: |x|²/N": (1.0, one.rule / divide_by),
        "c = 1/N": (1.0, 1 / samples),
        "0.01 … 0.4": (1.0 + len(EVEN), EVEN[even.argmin()]),
    }
    for values in COUNTS:
        places = np.linspace(0, len(GEOMETRIC) - 1, values).round().astype(int)
        held, crossed = by_fold[0, places], by_fold[:, places].mean(0)
        chosen[f"hold-out, {values} values"] = (1.0 + values, one.c[places[held.argmin()]])
        chosen[f"5 folds, {values} values"] = (1.0 + FOLDS * values, one.c[places[crossed.argmin()]])
    nine = one.c[:: len(GEOMETRIC) // 8]
    small = _bench(split, count // SMALLER, judges)
    small_held = _fold_errors(small, folds == 0, small.rule / one.rule * nine, shuffle)
    chosen["transfer, 9 values"] = (1.0 + 9 / SMALLER, nine[small_held.argmin()])
    design = decompose(one.X)
    chosen["leave-one-out"] = (1.0, one.c[design.leave_one_out(one.y, one.c * samples).argmin()])
    stopped, stop_and_tune = _stopping(one, folds == 0, nine, shuffle)
    chosen["stop and tune"] = (10.0, stop_and_tune)

    c = np.array([value for _, value in chosen.values()])
    found = _errors(design.predictions(one.X_rest, one.y, np.concatenate([c, one.c]) * samples), one.y_rest)
    rate, times = _clock(design, one.c)
    along = _errors(descent_predictions(design, one.X_rest, one.y, rate, times), one.y_rest)
    errors = found[len(c) :]
    least = found.min()
    regrets = dict(zip(chosen, found[: len(c)] / least - 1, strict=True))
    regrets["early stopping"] = stopped / least - 1
    costs = {name: cost for name, (cost, _) in chosen.items()} | {"early stopping": 1.0}
    ratio = 1 / (rate * times[along.argmin()]) / one.c[errors.argmin()]
    return Raced(costs, regrets, errors, float(ratio), design.singular**2 / samples)


def _clock(design: Decomposition, c: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a learning rate that suits every c up to the largest curvature, and the steps 1/(rate c)."""
    rate = _RATE_SHARE * len(design.left) / design.singular.max() ** 2
    return rate, np.unique(np.maximum(np.round(1 / (rate * c)), 1))


def _stopping(
    one: _Bench, held: np.ndarray, nine: np.ndarray, rng: np.random.Generator | None
) -> tuple[float, float]:
    """Return the test error of stopping on held-out samples, and the c that stopped runs favour."""
    kept = ~held
    design, y = decompose(one.X[kept]), one.y[kept]
    y_held = one.y[held] if rng is None else rng.permutation(one.y[held])
    rate, times = _clock(design, one.c)
    judged = _errors(descent_predictions(design, one.X[held], y, rate, times), y_held)
    when = times[[judged.argmin()]]
    error = _errors(descent_predictions(design, one.X_rest, y, rate, when), one.y_rest)[0]
    top = design.singular.max() ** 2 / kept.sum()
    best = [
        _errors(
            descent_predictions(design, one.X[held], y, min(rate, 1 / (top + c)), times[::4], c), y_held
        ).min()
        for c in nine
    ]
    return float(error), float(nine[int(np.argmin(best))])
