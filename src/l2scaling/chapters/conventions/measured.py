"""The coefficient of each API, read off a real call instead of its documentation.

Two readings. *A step*: an optimiser steps where the data gradient is exactly zero, and what it
takes from the weights is the penalty's. *An optimum*: where an estimator has finished, its
penalty balances the data gradient, so the latter divided by the weights is the coefficient.
Every reading is made for a kernel, a bias and, where there is one, a normalisation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch
from sklearn import neural_network
from sklearn.base import is_classifier

from l2scaling import frameworks
from l2scaling.atlas.conventions import Convention, ConventionError, find
from l2scaling.atlas.everyday import everyday

OUTPUTS = 4
"""Outputs of the layer whose weights are measured."""


@dataclass(frozen=True)
class Size:
    """How large a trial call is: weights penalised, samples, and samples of one step.

    Raises ``ValueError`` unless ``weights`` is a multiple of 4 from 8 on, and ``samples`` a multiple
    of both ``batch_size`` and, as trees of two samples a leaf need, 2.
    """

    weights: int
    samples: int
    batch_size: int

    def __post_init__(self) -> None:
        if self.weights < 8 or self.weights % OUTPUTS:
            raise ValueError(f"weights {self.weights}; allowed: a multiple of {OUTPUTS}, 8 or more")
        if self.batch_size < 1 or self.samples % self.batch_size or self.samples % 2:
            raise ValueError(
                f"samples {self.samples} and batch_size {self.batch_size}; allowed: an even number that the "
                "batch divides"
            )


@dataclass(frozen=True)
class Reading:
    """Coefficients that one real call showed: of the weights, of biases, of a normalisation's scale.

    ``bias`` and ``scale`` are 0 where the penalty leaves them alone, NaN where there is none.
    """

    weights: float
    bias: float
    scale: float


def measure(name: str, value: float, size: Size, seed: int, l1_ratio: float = 0.5) -> Reading:
    """Call the API ``name`` with ``value`` and return the coefficients it turned out to use.

    ``l1_ratio`` goes to an elastic net. The coefficient is that of the convention's family: c, the
    size of an L1 pull, or λ of a share η·λ. Raises ``ConventionError`` for a name that no library has,
    or a value that is not positive, and ``MissingFrameworkError`` where a library is not installed.

    >>> size = Size(weights=8, samples=10, batch_size=5)
    >>> round(measure("torch.optim.SGD", 0.01, size, seed=0).weights, 9)
    0.01
    >>> round(measure("sklearn.linear_model.Ridge", 0.01, size, seed=0).weights, 9)
    0.001
    """
    one = find(name)
    if one not in everyday():
        allowed = ", ".join(api.name for api in everyday())
        raise ConventionError(f"{name!r} is not among the APIs that this chapter calls; allowed: {allowed}")
    if not (math.isfinite(value) and value > 0):
        raise ConventionError(f"value {value} cannot be measured; allowed: a finite number above 0")
    rng = np.random.default_rng([seed, size.weights, size.samples])
    return _CALLS[one.path.rpartition(".")[0]](one, value, size, rng, l1_ratio)


def _rate(coefficient: float) -> float:
    """Return a power of two, exact in every precision, at which a step takes a good share of w."""
    return float(2.0 ** math.floor(math.log2(0.25 / coefficient)))


def _multiple(pull: np.ndarray, weights: np.ndarray) -> float:
    """Return the k of ``pull = k * weights`` by least squares."""
    return float(np.sum(pull * weights) / np.sum(weights**2))


def _draw(size: Size, rng: np.random.Generator) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    inputs = size.weights // OUTPUTS
    parts = {
        "kernel": rng.normal(0, 0.5, (inputs, OUTPUTS)),
        "bias": rng.normal(0, 0.5, OUTPUTS),
        "scale": rng.normal(1, 0.2, OUTPUTS),
    }
    return rng.normal(size=(size.batch_size, inputs)), parts


# A step without data gradient: the targets are the network's own outputs.


def _torch(one: Convention, value: float, size: Size, rng: np.random.Generator, _: float) -> Reading:
    inputs, before = _draw(size, rng)
    X, rate = torch.tensor(inputs), _rate(value)
    parts = {name: torch.tensor(part, requires_grad=True) for name, part in before.items()}

    def outputs() -> torch.Tensor:
        hidden = X @ parts["kernel"] + parts["bias"]
        return torch.nn.functional.layer_norm(hidden, (OUTPUTS,), parts["scale"])

    torch.nn.functional.mse_loss(outputs(), outputs().detach()).backward()
    preconditioned = one.family == "l2" and one.optimizers == ("adam",)
    epsilon = {"eps": 1.0} if preconditioned else {}
    resolve_name(one.path)(parts.values(), lr=rate, **{one.argument: value}, **epsilon).step()
    steps = {name: (before[name] - part.detach().numpy()) / rate for name, part in parts.items()}
    if preconditioned:  # the g of Adam's first step g / (|g| + ε)
        steps = {name: step / (1 - np.abs(step)) for name, step in steps.items()}
    return _explained(one, steps, before)


def _explained(one: Convention, pulls: dict[str, np.ndarray], weights: dict[str, np.ndarray]) -> Reading:
    shape = np.sign if one.family == "l1" else np.asarray
    return Reading(*(_multiple(pulls[name], shape(weights[name])) for name in weights))


def keras_parts(one: Convention, value: float, rate: float, **options: Any) -> tuple[Any, Any]:
    """Return Keras' regulariser, or ``None``, and optimiser, of which the API is given ``value``.

    >>> keras_parts(find("keras.optimizers.SGD"), 0.01, rate=0.5)[1].weight_decay
    0.01
    """
    optimizers, made = frameworks.keras().optimizers, resolve_name(one.path)
    if one.placement == "loss":
        return made(**{one.argument: value}, **options), optimizers.SGD(rate)
    return None, made(rate, **{one.argument: value}, **options)


def _keras(one: Convention, value: float, size: Size, rng: np.random.Generator, _: float) -> Reading:
    """Train a Keras model on one batch, with the argument in a regulariser or in an optimiser."""
    keras = frameworks.keras()
    inputs, before = _draw(size, rng)
    rate = _rate(2 * value)
    regularizer, optimizer = keras_parts(one, value, rate)
    model = keras.Sequential(
        [
            keras.Input((inputs.shape[1],), dtype="float64"),
            keras.layers.Dense(OUTPUTS, kernel_regularizer=regularizer, dtype="float64"),
            keras.layers.LayerNormalization(center=False, dtype="float64"),
        ]
    )
    model.set_weights(list(before.values()))
    model.compile(optimizer, loss="mse")
    model.train_on_batch(inputs, model(inputs).detach().cpu().numpy())
    after = [weight.value.detach().cpu().numpy() for weight in model.weights]
    pulls = {name: (before[name] - part) / rate for name, part in zip(before, after, strict=True)}
    return _explained(one, pulls, before)


def optax_optimizer(one: Convention, value: float, rate: float) -> Any:
    """Return Optax's optimiser with ``value``: the API itself, or gradient descent behind it in a chain.

    >>> chain, w = optax_optimizer(find("optax.add_decayed_weights"), 0.5, rate=0.25), np.array([2.0])
    >>> chain.update(0 * w, chain.init(w), w)[0].tolist()
    [-0.25]
    """
    optax, made = frameworks.load("optax"), resolve_name(one.path)
    if one.placement == "chain":
        return optax.chain(made(**{one.argument: value}), optax.sgd(rate))
    return made(rate, **{one.argument: value})


def _optax(one: Convention, value: float, size: Size, rng: np.random.Generator, _: float) -> Reading:
    jax = frameworks.load("jax")
    inputs, before = _draw(size, rng)
    X, rate = jax.numpy.asarray(inputs), _rate(value)
    parts = {name: jax.numpy.asarray(part) for name, part in before.items()}

    def outputs(parts: Any) -> Any:
        hidden = X @ parts["kernel"] + parts["bias"]
        return jax.nn.standardize(hidden) * parts["scale"]

    # Nothing times the outputs: compiled twice, the outputs would differ from themselves by rounding.
    gradients = jax.grad(lambda parts: (0.0 * outputs(parts)).mean())(parts)
    optimizer = optax_optimizer(one, value, rate)
    updates, _ = optimizer.update(gradients, optimizer.init(parts), parts)
    # Updates are read before they are added, which would round them to the weights' last digit.
    return _explained(one, {name: -np.asarray(part, float) / rate for name, part in updates.items()}, before)


def _decay_of(before: np.ndarray, after: np.ndarray, steps: int, rate: float) -> float:
    """Return k of ``after = before * (1 - rate * k) ** steps``."""
    return (1 - _multiple(after, before) ** (1 / steps)) / rate


def _sgd(one: Convention, value: float, size: Size, rng: np.random.Generator) -> Reading:
    """One pass of scikit-learn's SGD over samples whose loss has no gradient in the weights."""
    weights, bias = rng.normal(0, 0.5, size.weights), np.array([0.5])
    rate = 0.25 / (value * size.samples)
    model = resolve_name(one.path)(
        **{one.argument: value}, learning_rate="constant", eta0=rate, max_iter=1, tol=None
    )
    X, y = np.zeros((size.samples, size.weights)), np.full(size.samples, bias[0])
    if is_classifier(model):
        y = np.where(np.arange(size.samples) % 2, 1.0, -1.0)
        X = 10 * y[:, None] * weights / np.sum(weights**2)  # every margin is above 1 + |bias|
    model.fit(X, y, coef_init=weights.copy(), intercept_init=bias.copy())
    return Reading(
        _decay_of(weights, model.coef_.ravel(), size.samples, rate),
        _decay_of(bias, model.intercept_, size.samples, rate),
        math.nan,
    )


