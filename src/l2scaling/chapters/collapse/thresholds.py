"""When a penalty crushes every weight: thresholds in closed form, by maximisation and by bisection.

The data loss is a mean over samples and the penalty is ``c/2 * sum(w**2)``. A network is
*crushed* when all its weights go to zero; the threshold is the c at which that begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import torch

from l2scaling.laws.shapes import Layer
from l2scaling.training.ensembles import Networks, train
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import Members


@dataclass(frozen=True)
class Experiment:
    """What networks are trained on and by which recipe, apart from their shape, seed and c.

    ``feel(c, P)`` returns the coefficient that the weights are given in place of c: c itself, unless a
    chapter breaks the penalty on purpose.

    >>> Experiment(np.eye(2), np.array([0, 1]), Recipe(10)).loss_at_zero.__round__(3)
    0.693
    """

    X: np.ndarray
    y: np.ndarray
    recipe: Recipe
    feel: Callable[[np.ndarray, int], np.ndarray] = lambda c, count: c

    @property
    def loss_at_zero(self) -> float:
        """The mean data loss where all weights are zero, which is ln K, or half the mean square of y."""
        if self.recipe.loss == "softmax":
            return float(np.log(self.y.max() + 1))
        return float(np.sum(self.y**2) / len(self.y) / 2)


@dataclass(frozen=True)
class Outcome:
    """Networks before and after training, a row a start and a column a coefficient.

    ``start`` and ``squares`` are the sums of squared weights at the start and at the end,
    ``left`` the penalty at the end in parts of the data loss at zero weights, each of shape
    ``(starts, C)``; ``values``, ``(starts, C, K)``, are the singular values of the product of all layers.
    """

    start: np.ndarray
    squares: np.ndarray
    left: np.ndarray
    values: np.ndarray


def _keep(nets: Networks) -> dict[str, torch.Tensor]:
    product = reduce(torch.matmul, nets.weights[::-1])
    return {"squares": nets.sum_squares().sum(1), "values": torch.linalg.svdvals(product)}


def train_outcomes(
    experiment: Experiment, layers: Sequence[Layer], starts: np.ndarray, coefficients: np.ndarray
) -> Outcome:
    """Train a network from every start at every coefficient, side by side.

    ``starts`` are seeds, shape ``(starts,)``; ``coefficients`` has shape ``(starts, C)``. Raises
    ``ArithmeticError`` if a network diverged, ``ValueError`` for other shapes.

    >>> from l2scaling.chapters.collapse.linear_networks import linear_task
    >>> task = linear_task(np.array([1.0]), 2, np.random.default_rng(0))
    >>> recipe = Recipe(500, 0.1, momentum=0.9, loss="half-squared", activation="linear")
    >>> one = Experiment(task.X, task.y, recipe)
    >>> shape = [Layer(2, 3), Layer(3, 1)]
    >>> train_outcomes(one, shape, np.array([5]), np.array([[0.25, 1.5]])).values.round(3).tolist()
    [[[0.75], [0.0]]]
    """
    c = np.asarray(coefficients, float)
    if c.ndim != 2 or len(c) != len(starts):
        raise ValueError(f"coefficients of shape {c.shape}: allowed ({len(starts)}, C), a row a start")
    felt = experiment.feel(c, sum(layer.count for layer in layers))
    members = Members(np.repeat(starts, c.shape[1]), felt.ravel())
    recipe = replace(experiment.recipe, at=(0, experiment.recipe.steps))
    trained = train(experiment.X, experiment.y, layers, members, recipe, _keep)
    if (trained.diverged >= 0).any():
        rate = recipe.learning_rate
        raise ArithmeticError(f"networks diverged at learning rate {rate}; allowed is a smaller one")
    squares = trained.values["squares"].astype(float).reshape(*c.shape, 2)
    values = trained.values["values"][:, -1].reshape(*c.shape, -1)
    left = c / 2 * squares[..., 1] / experiment.loss_at_zero
    return Outcome(squares[..., 0], squares[..., 1], left, values)


@dataclass(frozen=True)
class Reach:
    """How strongly one neuron can be held up by the data at zero.

    ``coefficient`` is the largest ``|E[g relu(v.x)]|`` found over unit vectors v, ``share`` the
    part of the starts that reached it within one percent.
    """

    coefficient: float
    share: float


def neuron_threshold(
    X: np.ndarray, residuals: np.ndarray, starts: int, rng: np.random.Generator, rounds: int = 200
) -> Reach:
    """Maximise ``|E[g relu(v.x)]|`` over unit vectors v, the threshold of a two-layer ReLU network.

    ``g`` is minus the gradient of the data loss in the outputs at zero weights: targets for the
    half-squared loss, one-hot labels minus 1/K for softmax. Each start repeats
    ``v <- E[(a.g) x; v.x > 0]``, normalised, with ``a = E[g relu(v.x)]``; the function has several
    maxima, and the best of all starts is returned. ``X`` has shape ``(N, d)``, ``residuals``
    ``(N, K)``. Raises ``ValueError`` for other shapes or fewer than one start.

    >>> X = np.array([[2.0, 0.0], [0.0, 1.0]])
    >>> neuron_threshold(X, np.array([[1.0], [1.0]]), 20, np.random.default_rng(0)).coefficient.__round__(6)
    1.118034
    """
    if X.ndim != 2 or residuals.ndim != 2 or len(X) != len(residuals):
        raise ValueError(f"X {X.shape} and residuals {residuals.shape}: allowed (N, d) and (N, K)")
    if starts < 1:
        raise ValueError(f"starts {starts}: allowed 1 or more")
    v = rng.normal(size=(starts, X.shape[1]))
    best = np.zeros(starts)
    for _ in range(rounds):
        v /= np.maximum(np.linalg.norm(v, axis=1, keepdims=True), np.finfo(float).tiny)
        active = v @ X.T
        a = np.maximum(active, 0) @ residuals / len(X)
        best = np.maximum(best, np.linalg.norm(a, axis=1))
        v = ((active > 0) * (a @ residuals.T)) @ X / len(X)
    return Reach(float(best.max()), float((best > 0.99 * best.max()).mean()))


def bisect_thresholds(
    crushed: Callable[[np.ndarray], np.ndarray], brackets: int, low: float, high: float,
    points: int, rounds: int,
) -> np.ndarray:  # fmt: skip
    """Bracket the thresholds of several networks by bisection, many coefficients at a time.

    In each round ``points`` coefficients divide every bracket evenly in the logarithm;
    ``crushed(c)`` takes them as an array of shape ``(brackets, points)`` and says where all weights
    went to zero. The next bracket lies between the largest c that was survived and the point above it,
    so each round narrows it ``points + 1``-fold. Returns the geometric middles of the last brackets, shape
    ``(brackets,)``, and NaN where no c tried was survived, or none was not: ``low`` and ``high``
    themselves are never tried. Raises ``ValueError`` unless ``0 < low < high``.

    >>> found = bisect_thresholds(lambda c: c >= 1.75, brackets=1, low=1, high=4, points=3, rounds=4)
    >>> found.round(3).tolist()
    [1.752]
    >>> bisect_thresholds(lambda c: c >= 5, brackets=1, low=1, high=4, points=3, rounds=4).tolist()
    [nan]
    """
    if not 0 < low < high:
        raise ValueError(f"bracket {low} to {high}: allowed 0 < low < high")
    lows, highs = np.full(brackets, float(low)), np.full(brackets, float(high))
    for _ in range(rounds):
        edges = np.geomspace(lows, highs, points + 2, axis=1)
        alive = ~crushed(edges[:, 1:-1])
        last = np.where(alive.any(1), points - np.argmax(alive[:, ::-1], axis=1), 0)
        rows = np.arange(brackets)
        lows, highs = edges[rows, last], edges[rows, last + 1]
    return np.where((lows > low) & (highs < high), np.sqrt(lows * highs), np.nan)


def find_thresholds(
    experiment: Experiment, layers: Sequence[Layer], starts: np.ndarray, low: float, high: float, floor: float
) -> np.ndarray:
    """Train networks from every start and bisect for the c at which each is crushed.

    A network counts as crushed if training leaves a penalty below ``floor`` parts of the data
    loss at zero weights. Four rounds of three coefficients narrow the bracket from ``low`` to
    ``high`` 256-fold. Returns shape ``(starts,)``; raises as ``train_outcomes`` and
    ``bisect_thresholds`` do.

    >>> from l2scaling.chapters.collapse.linear_networks import linear_task
    >>> task = linear_task(np.array([1.0]), 2, np.random.default_rng(0))
    >>> recipe = Recipe(400, 0.1, momentum=0.9, loss="half-squared", activation="linear")
    >>> one = Experiment(task.X, task.y, recipe)
    >>> shape = [Layer(2, 3), Layer(3, 1)]
    >>> find_thresholds(one, shape, np.array([5]), 0.6, 1.9, 0.003).round(2).tolist()
    [1.0]
    """

    def crushed(c: np.ndarray) -> np.ndarray:
        return train_outcomes(experiment, layers, starts, c).left < floor

    return bisect_thresholds(crushed, len(starts), low, high, points=3, rounds=4)
