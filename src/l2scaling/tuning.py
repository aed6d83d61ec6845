"""Ways to choose the penalty coefficient: what each costs in fits of the final model, and its regret.

c is that of the book, against a mean loss. The *regret* of a choice is the test error at the chosen c
over the least test error of any penalty tried, minus one; early stopping can get below zero. A *fit* is
one whole training of the final model; a model of a share of its weights costs that share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling import conventions, ensembles
from l2scaling.linear import Decomposition, decompose
from l2scaling.networks import find_initializer, multilayer
from l2scaling.ridge_features import RandomFeatures
from l2scaling.scaling import resample_weights
from l2scaling.search import Task
from l2scaling.streaming import generator

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


def mean_interval(values: np.ndarray, seed: int) -> np.ndarray:
    """Return mean, low and high: the mean over the last axis with its 95% bootstrap interval.

    ``values`` ``(..., seeds)``; the result has shape ``(3, ...)``. Whole seeds are resampled, so that
    everything measured on one seed stays together. Raises ``ValueError`` for fewer than two seeds.

    >>> mean_interval(np.array([1.0, 1.0, 1.0]), seed=0).tolist()
    [1.0, 1.0, 1.0]

    Used in: tuning.
    """
    values = np.asarray(values, float)
    if values.ndim < 1 or values.shape[-1] < 2:
        raise ValueError(f"values of shape {values.shape}: allowed two seeds or more in the last axis")
    means = values @ resample_weights(values.shape[-1], seed).T
    low, high = np.quantile(means, [0.025, 0.975], axis=-1)
    return np.stack([values.mean(-1), low, high])


def ratio_interval(top: np.ndarray, bottom: np.ndarray, seed: int) -> np.ndarray:
    """Return the ratio of two means over seeds, low and high: a 95% bootstrap over seeds.

    Both have shape ``(seeds,)``, paired: a resample draws whole seeds.

    >>> ratio_interval(np.array([1.0, 2.0]), np.array([2.0, 4.0]), seed=0).tolist()
    [0.5, 0.5, 0.5]

    Used in: tuning.
    """
    weights = resample_weights(len(top), seed)
    low, high = np.quantile((weights @ top) / (weights @ bottom), [0.025, 0.975])
    return np.array([top.mean() / bottom.mean(), low, high])


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

    Used in: tuning.
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

    Used in: tuning.
    """
    if not (np.all(curvatures > 0) and penalty_coefficient > 0):
        raise ValueError(f"penalty_coefficient {penalty_coefficient}: allowed above 0, as all curvatures")
    return float((curvatures * shrunk**2 + penalty_coefficient * (1 - shrunk) ** 2).sum())


