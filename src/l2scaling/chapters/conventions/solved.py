"""One ridge problem, solved by the library behind every convention that can express it.

The problem has one weight a group of samples, ``w[g]`` predicting every sample of group g, so
that trees can solve it too: a leaf is a weight.
"""

from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch

from l2scaling import frameworks
from l2scaling.atlas.conventions import Convention, ConventionError, find
from l2scaling.chapters.conventions.measured import keras_parts, one_tree, optax_optimizer

HALF, WHOLE = 0.5, 1.0
"""Factors before the mean squared error, of the book and of ``torch.nn.MSELoss`` and Keras' "mse"."""

STEPS = 400
"""Steps of full-batch training; the groups are nearly equal, so that a tenth would do."""


def group_means(groups: np.ndarray, y: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Return the minimiser of ``mean((y - w[groups])**2) / 2 + c/2 * sum(w**2)``, shape ``(groups,)``.

    ``w[g] = sum(y in g) / (n[g] + N c)``: the mean of a group shrunk by ``N c`` samples that ask
    for zero.

    >>> group_means(np.array([0, 0, 1]), np.array([2.0, 4.0, -1.0]), 1.0).tolist()
    [1.2, -0.25]
    """
    return np.bincount(groups, y) / (np.bincount(groups) + len(y) * penalty_coefficient)


def solve(name: str, value: float, groups: np.ndarray, y: np.ndarray, factor: float = HALF) -> np.ndarray:
    """Solve the problem with the library of an API, ``value`` given to it; return ``w``, ``(groups,)``.

    ``groups`` ``(N,)`` are numbers from 0 and ``y`` ``(N,)`` targets of about unit size, since Adam's
    path here is not much longer. ``factor`` stands before the
    mean squared error where the user of the library writes the loss, that is for torch, Keras and
    Optax. Raises ``ConventionError`` for an API that has no squared error of linear outputs.

    >>> groups, y = np.array([0, 0, 1, 1]), np.array([1.0, 3.0, -1.0, -3.0])
    >>> solve("sklearn.linear_model.Ridge", 4 * 0.5, groups, y).round(6).tolist()
    [1.0, -1.0]
    """
    one = find(name)
    if name not in _OPTIONS:
        raise ConventionError(f"{name} cannot solve a ridge problem; allowed: {', '.join(_OPTIONS)}")
    X = (groups[:, None] == np.arange(groups.max() + 1)).astype(float)
    if one.library in ("xgboost", "lightgbm"):
        fitted = one_tree(one.library, groups, y, **{one.argument: value})
        return np.bincount(groups, fitted) / np.bincount(groups)
    if one.library == "sklearn":
        model = resolve_name(one.path)(fit_intercept=False, **{one.argument: value}, **_OPTIONS[name])
        return np.asarray(model.fit(X, y).coef_)
    descend = {"torch": _torch, "keras": _keras, "optax": _optax}[one.library]
    return descend(one, value, X, y, factor)


def solvers() -> list[str]:
    """Return the names that ``solve`` accepts.

    >>> "sklearn.linear_model.Ridge" in solvers()
    True
    """
    return list(_OPTIONS)


def _rate(X: np.ndarray, value: float, factor: float) -> float:
    return float(1 / (2 * factor * X.mean(0).max() + 2 * value))


def _torch(one: Convention, value: float, X: np.ndarray, y: np.ndarray, factor: float) -> np.ndarray:
    inputs, targets = torch.tensor(X), torch.tensor(y)
    weights = torch.zeros(X.shape[1], dtype=torch.float64, requires_grad=True)
    # Adam's steps keep their length unless the rate falls.
    adaptive = one.optimizers == ("adam",)
    rate, steps, fall = (0.02, 5 * STEPS, 0.994) if adaptive else (_rate(X, value, factor), STEPS, 1.0)
    stepper = resolve_name(one.path)([weights], lr=rate, **{one.argument: value})
    schedule = torch.optim.lr_scheduler.ExponentialLR(stepper, fall)
    for _ in range(steps):
        stepper.zero_grad()
        (factor * torch.mean((targets - inputs @ weights) ** 2)).backward()
        stepper.step()
        schedule.step()
    return weights.detach().numpy()


def _keras(
    one: Convention, value: float, X: np.ndarray, y: np.ndarray, factor: float, **options: Any
) -> np.ndarray:
    keras = frameworks.keras()
    regularizer, optimizer = keras_parts(one, value, _rate(X, value, factor), **options)
    layer = keras.layers.Dense(
        1, use_bias=False, kernel_initializer="zeros", kernel_regularizer=regularizer, dtype="float64"
    )
    model = keras.Sequential([keras.Input((X.shape[1],), dtype="float64"), layer])
    model.compile(optimizer, loss=lambda seen, made: factor * keras.ops.mean((seen - made) ** 2))
    for _ in range(STEPS // 4):
        model.train_on_batch(X, y[:, None])
    return np.asarray(layer.kernel.value.detach().cpu().numpy()[:, 0])


def _optax(one: Convention, value: float, X: np.ndarray, y: np.ndarray, factor: float) -> np.ndarray:
    optax, jax = frameworks.load("optax"), frameworks.load("jax")
    optimizer = optax_optimizer(one, value, _rate(X, value, factor))
    inputs, targets = jax.numpy.asarray(X), jax.numpy.asarray(y)

    def step(_: Any, state: Any) -> Any:
        weights, inner = state
        gradient = jax.grad(lambda w: factor * jax.numpy.mean((targets - inputs @ w) ** 2))(weights)
        updates, inner = optimizer.update(gradient, inner, weights)
        return optax.apply_updates(weights, updates), inner

    weights = jax.numpy.zeros(X.shape[1])
    weights, _ = jax.lax.fori_loop(0, STEPS, step, (weights, optimizer.init(weights)))
    return np.asarray(weights, float)


# APIs with a squared error of linear outputs, and what makes the answer of an estimator exact.
_OPTIONS: dict[str, dict[str, Any]] = {
    "torch.optim.SGD": {},
    "torch.optim.Adam": {},
    "torch.optim.AdamW": {},
    "keras.regularizers.L2": {},
    "keras.regularizers.L1L2:l2": {},
    "keras.optimizers.SGD": {},
    "optax.add_decayed_weights": {},
    "sklearn.linear_model.Ridge": {"solver": "cholesky"},
    "sklearn.linear_model.ElasticNet:l2": {"l1_ratio": 0.0, "tol": 1e-12},
    "sklearn.linear_model.SGDRegressor": {
        "learning_rate": "constant", "eta0": 0.002, "max_iter": 2000, "tol": None, "average": 500_000,
        "random_state": 0,
    },
    "xgboost.XGBRegressor": {},
    "lightgbm.LGBMRegressor": {},
}  # fmt: skip


def effective_coefficient(weights: np.ndarray, groups: np.ndarray, y: np.ndarray) -> float:
    """Return the c of half the mean squared error that explains ``weights`` best: data's pull over weights.

    >>> groups, y = np.array([0, 0, 1, 1]), np.array([1.0, 3.0, -1.0, -3.0])
    >>> round(effective_coefficient(group_means(groups, y, 0.25), groups, y), 9)
    0.25
    """
    pull = np.bincount(groups, y - weights[groups]) / len(y)
    return float(pull @ weights / (weights @ weights))


def momentum_coefficient(decay: float, momentum: float, groups: np.ndarray, y: np.ndarray) -> float:
    """Return the c that Keras' SGD with ``weight_decay`` and momentum turns out to have at its end.

    >>> groups, y = np.array([0, 0, 1, 1]), np.array([1.0, 3.0, -1.0, -3.0])
    >>> round(momentum_coefficient(0.1, 0.5, groups, y), 4)
    0.05
    """
    X = (groups[:, None] == np.arange(groups.max() + 1)).astype(float)
    weights = _keras(find("keras.optimizers.SGD"), decay, X, y, HALF, momentum=momentum)
    return effective_coefficient(weights, groups, y)
