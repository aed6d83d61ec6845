"""The race of the rules on networks: training that is judged at every step."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.chapters.tuning.ridge_race import FOLDS, SMALLER
from l2scaling.laws.shapes import multilayer
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.splits import Split
from l2scaling.training.steps import Members


def train_judged(
    X: np.ndarray, y: np.ndarray, judges: Sequence[tuple[np.ndarray, np.ndarray]], classes: int,
    width: int, coefficients: Sequence[float] | np.ndarray, start: int, recipe: Recipe,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Train one network a coefficient from one start; return cross-entropies and accuracies.

    Both have shape ``(coefficients, moments, judges)``. ``judges`` are pairs of inputs and class numbers.
    A batch holds all samples where these are fewer. A network that diverged is not a number.

    >>> X = np.array([[1.0, 0.0], [0.0, 1.0]] * 8)
    >>> y = np.array([0, 1] * 8)
    >>> losses, right = train_judged(X, y, [(X, y)], 2, 8, [0.0, 1.0], 0, Recipe(100, batch_size=16))
    >>> losses.shape, bool(losses[0, 0, 0] < losses[1, 0, 0])
    ((2, 1, 1), True)
    """

    def measure(nets: ensembles.Networks) -> dict[str, Tensor]:
        losses, right = [], []
        for inputs, labels in judges:
            outputs = nets.outputs(inputs).double()
            wanted = torch.as_tensor(labels, device=outputs.device)
            chances = torch.log_softmax(outputs, 2)
            losses.append(-chances[:, torch.arange(len(wanted)), wanted].mean(1))
            right.append((outputs.argmax(2) == wanted).double().mean(1))
        return {"losses": torch.stack(losses, 1), "right": torch.stack(right, 1)}

    recipe = replace(recipe, batch_size=min(recipe.batch_size or len(X), len(X)))
    layers = multilayer(X.shape[1], width, classes, 2)
    trained = ensembles.train(X, y, layers, Members(start, coefficients), recipe, measure, progress=False)
    return trained.values["losses"], trained.values["right"]


class RacedNetworks(NamedTuple):
    """What a race of networks gave on one repetition: costs, regrets, and what a penalty changed.

    ``saved`` is the share of the test cross-entropy that the held-out choice saves against no penalty,
    ``gained`` the accuracy it adds; ``best`` the coefficient of least test cross-entropy.
    """

    costs: dict[str, float]
    regrets: dict[str, float]
    saved: float
    gained: float
    best: float


def network_race(
    task: Split, width: int, lattice: np.ndarray, start: int, recipe: Recipe, *,
    divide_by: float = 1.0, blind: bool = False, moments: int = 24,
) -> RacedNetworks:  # fmt: skip
    """Let the ways of choosing c compete on one split, with networks of one hidden layer.

    Methods as in ``ridge_race``, as far as a network has them: rules are ``c = 1/N`` and one over the
    horizon, each divided by ``divide_by``, and ``c = 1e-4``. All but early stopping end with one training
    on all samples. ``lattice`` holds the geometric grid of coefficients, ascending.
    """
    samples, classes = len(task.y), task.classes or 2
    rng = np.random.default_rng([start, 0])
    folds = rng.permutation(samples) % FOLDS
    at = np.unique(np.geomspace(1, recipe.steps, moments).round().astype(int)).tolist()
    test = (task.X_validation, task.y_validation)
    tried = np.concatenate([[0.0], lattice])
    held = []
    for fold in range(FOLDS):
        kept, out = folds != fold, folds == fold
        labels = rng.permutation(task.y[out]) if blind else task.y[out]
        judges = [(task.X[out], labels), test] if fold == 0 else [(task.X[out], labels)]
        fitted = partial(train_judged, task.X[kept], task.y[kept], classes=classes, start=start)
        timed = replace(recipe, at=at) if fold == 0 else recipe
        held.append(fitted(judges, width=width, coefficients=tried, recipe=timed)[0])
        if fold == 0:
            narrow = max(width // SMALLER, 1)
            small = fitted(judges[:1], width=narrow, coefficients=lattice, recipe=recipe)[0]
    path = held[0]  # (coefficients, moments, hold-out and test)
    crossed = np.mean([one[1:, -1, 0] for one in held], axis=0)
    rules = np.array([1 / samples, 1 / recipe.horizon]) / divide_by
    losses, right = train_judged(
        task.X, task.y, [test], classes, width, np.concatenate([tried, rules, [1e-4]]), start, recipe
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


def best_steps(at: Sequence[int], scores: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the first step at which a score is within ``tolerance`` of its highest.

    ``scores`` ``(..., moments)`` at the steps ``at``; the result has shape ``(...)``.

    >>> best_steps([1, 10, 100], np.array([0.5, 0.898, 0.9]), 0.005).tolist()
    10
    """
    reached = scores >= scores.max(axis=-1, keepdims=True) - tolerance
    return np.asarray(at)[reached.argmax(axis=-1)]


def chosen_losses(losses: np.ndarray, group: Sequence[int]) -> np.ndarray:
    """Return the test loss of the member of a group that has the least held-out loss.

    ``losses`` ``(..., members, 2)``: held-out and test. The result has shape ``(...)``.

    >>> chosen_losses(np.array([[0.3, 0.5], [0.1, 0.7], [0.0, 0.2]]), [0, 1]).tolist()
    0.7
    """
    held, test = np.moveaxis(losses[..., list(group), :], -1, 0)
    return np.take_along_axis(test, held.argmin(-1)[..., None], -1)[..., 0]