def stopped_shares(curvatures: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Return what gradient descent leaves out of each direction when stopped at ``t = 1/(rate c)``.

    ``(1 - rate h)^t``, with a tenth of the inverse largest curvature as rate and t in whole steps.

    >>> stopped_shares(np.array([1.0, 0.1]), 0.5).round(3).tolist()
    [0.122, 0.818]

    Used in: tuning.
    """
    rate = _RATE_SHARE / curvatures.max()
    steps = max(round(1 / (rate * penalty_coefficient)), 1)
    return np.exp(steps * np.log1p(-rate * curvatures))


class Raced(NamedTuple):
    """What a race gave on one split: costs and regrets by method, and the error at every c of the grid.

    ``costs`` are in fits. ``errors`` ``(97,)`` belongs to ``GEOMETRIC`` times P/N, unit features.
    ``stopped_over_best`` is ``1/(rate t)`` at the best stopping time over the best c.

    Used in: tuning.
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
    >>> from l2scaling.ridge_features import random_features
    >>> split = random_features(load("diabetes"), 60, 40, np.random.default_rng(0))
    >>> raced = ridge_race(split, 40, np.random.default_rng(1))
    >>> bool(min(raced.regrets.values()) >= 0), raced.costs["5 folds, 9 values"]
    (True, 46.0)

    Used in: tuning.
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


@dataclass(frozen=True)
class Training:
    """How networks of one hidden layer are trained: SGD with momentum on softmax cross-entropy.

    ``horizon`` is ``learning_rate * steps / (1 - momentum)``, the time that decay has to act.

    Used in: tuning.
    """

    steps: int
    device: str = "cpu"
    learning_rate: float = 0.1
    momentum: float = 0.9
    batch_size: int = 32

    @property
    def horizon(self) -> float:
        """The length of the training in units of time constants: times c, how often decay acts."""
        return self.learning_rate * self.steps / (1 - self.momentum)


def train_judged(
    X: np.ndarray, y: np.ndarray, judges: Sequence[tuple[np.ndarray, np.ndarray]], classes: int,
    width: int, coefficients: Sequence[float] | np.ndarray, start: int, training: Training,
    at: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Train one network a coefficient from one start; return cross-entropies and accuracies.

    Both have shape ``(coefficients, moments, judges)``, by default at the last step only. ``judges`` are
    pairs of inputs and class numbers. A network that diverged is not a number.

    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]] * 8)
    >>> y = np.array([0, 1] * 8)
    >>> losses, right = train_judged(X, y, [(X, y)], 2, 8, [0.0, 1.0], 0, Training(100, batch_size=16))
    >>> losses.shape, bool(losses[0, 0, 0] < losses[1, 0, 0])
    ((2, 1, 1), True)

    Used in: tuning.
    """
    members = ensembles.Members(start, np.asarray(coefficients, float), training.learning_rate)

    def measure(nets: ensembles.Networks) -> dict[str, Tensor]:
        losses, right = [], []
        for inputs, labels in judges:
            outputs = nets.outputs(inputs).double()
            wanted = torch.as_tensor(labels, device=outputs.device)
            chances = torch.log_softmax(outputs, 2)
            losses.append(-chances[:, torch.arange(len(wanted)), wanted].mean(1))
            right.append((outputs.argmax(2) == wanted).double().mean(1))
        return {"losses": torch.stack(losses, 1), "right": torch.stack(right, 1)}

    trained = ensembles.train(
        X, y, multilayer(X.shape[1], width, classes, 2), members, measure,
        steps=training.steps, at=at, momentum=training.momentum,
        batch_size=min(training.batch_size, len(X)), device=training.device, progress=False,
    )  # fmt: skip
    return trained.values["losses"], trained.values["right"]


class RacedNetworks(NamedTuple):
    """What a race of networks gave on one repetition: costs, regrets, and what a penalty changed.

    ``saved`` is the share of the test cross-entropy that the held-out choice saves against no penalty,
    ``gained`` the accuracy it adds; ``best`` the coefficient of least test cross-entropy.

    Used in: tuning.
    """

    costs: dict[str, float]
    regrets: dict[str, float]
    saved: float
    gained: float
    best: float


def network_race(
    task: Task, width: int, lattice: np.ndarray, start: int, training: Training, *,
    divide_by: float = 1.0, blind: bool = False, moments: int = 24,
) -> RacedNetworks:  # fmt: skip
    """Let the ways of choosing c compete on one split, with networks of one hidden layer.

    Methods as in ``ridge_race``, as far as a network has them: rules are ``c = 1/N`` and one over the
    horizon, each divided by ``divide_by``, and ``c = 1e-4``. All but early stopping end with one training
    on all samples. ``lattice`` holds the geometric grid of coefficients, ascending.

    Used in: tuning.
    """
    samples, classes = len(task.y), task.classes or 2
    rng = np.random.default_rng([start, 0])
    folds = rng.permutation(samples) % FOLDS
    at = np.unique(np.geomspace(1, training.steps, moments).round().astype(int)).tolist()
    test = (task.X_validation, task.y_validation)
    tried = np.concatenate([[0.0], lattice])
    held = []
    for fold in range(FOLDS):
        kept, out = folds != fold, folds == fold
        labels = rng.permutation(task.y[out]) if blind else task.y[out]
        judges = [(task.X[out], labels), test] if fold == 0 else [(task.X[out], labels)]
        moment = at if fold == 0 else None
        held.append(
            train_judged(task.X[kept], task.y[kept], judges, classes, width, tried, start, training, moment)[
                0
            ]
        )
        if fold == 0:
            small = train_judged(
                task.X[kept], task.y[kept], judges[:1], classes, max(width // SMALLER, 1), lattice, start,
                training,
            )[0]  # fmt: skip
    path = held[0]  # (coefficients, moments, hold-out and test)
    crossed = np.mean([one[1:, -1, 0] for one in held], axis=0)
    rules = np.array([1 / samples, 1 / training.horizon]) / divide_by
    losses, right = train_judged(
        task.X, task.y, [test], classes, width, np.concatenate([tried, rules, [1e-4]]), start, training
    )
    found, right = losses[:, 0, 0], right[:, 0, 0]
    places = len(lattice)
    half = np.arange(0, places, 2)
    picks = {
        "no penalty": (1.0, 0),
        "c = 1/N": (1.0, places + 1),
        "c = 1/(ηT)": (1.0, places + 2),
        "c = 1e-4": (1.0, places + 3),
        f"hold-out, {len(half)} values": (1.0 + len(half), 1 + half[_least(path[1:, -1, 0][half])]),
        f"hold-out, {places} values": (1.0 + places, 1 + _least(path[1:, -1, 0])),
        f"5 folds, {places} values": (1.0 + FOLDS * places, 1 + _least(crossed)),
        f"transfer, {places} values": (1.0 + places / SMALLER, 1 + _least(small[:, -1, 0])),
        "stop and tune": (1.0 + places, 1 + _least(np.nanmin(path[1:, :, 0], axis=1))),
    }
    least = np.nanmin(found)
    regrets = {name: float(found[place] / least - 1) for name, (_, place) in picks.items()}
    regrets["early stopping"] = float(path[0, _least(path[0, :, 0]), 1] / least - 1)
    costs = {name: cost for name, (cost, _) in picks.items()} | {"early stopping": 1.0}
    place = picks[f"hold-out, {places} values"][1]
    best = float(lattice[_least(found[1 : 1 + places])])
    return RacedNetworks(
        costs, regrets, float(1 - found[place] / found[0]), float(right[place] - right[0]), best
    )


def _least(losses: np.ndarray) -> int:
    return int(np.where(np.isnan(losses), np.inf, losses).argmin())


def train_dropout(
    task: Task, judges: Sequence[tuple[np.ndarray, np.ndarray]], width: int,
    coefficients: Sequence[float] | np.ndarray, rates: Sequence[float] | np.ndarray, start: int,
    training: Training, *, learning_rates: Sequence[float] | np.ndarray | None = None, masked: bool = True,
) -> np.ndarray:  # fmt: skip
    """Train one network for each pair of c and dropout rate; return cross-entropies ``(pairs, judges)``.

    Dropout (Srivastava et al. 2014) sets each hidden unit of each sample to zero with the given rate and
    divides the others by what is left on average; judged is the whole network. All pairs share start and
    batches; ``learning_rates`` has one for each, or is that of ``training``. ``masked`` false leaves
    every unit in, whatever the rate. He's start, no biases; with rate 0
    the trajectory of SGD with momentum in ``torch.optim``. Raises ``ValueError`` for a rate outside 0 to
    below 1, or lists of unequal length.

    Used in: tuning.
    """
    pulls = torch.as_tensor(np.asarray(coefficients), dtype=torch.float32)[:, None, None]
    drop = np.asarray(rates, float)
    if drop.shape != (len(pulls),) or not np.all((drop >= 0) & (drop < 1)):
        raise ValueError(f"rates {drop.tolist()}: allowed {len(pulls)} values from 0 to below 1")
    device = torch.device(training.device)
    X = torch.as_tensor(task.X, dtype=torch.float32, device=device)
    targets = torch.nn.functional.one_hot(torch.as_tensor(task.y), task.classes or 2).float().to(device)
    random, order = generator(start, 0), generator(start, 1)
    weights = []
    for layer in multilayer(X.shape[1], width, targets.shape[1], 2):
        one = torch.empty(layer.outputs, layer.inputs, dtype=torch.float64)
        find_initializer("he").draw(one, layer, random)
        weights.append(one.float().T.repeat(len(drop), 1, 1).to(device))
    velocities = [torch.zeros_like(weight) for weight in weights]
    pulls = pulls.to(device)
    each = np.broadcast_to(training.learning_rate if learning_rates is None else learning_rates, drop.shape)
    speeds = torch.as_tensor(each.copy(), dtype=torch.float32, device=device)[:, None, None]
    kept = torch.as_tensor(1 - drop * masked, dtype=torch.float32, device=device)[:, None, None]
    first, second = weights
    rows = torch.arange(0)
    for _ in range(training.steps):
        if len(rows) < training.batch_size:
            rows = torch.randperm(len(X), generator=order)
        batch, rows = rows[: training.batch_size].to(device), rows[training.batch_size :]
        inputs = X[batch]
        hidden = (inputs @ first).relu_()
        if masked:
            hidden *= (torch.rand(hidden.shape[1:], generator=random).to(device) < kept) / kept
        signal = torch.softmax(hidden @ second, 2).sub_(targets[batch]).div_(len(batch))
        back = (signal @ second.mT).mul_(hidden > 0).div_(kept)
        for weight, velocity, gradient in zip(
            weights, velocities, (inputs.T @ back, hidden.mT @ signal), strict=True
        ):
            velocity.mul_(training.momentum).add_(gradient).addcmul_(pulls, weight)
            weight.addcmul_(speeds, velocity, value=-1)
    losses = []
    for judged, labels in judges:
        outputs = (torch.as_tensor(judged, dtype=torch.float32, device=device) @ first).relu_() @ second
        wanted = torch.as_tensor(labels, device=device)
        losses.append(-torch.log_softmax(outputs, 2)[:, torch.arange(len(wanted)), wanted].mean(1))
    return torch.stack(losses, 1).double().numpy(force=True)


def best_steps(at: Sequence[int], scores: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the first step at which a score is within ``tolerance`` of its highest.

    ``scores`` ``(..., moments)`` at the steps ``at``; the result has shape ``(...)``.

    >>> best_steps([1, 10, 100], np.array([0.5, 0.898, 0.9]), 0.005).tolist()
    10

    Used in: tuning.
    """
    reached = scores >= scores.max(axis=-1, keepdims=True) - tolerance
    return np.asarray(at)[reached.argmax(axis=-1)]