def _mlp(one: Convention, value: float, size: Size, rng: np.random.Generator, _: float) -> Reading:
    """One epoch of scikit-learn's MLP whose hidden neurons are dead, so that only α moves kernels."""
    steps = size.samples // size.batch_size
    rate = min(1.0, 0.25 * size.batch_size / (value * steps))  # beyond 1 the first epoch may overflow
    model = resolve_name(one.path)(
        hidden_layer_sizes=(OUTPUTS,), solver="sgd", momentum=0, learning_rate_init=rate,
        batch_size=size.batch_size, random_state=0, **{one.argument: value},
    )  # fmt: skip
    X, y = np.zeros((size.samples, size.weights // OUTPUTS)), np.arange(size.samples) % 2
    _epoch(model, X, y)  # it only makes the arrays that are set next
    before = rng.normal(0, 0.5, model.coefs_[0].shape), np.full(OUTPUTS, -1.0)
    model.coefs_[0][:], model.intercepts_[0][:] = before
    model.coefs_[1][:], model.intercepts_[1][:] = 0.0, 0.0
    _epoch(model, X, y)
    return Reading(
        _decay_of(before[0], model.coefs_[0], steps, rate),
        _decay_of(before[1], model.intercepts_[0], steps, rate),
        math.nan,
    )


def _epoch(model: Any, X: np.ndarray, y: np.ndarray) -> None:
    if is_classifier(model):
        model.partial_fit(X, y, classes=[0, 1])
    else:
        model.partial_fit(X, y.astype(float))


# An optimum: the penalty's pull equals the data's.


# What makes an optimum exact.
_PRECISE: dict[str, dict[str, Any]] = {
    "sklearn.linear_model.Ridge": {"solver": "cholesky"},
    "sklearn.linear_model.Lasso": {"tol": 1e-14, "max_iter": 100_000},
    "sklearn.linear_model.ElasticNet": {"tol": 1e-14, "max_iter": 100_000},
    "sklearn.linear_model.LogisticRegression": {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000},
}


def _linear(one: Convention, value: float, size: Size, rng: np.random.Generator, l1_ratio: float) -> Reading:
    """Fit an estimator and explain the data's pull by the weights, their signs, or both."""
    if one.placement == "descent":
        return _sgd(one, value, size, rng)
    X = rng.normal(size=(size.samples, size.weights))
    y = X @ rng.normal(1, 0.2, size.weights) + rng.normal(0, 0.5, size.samples) + 1.0
    mixed = "l1_ratio" in one.needs
    share = {"l1_ratio": l1_ratio} if mixed else {}
    model = resolve_name(one.path)(**{one.argument: value}, **share, **_PRECISE[one.path])
    if is_classifier(model):
        y = (y > 1.0).astype(float)
    model.fit(X, y)
    weights, bias = model.coef_.ravel(), float(np.ravel(model.intercept_)[0])
    outputs = X @ weights + bias
    residual = y - (1 / (1 + np.exp(-outputs)) if is_classifier(model) else outputs)
    kept = weights != 0
    pull = (X.T @ residual / size.samples)[kept]
    shapes = {"l1": np.sign(weights[kept]), "l2": weights[kept]}
    if mixed:
        both = np.linalg.lstsq(np.column_stack(list(shapes.values())), pull)[0]
        found = float(both[list(shapes).index(one.family)])
    else:
        found = _multiple(pull, shapes[one.family])
    return Reading(found, float(residual.mean() / bias), math.nan)


def _trees(one: Convention, value: float, size: Size, rng: np.random.Generator, _: float) -> Reading:
    """Grow one tree with one leaf a group of samples, and compare leaves with the groups' means."""
    leaves = min(size.weights, size.samples // 2)
    groups = np.arange(size.samples) % leaves
    y = np.where(groups % 2, 1.0, -1.0) * (1 + groups) + rng.normal(0, 0.1, size.samples)
    fitted = one_tree(one.library, groups, y, **{one.argument: value})
    pull = np.bincount(groups, y - fitted) / size.samples
    weights = np.bincount(groups, fitted) / np.bincount(groups)
    return Reading(_multiple(pull, weights), math.nan, math.nan)


def one_tree(library: str, groups: np.ndarray, y: np.ndarray, **options: Any) -> np.ndarray:
    """Return what one tree of ``xgboost`` or ``lightgbm``, with a leaf a group, predicts for its own data.

    ``groups`` ``(N,)`` are numbers from 0, ``y`` ``(N,)`` targets; the tree starts from the
    prediction 0 and takes its whole step. ``options`` go to the library's regressor.

    >>> one_tree("xgboost", np.array([0, 0, 1, 1]), np.array([1.0, 1, -1, -1]), reg_lambda=2.0).tolist()
    [0.5, 0.5, -0.5, -0.5]
    """
    count = int(groups.max()) + 1
    common = {"n_estimators": 1, "learning_rate": 1.0, "n_jobs": 1, "random_state": 0}
    if library == "xgboost":
        model = frameworks.load("xgboost").XGBRegressor(
            base_score=0.0, max_depth=count, min_child_weight=0, tree_method="exact", **common, **options
        )
    else:
        model = frameworks.load("lightgbm").LGBMRegressor(
            boost_from_average=False, num_leaves=max(2, count), min_child_samples=1, min_child_weight=0,
            min_data_in_bin=1, deterministic=True, verbosity=-1, **common, **options,
        )  # fmt: skip
    X = groups[:, None].astype(float)
    return np.asarray(model.fit(X, y).predict(X), float)


def measure_lbfgs(value: float, samples: int, seed: int) -> float:
    """Return the c of scikit-learn's ``MLPClassifier`` with the solver lbfgs, which knows no mini-batch.

    Where the solver stops, the data gradient, by autograd, is divided by the first kernel.

    >>> round(measure_lbfgs(20.0, samples=200, seed=0), 4)
    0.1
    """
    rng = np.random.default_rng([seed, samples])
    X = rng.normal(size=(samples, 3))
    y = (X.sum(1) + rng.normal(0, 1, samples) > 0).astype(float)
    model = neural_network.MLPClassifier(
        (2,), activation="tanh", solver="lbfgs", alpha=value, tol=1e-10, max_iter=10_000, random_state=0
    ).fit(X, y)
    parts = [torch.tensor(part, requires_grad=True) for part in (*model.coefs_, *model.intercepts_)]
    logits = torch.tanh(torch.tensor(X) @ parts[0] + parts[2]) @ parts[1] + parts[3]
    targets = torch.tensor(y)[:, None]
    torch.nn.functional.binary_cross_entropy_with_logits(logits, targets).backward()
    assert parts[0].grad is not None
    return -_multiple(parts[0].grad.numpy(), model.coefs_[0])


_CALLS: dict[str, Callable[[Convention, float, Size, np.random.Generator, float], Reading]] = {
    "torch.optim": _torch,
    "keras.regularizers": _keras,
    "keras.optimizers": _keras,
    "optax": _optax,
    "sklearn.linear_model": _linear,
    "sklearn.neural_network": _mlp,
    "xgboost": _trees,
    "lightgbm": _trees,
}
