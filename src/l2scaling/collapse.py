"""When a penalty crushes every weight: thresholds in closed form, by maximisation and by bisection.

The data loss is a mean over samples and the penalty is ``c/2 * sum(w**2)``. A network is
*crushed* when all its weights go to zero; the threshold is the c at which that begins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from scipy.optimize import brentq

from l2scaling.ensembles import Members, Networks, train
from l2scaling.networks import Layer, find_initializer
from l2scaling.scaling import Exponent, fit_exponent


@dataclass(frozen=True)
class Fold:
    """Where the last non-zero solution of a deep linear network disappears.

    ``coefficient`` is c there, in loss per squared weight unit; ``value`` the singular value of the
    network's map at that point, the least it can have without being crushed.

    Used in: collapse.
    """

    coefficient: float
    value: float


def _check(largest: float, depth: int) -> None:
    if not largest > 0:
        raise ValueError(f"largest singular value {largest}: allowed above 0")
    if depth < 2:
        raise ValueError(f"depth {depth}: allowed 2 weight layers or more")


def linear_fold(largest: float, depth: int) -> Fold:
    """Return the fold of a linear network of ``depth`` layers on whitened inputs.

    ``c = max over m of (s - m) * m**(1 - 2/L)``, attained at ``m = s * (L - 2) / (2L - 2)``, where s
    is the largest singular value of ``E[y x']``. At depth 2 it is ``c = s`` with ``m = 0``. Above this
    c zero is the only stationary point, at every width. Raises ``ValueError`` for s not above 0 or
    fewer than two layers.

    >>> linear_fold(3.0, 2)
    Fold(coefficient=3.0, value=0.0)
    >>> linear_fold(4.0, 3)
    Fold(coefficient=3.0, value=1.0)

    Used in: collapse.
    """
    _check(largest, depth)
    value = largest * (depth - 2) / (2 * depth - 2)
    return Fold((largest - value) * value ** (1 - 2 / depth), value)


def surviving_value(largest: float, penalty_coefficient: float, depth: int) -> float:
    """Return the largest stationary singular value of a deep linear network's map, or 0.

    The largest root m of ``(s - m) * m**(1 - 2/L) = c``; at depth 2 it is ``max(s - c, 0)``.
    Raises ``ValueError`` as ``linear_fold`` does, or for c < 0.

    >>> surviving_value(3.0, 1.0, 2), surviving_value(4.0, 3.01, 3)
    (2.0, 0.0)

    Used in: collapse.
    """
    fold, c = linear_fold(largest, depth), penalty_coefficient
    if not c >= 0:
        raise ValueError(f"penalty_coefficient {c}: allowed 0 or more")
    if c >= fold.coefficient:
        return fold.value if c == fold.coefficient else 0.0
    return float(brentq(lambda m: (largest - m) * m ** (1 - 2 / depth) - c, fold.value, largest))


@dataclass(frozen=True)
class LinearTask:
    """Whitened inputs and targets whose cross-covariance ``E[y x']`` is ``A``.

    ``X`` has shape ``(d, d)`` with ``X'X = d I``, ``y`` shape ``(d, K)``, ``A`` shape ``(K, d)``.

    Used in: collapse.
    """

    X: np.ndarray
    y: np.ndarray
    A: np.ndarray


def linear_task(singular_values: np.ndarray, inputs: int, rng: np.random.Generator) -> LinearTask:
    """Draw a task with K outputs whose ``A`` has the given K singular values and random directions.

    The half-squared loss of a linear map M is then ``|A - M|^2 / 2`` exactly, because d samples of
    d inputs can be white without error. Raises ``ValueError`` if there are more singular values than
    inputs.

    >>> task = linear_task(np.array([2.0, 1.0]), 3, np.random.default_rng(0))
    >>> np.linalg.svd(task.y.T @ task.X / 3)[1].round(6).tolist()
    [2.0, 1.0]

    Used in: collapse.
    """
    values = np.asarray(singular_values, float)
    if values.size > inputs:
        raise ValueError(f"{values.size} singular values: allowed at most {inputs}, the number of inputs")
    left, right, X = (np.linalg.qr(rng.normal(size=(n, n)))[0] for n in (values.size, inputs, inputs))
    A = left @ np.diag(values) @ right[: values.size]
    X = np.sqrt(inputs) * X
    return LinearTask(X, X @ A.T, A)


def start_gram(width: int, variances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw ``Z'Z`` for ``width`` rows of independent normals with a variance for each column.

    ``Z = [U', V]`` holds the weights of a two-layer linear network, a row a hidden neuron. From as
    many rows as columns on, the matrix is drawn in Bartlett's triangular form, at a cost that does
    not depend on ``width``. ``variances`` has shape ``(p,)``, the result ``(p, p)``.
    Raises ``ValueError`` for a width below 1.

    >>> gram = start_gram(10**9, np.full(3, 1e-9), np.random.default_rng(0))
    >>> gram.diagonal().round(3).tolist()
    [1.0, 1.0, 1.0]

    Used in: collapse.
    """
    scales = np.sqrt(np.asarray(variances, float))
    if width < 1:
        raise ValueError(f"width {width}: allowed 1 or more")
    columns = scales.size
    if width < columns:
        Z = rng.normal(size=(width, columns)) * scales
        return Z.T @ Z
    lower = np.tril(rng.normal(size=(columns, columns)), -1)
    lower += np.diag(np.sqrt(rng.chisquare(width - np.arange(columns))))
    lower *= scales[:, None]
    return lower @ lower.T


def descend_gram(
    grams: np.ndarray, A: np.ndarray, penalty_coefficients: np.ndarray, learning_rate: float, steps: int
) -> np.ndarray:
    """Follow gradient descent of two-layer linear networks of any width by their Gram matrices.

    With ``G = Z'Z``, ``Z = [U', V]`` and ``E = A - UV``, one step on the cost
    ``|A - UV|^2 / 2 + c/2 * |Z|^2`` multiplies Z from the right by
    ``B = [[(1 - rate c) I, rate E], [rate E', (1 - rate c) I]]``, so ``G`` becomes ``B G B``. The width
    enters through the first G alone. ``grams`` has shape ``(M, K + d, K + d)``, outputs first,
    ``penalty_coefficients`` shape ``(M,)``; returns the last grams. The trace is the sum of squared
    weights, the block ``[:K, K:]`` the map UV. Raises ``ValueError`` for other shapes.

    >>> start = np.full((1, 2, 2), 0.1)
    >>> descend_gram(start, np.array([[3.0]]), np.array([1.0]), 0.1, 500)[0, 0, 1].round(6).item()
    2.0

    Used in: collapse.
    """
    c = np.asarray(penalty_coefficients, float)
    K, d = A.shape
    if grams.shape != (len(c), K + d, K + d):
        raise ValueError(f"grams of shape {grams.shape}: allowed {(len(c), K + d, K + d)}")
    grams = np.array(grams, float)
    factor = np.zeros_like(grams)
    factor[:, np.arange(K + d), np.arange(K + d)] = 1 - learning_rate * c[:, None]
    for _ in range(steps):
        factor[:, :K, K:] = learning_rate * (A - grams[:, :K, K:])
        factor[:, K:, :K] = factor[:, :K, K:].transpose(0, 2, 1)
        grams = factor @ grams @ factor
    return grams


def _unchanged(coefficients: np.ndarray, count: int) -> np.ndarray:
    return coefficients


@dataclass(frozen=True)
class Setting:
    """What networks are trained on and how, apart from their shape, seed and c.

    ``loss`` (half-squared or softmax), ``activation`` and ``initializer`` are names of ``ensembles``
    and ``networks``. ``feel(c, P)`` returns the coefficient that the weights are given in place of c:
    c itself, unless a chapter breaks the penalty on purpose.

    >>> Setting(np.eye(2), np.array([0, 1]), "softmax", "relu", "he", 0.1, 10).loss_at_zero.__round__(3)
    0.693

    Used in: collapse.
    """

    X: np.ndarray
    y: np.ndarray
    loss: str
    activation: str
    initializer: str
    learning_rate: float
    steps: int
    momentum: float = 0.9
    device: str = "cpu"
    feel: Callable[[np.ndarray, int], np.ndarray] = _unchanged

    @property
    def loss_at_zero(self) -> float:
        """The mean data loss where all weights are zero, which is ln K, or half the mean square of y."""
        if self.loss == "softmax":
            return float(np.log(self.y.max() + 1))
        return float(np.sum(self.y**2) / len(self.y) / 2)


@dataclass(frozen=True)
class Outcome:
    """Networks before and after training, a row a start and a column a coefficient.

    ``start`` and ``squares`` are the sums of squared weights at the start and at the end,
    ``left`` the penalty at the end in parts of the data loss at zero weights, each of shape
    ``(starts, C)``; ``values``, ``(starts, C, K)``, are the singular values of the product of all layers.

    Used in: collapse.
    """

    start: np.ndarray
    squares: np.ndarray
    left: np.ndarray
    values: np.ndarray


def _keep(nets: Networks) -> dict[str, torch.Tensor]:
    product = reduce(torch.matmul, nets.weights[::-1])
    return {"squares": nets.sum_squares().sum(1), "values": torch.linalg.svdvals(product)}


def train_outcomes(
    setting: Setting, layers: Sequence[Layer], starts: np.ndarray, coefficients: np.ndarray
) -> Outcome:
    """Train a network from every start at every coefficient, side by side.

    ``starts`` are seeds, shape ``(starts,)``; ``coefficients`` has shape ``(starts, C)``. Raises
    ``ArithmeticError`` if a network diverged, ``ValueError`` for other shapes.

    >>> task = linear_task(np.array([1.0]), 2, np.random.default_rng(0))
    >>> setting = Setting(task.X, task.y, "half-squared", "linear", "glorot", 0.1, 500)
    >>> shape = [Layer(2, 3), Layer(3, 1)]
    >>> train_outcomes(setting, shape, np.array([5]), np.array([[0.25, 1.5]])).values.round(3).tolist()
    [[[0.75], [0.0]]]

    Used in: collapse.
    """
    c = np.asarray(coefficients, float)
    if c.ndim != 2 or len(c) != len(starts):
        raise ValueError(f"coefficients of shape {c.shape}: allowed ({len(starts)}, C), a row a start")
    felt = setting.feel(c, sum(layer.count for layer in layers))
    members = Members(np.repeat(starts, c.shape[1]), felt.ravel(), setting.learning_rate)
    trained = train(
        setting.X,
        setting.y,
        layers,
        members,
        _keep,
        steps=setting.steps,
        at=(0, setting.steps),
        loss=setting.loss,
        activation=setting.activation,
        momentum=setting.momentum,
        initializer=find_initializer(setting.initializer),
        device=setting.device,
    )
    if (trained.diverged >= 0).any():
        rate = setting.learning_rate
        raise ArithmeticError(f"networks diverged at learning rate {rate}; allowed is a smaller one")
    squares = trained.values["squares"].astype(float).reshape(*c.shape, 2)
    values = trained.values["values"][:, -1].reshape(*c.shape, -1)
    return Outcome(squares[..., 0], squares[..., 1], c / 2 * squares[..., 1] / setting.loss_at_zero, values)


@dataclass(frozen=True)
class Reach:
    """How strongly one neuron can be held up by the data at zero.

    ``coefficient`` is the largest ``|E[g relu(v.x)]|`` found over unit vectors v, ``share`` the
    part of the starts that reached it within one percent.

    Used in: collapse.
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

    Used in: collapse.
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
    crushed: Callable[[np.ndarray], np.ndarray],
    brackets: int,
    low: float,
    high: float,
    points: int,
    rounds: int,
) -> np.ndarray:
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

    Used in: collapse.
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


def threshold_exponent(sizes: Sequence[int], thresholds: np.ndarray, seed: int) -> Exponent:
    """Fit the exponent of thresholds in P as ``fit_exponent`` does, or return NaN if one is missing.

    ``thresholds`` has shape ``(sizes, seeds)``, NaN where bisection found none.

    >>> threshold_exponent([10, 100], np.array([[1.0], [np.nan]]), seed=0).estimate
    nan

    Used in: collapse.
    """
    if np.isnan(thresholds).any():
        return Exponent(np.nan, np.nan, np.nan, thresholds.shape[1])
    return fit_exponent(np.asarray(sizes), thresholds, seed)


def find_thresholds(
    setting: Setting,
    layers: Sequence[Layer],
    starts: np.ndarray,
    low: float,
    high: float,
    floor: float,
) -> np.ndarray:
    """Train networks from every start and bisect for the c at which each is crushed.

    A network counts as crushed if training leaves a penalty below ``floor`` parts of the data
    loss at zero weights. Four rounds of three coefficients narrow the bracket from ``low`` to
    ``high`` 256-fold. Returns shape ``(starts,)``; raises as ``train_outcomes`` and
    ``bisect_thresholds`` do.

    >>> task = linear_task(np.array([1.0]), 2, np.random.default_rng(0))
    >>> setting = Setting(task.X, task.y, "half-squared", "linear", "glorot", 0.1, 400)
    >>> shape = [Layer(2, 3), Layer(3, 1)]
    >>> find_thresholds(setting, shape, np.array([5]), 0.6, 1.9, 0.003).round(2).tolist()
    [1.0]

    Used in: collapse.
    """

    def crushed(c: np.ndarray) -> np.ndarray:
        return train_outcomes(setting, layers, starts, c).left < floor

    return bisect_thresholds(crushed, len(starts), low, high, points=3, rounds=4)