def values_in(best: np.ndarray, samples: np.ndarray, apis: Sequence[str], batch_size: int) -> np.ndarray:
    """Return what coefficients c are called in each API, shape ``(apis, cells)``.

    ``best`` and ``samples`` have shape ``(cells,)``.

    >>> values_in(np.array([0.02]), np.array([50]), ["keras.regularizers.L2", "lambda_over_2m"], 32).tolist()
    [[0.01], [1.0]]

    Used in: tuning.
    """
    found = [conventions.find(name) for name in apis]
    settings = [conventions.Setting(samples=int(count), batch_size=batch_size) for count in samples]
    return np.array(
        [[api.value(float(c), one) for c, one in zip(best, settings, strict=True)] for api in found]
    )


def share_inside(
    best: np.ndarray, resampled: np.ndarray, samples: np.ndarray, apis: Sequence[str], batch_size: int
) -> np.ndarray:
    """Return the share of cells whose best c, as the API calls it, lies from 0.01 to 0.4; ``(3, apis)``.

    Rows are the share, and low and high of its 95% interval from ``resampled`` ``(resamples, cells)``.

    >>> cells = np.array([0.005, 0.03])
    >>> share_inside(cells, cells[None], np.array([50, 50]), ["torch.optim.SGD"], 32).ravel().tolist()
    [0.5, 0.5, 0.5]

    Used in: tuning.
    """
    found = [values_in(one, samples, apis, batch_size) for one in (best, *resampled)]
    shares = np.array([((one >= EVEN[0]) & (one <= EVEN[-1])).mean(1) for one in found])
    return np.stack([shares[0], *np.quantile(shares[1:], [0.025, 0.975], axis=0)])


