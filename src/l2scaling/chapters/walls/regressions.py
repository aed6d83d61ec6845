"""Least squares with up to a hundred thousand weights, whose best point within a box a solver finds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
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
        return np.asarray(self._transposed @ (self.X @ w - self.y))

    @cached_property
    def _transposed(self) -> Any:
        return self.X.T


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
    problems: Sequence[Regression], lams: Sequence[float] | np.ndarray, steps: int, make: Make,
    share: float = 0.05, see: Callable[[list[np.ndarray]], Any] | None = None,
) -> list[Any]:  # fmt: skip
    """Train regressions side by side, each under its own λ, with all data at every step.

    Return the last weights of each, ``(P,)``, or what ``see`` saw of them before the first step and after
    each. Steps and decay act on every weight for itself, so that no regression feels another. Weights start
    at zero and are kept in units of their wall, λw: so the decay is one for all, and the learning rate
    ``share``, as if it were ``share / λ`` for w. It falls to zero as a cosine does. Raises ``ValueError``
    unless each problem has a λ above zero.

    >>> problems = [Regression(np.eye(1), np.array([y])) for y in (3.0, 0.2)]
    >>> [one.round(2).item() for one in train(problems, [1.0, 2.0], 500, adamw((0.9, 0.95)))]
    [1.0, 0.2]
    """
    if not problems or len(problems) != len(lams) or not np.min(lams) > 0:
        raise ValueError(f"lams {lams}: allowed one above zero for each of {len(problems)} problems")
    walls = np.repeat(1 / np.asarray(lams), [one.count for one in problems])
    ends = np.cumsum([one.count for one in problems])[:-1]
    scaled = torch.zeros(len(walls), dtype=torch.float64, requires_grad=True)
    optimizer = make([scaled], lr=share, weight_decay=1.0)
    rates = iter(share * schedule("cosine", steps))

    def weights() -> list[np.ndarray]:
        return np.split(scaled.detach().numpy() * walls, ends)

    def loss() -> None:
        optimizer.param_groups[0]["lr"] = float(next(rates))
        gradients = [one.gradient(w) for one, w in zip(problems, weights(), strict=True)]
        scaled.grad = torch.from_numpy(np.concatenate(gradients))

    seen = descend(optimizer, loss, steps, (lambda: see(weights())) if see else lambda: None)
    return seen if see else weights()


def first_binding(
    problems: Sequence[Regression], steps: int, make: Make, lams: tuple[np.ndarray, np.ndarray],
    near: float = 0.001, tries: int = 12,
) -> np.ndarray:  # fmt: skip
    """Return the λ at which the wall of each first binds, found by training alone, without a solver.

    Where the wall binds, training ends with a gradient left. Its largest entry, as a function of the wall's
    place 1/λ, is followed to zero by secants, from the two places of ``lams``, each time from a place a
    thirtieth within the last estimate, until that moves by no more than the share ``near``. No secant may
    more than halve a place or make it eightfold, as where training did not converge. If a wall does not
    bind at both its ``lams``, these are raised until it does. Shapes are those of ``problems``. Raises
    ``ValueError`` unless the first λ are larger.
    """
    two = np.array(lams)
    if two.shape != (2, len(problems)) or not ((two[0] > two[1]) & (two[1] > 0)).all():
        raise ValueError(f"lams {lams}: allowed two above zero for each problem, the larger first")

    def left(which: np.ndarray, places: np.ndarray) -> np.ndarray:
        some = [problems[one] for one in which]
        ended = train(some, 1 / places, steps, make)
        return np.array([np.abs(one.gradient(w)).max() for one, w in zip(some, ended, strict=True)])

    going = np.arange(len(problems))
    least = np.array([0.01 * np.abs(one.gradient(np.zeros(one.count))).max() for one in problems])
    places = 1 / two
    values = np.array([left(going, one) for one in places])
    while len(loose := np.flatnonzero((values[1] < least) | (values[0] <= values[1]))):
        places[:, loose] /= 1.5
        values[:, loose] = [left(loose, one[loose]) for one in places]
    roots = np.full(len(problems), np.inf)
    for _ in range(tries):
        (within, last), (more, less) = places[:, going], values[:, going]
        found = np.clip(last + less * (last - within) / (more - less), last / 2, 8 * last)
        moved = np.abs(found / roots[going] - 1) >= near
        roots[going] = found
        going, last, less = going[moved], last[moved], less[moved]
        if not len(going):
            break
        places[:, going] = last, roots[going] * 29 / 30
        values[:, going] = less, left(going, places[1, going])
    return 1 / roots
