"""Least squares with up to a hundred thousand weights, whose best point within a box a solver finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import optimize, sparse

from l2scaling.schedules import schedule
from l2scaling.training.modules import descend

NOISE, FEATURES = 0.1, 4
"""Standard deviation of the noise on targets, and how many weights a mixed observation adds up."""


@dataclass(frozen=True)
class Regression:
    """The loss ½‖Xw − y‖² of P weights. ``X`` has shape ``(N, P)`` and may be sparse, ``y`` ``(N,)``."""

    X: Any
    y: np.ndarray

    @property
    def count(self) -> int:
        """Number of weights, P."""
        return int(self.X.shape[1])

    def loss(self, w: np.ndarray) -> float:
        return float(0.5 * np.sum((self.X @ w - self.y) ** 2))

    def gradient(self, w: np.ndarray) -> np.ndarray:
        return np.asarray(self.X.T @ (self.X @ w - self.y))


def overdetermined(P: int, rng: np.random.Generator) -> Regression:
    """Return a regression in which every weight is seen once alone and about four times among others.

    There are 2P observations; true weights are standard normal.

    >>> overdetermined(10, np.random.default_rng(0)).X.shape
    (20, 10)
    """
    rows, columns = np.repeat(np.arange(P), FEATURES), rng.integers(0, P, P * FEATURES)
    values = rng.standard_normal(P * FEATURES) / np.sqrt(FEATURES)
    mixed = sparse.csr_array((values, (rows, columns)), shape=(P, P))
    X = sparse.vstack([sparse.eye_array(P), mixed]).tocsr()
    return Regression(X, X @ rng.standard_normal(P) + NOISE * rng.standard_normal(2 * P))


def underdetermined(P: int, samples: int, rng: np.random.Generator) -> Regression:
    """Return a regression with fewer observations than weights, all features standard normal."""
    return Regression(rng.standard_normal((samples, P)), rng.standard_normal(samples))


def within_box(problem: Regression, bound: float) -> np.ndarray:
    """Return a minimiser of the loss over all weights with ``|w_i|`` ≤ ``bound``, by L-BFGS-B.

    >>> within_box(Regression(np.eye(2), np.array([3.0, 0.5])), 1.0).round(6).tolist()
    [1.0, 0.5]
    """
    found = optimize.minimize(
        lambda w: (problem.loss(w), problem.gradient(w)), np.zeros(problem.count), jac=True,
        method="L-BFGS-B", bounds=optimize.Bounds(-bound, bound),
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 0.0, "gtol": 1e-9, "maxcor": 30},
    )  # fmt: skip
    return np.asarray(found.x)


def least_box(problem: Regression) -> float:
    """Return the least bound at which the box holds a minimiser of the loss.

    With no more weights than observations, and a unique minimiser, that is its largest absolute weight;
    with more, the least one of all w with Xw = y, by a linear program.

    >>> least_box(Regression(np.array([[1.0, 1.0]]), np.array([3.0])))
    1.5
    """
    N, P = problem.X.shape
    if N >= P:
        w = sparse.linalg.lsqr(sparse.csr_array(problem.X), problem.y, atol=1e-13, btol=1e-13)[0]
        return float(np.abs(w).max())
    columns = np.hstack([problem.X, -problem.y[:, None]])  # Xu = τy with |u| ≤ 1, and the largest τ
    found = optimize.linprog(
        np.append(np.zeros(P), -1.0), A_eq=columns, b_eq=np.zeros(N), bounds=[(-1, 1)] * P + [(0, None)]
    )
    return float(1 / found.x[-1])


Make = Callable[..., torch.optim.Optimizer]
"""Takes the weights, ``lr`` and ``weight_decay``, and returns an optimiser."""


def adamw(betas: tuple[float, float], coupled: bool = False) -> Make:
    """Return a maker of torch's AdamW with these memories, or of its Adam, whose gradient has the penalty."""
    kind = torch.optim.Adam if coupled else torch.optim.AdamW
    return lambda weights, **options: kind(weights, betas=betas, fused=True, **options)


def train(
    problem: Regression, lam: float, steps: int, make: Make, share: float = 0.05,
    start: np.ndarray | None = None, see: Callable[[np.ndarray], Any] | None = None,
) -> Any:  # fmt: skip
    """Train with all data at every step; return the last weights ``(P,)``, or what ``see`` saw of each.

    The learning rate is ``share / lam`` at first, so that decay takes off ``share`` of a weight per step,
    and falls to zero as a cosine does. Weights start at zero, or at ``start``.
    """
    begin = np.zeros(problem.count) if start is None else start
    w = torch.tensor(begin, dtype=torch.float64, requires_grad=True)
    optimizer = make([w], lr=share / lam, weight_decay=lam)
    rates = iter(share / lam * schedule("cosine", steps))

    def loss() -> None:
        optimizer.param_groups[0]["lr"] = float(next(rates))
        w.grad = torch.from_numpy(problem.gradient(w.detach().numpy()))

    seen = descend(optimizer, loss, steps, (lambda: see(w.detach().numpy())) if see else lambda: None)
    return np.array(seen) if see else w.detach().numpy().copy()


def first_binding(
    problem: Regression, steps: int, make: Make, lams: tuple[float, float], near: float = 0.001,
    tries: int = 12,
) -> float:  # fmt: skip
    """Return the λ at which the wall first binds, found by training alone, without a solver.

    Where the wall binds, training ends with a gradient left. Its largest entry, as a function of the wall's
    place 1/λ, is followed to zero by secants, from the two places of ``lams``, each time from a place a
    thirtieth within the last estimate, until that moves by no more than the share ``near``. No secant may
    more than halve a place or make it eightfold, as where training did not converge. If the wall does not
    bind at ``lams``, both are raised until it does. Raises ``ValueError`` unless the first is larger.
    """

    def left(place: float) -> float:
        return float(np.abs(problem.gradient(train(problem, 1 / place, steps, make))).max())

    if not lams[0] > lams[1] > 0:
        raise ValueError(f"lams {lams}: allowed two above zero, the larger first")
    least = 0.01 * np.abs(problem.gradient(np.zeros(problem.count))).max()
    places = [1 / lam for lam in lams]
    values = [left(place) for place in places]
    while values[1] < least or values[0] <= values[1]:
        places = [place / 1.5 for place in places]
        values = [left(place) for place in places]
    root = last = np.inf
    for _ in range(tries):
        slope = (values[-2] - values[-1]) / (places[-1] - places[-2])
        root = float(np.clip(places[-1] + values[-1] / slope, places[-1] / 2, 8 * places[-1]))
        if abs(root / last - 1) < near:
            break
        last = root
        places.append(root * 29 / 30)
        values.append(left(places[-1]))
    return 1 / root