def best_coefficients(
    errors: np.ndarray, coefficients: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the c of least mean error over splits, and the same for resampled splits.

    ``errors`` ``(cells, splits, places)`` belong to geometric ``coefficients`` ``(places,)``; a parabola in
    log c through the least value and its neighbours refines the place, except at an end. The results have
    shapes ``(cells,)`` and ``(200, cells)``. Splits are resampled together in all cells.

    >>> c = np.geomspace(0.01, 10, 4)
    >>> best_coefficients((np.log(c / 0.2) ** 2)[None, None], c, seed=0)[0].round(6).tolist()
    [0.2]

    Used in: tuning.
    """
    splits = errors.shape[1]
    picks = np.random.default_rng(seed).integers(0, splits, (200, splits))
    shares = np.stack([(picks == one).mean(1) for one in range(splits)], 1)
    resampled = np.stack([shares @ cell for cell in errors], 1)
    return _lowest(errors.mean(1), coefficients), _lowest(resampled, coefficients)


def _lowest(curves: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    place = curves.argmin(-1)
    middle = np.clip(place, 1, len(coefficients) - 2)
    left, low, right = (np.take_along_axis(curves, (middle + k)[..., None], -1)[..., 0] for k in (-1, 0, 1))
    bend = left - 2 * low + right
    shift = np.where((bend > 0) & (place == middle), (left - right) / np.where(bend > 0, 2 * bend, 1.0), 0.0)
    step = np.log(coefficients[1] / coefficients[0])
    return coefficients[place] * np.exp(step * shift)


def chosen_losses(losses: np.ndarray, group: Sequence[int]) -> np.ndarray:
    """Return the test loss of the member of a group that has the least held-out loss.

    ``losses`` ``(..., members, 2)``: held-out and test. The result has shape ``(...)``.

    >>> chosen_losses(np.array([[0.3, 0.5], [0.1, 0.7], [0.0, 0.2]]), [0, 1]).tolist()
    0.7

    Used in: tuning.
    """
    held, test = np.moveaxis(losses[..., list(group), :], -1, 0)
    return np.take_along_axis(test, held.argmin(-1)[..., None], -1)[..., 0]
