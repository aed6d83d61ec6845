"""Where weights come to rest under real gradients, and how much of that is fluctuation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.laws import shapes
from l2scaling.training.ensembles import Networks, train
from l2scaling.training.modules import descend, optimizer, torch_network
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import Members


def fluctuating_square(weights: np.ndarray, moments: np.ndarray, shrinkage: np.ndarray) -> np.ndarray:
    """Return the sum over weights of their variance around their means over time; shape ``(M,)``.

    ``weights`` has shape ``(M, moments, P)``, ``moments`` holds the steps, ``shrinkage`` of shape
    ``(M,)`` the share ηλ by which a step shrinks weights. Weights on noise remember, with correlation
    ``exp(-ηλ * gap)``, which hides a part of their variance; the result is divided by the rest, so
    that on noise it tells all of it.

    >>> float(fluctuating_square(np.array([[[1.0], [3.0]]]), np.array([0, 1000]), np.array([1.0]))[0])
    2.0
    """
    count = len(moments)
    gaps = np.abs(np.subtract.outer(moments, moments))
    remembered = np.exp(-shrinkage[:, None, None] * gaps).sum((1, 2)) - count
    shown = 1 - remembered / (count * (count - 1))
    return weights.var(axis=1, ddof=1, dtype=np.float64).sum(axis=-1) / shown


def train_unfed(
    name: str, learning_rate: float, coefficient: float, data: tuple[Tensor, Tensor], width: int,
    steps: int, random: torch.Generator,
) -> Tensor:  # fmt: skip
    """Train a two-layer ReLU network and return the first-layer weights of inputs that are always zero.

    Such weights have no data gradient; the penalty alone moves them. Shape ``(steps + 1, weights)``,
    from the start on. Full batch, cross-entropy, float64, He's start.
    """
    X, y = data
    unfed = (X == 0).all(0)
    layers = shapes.multilayer(X.shape[1], width, int(y.max()) + 1, 2)
    model = torch_network(layers, shapes.find_initializer("he"), random, torch.float64)
    first = next(model.parameters())
    seen = descend(
        optimizer(name, learning_rate, coefficient)(list(model.parameters())),
        lambda: torch.nn.functional.cross_entropy(model(X), y), steps,
        lambda: first.detach()[:, unfed].flatten(),
    )  # fmt: skip
    return torch.stack(seen)


class AtRest(NamedTuple):
    """Networks trained by AdamW on mini-batches, arrays of shape ``(decays, seeds)``.

    ``total`` is ``λ/2 * sum(w**2)`` over the noise law ηP/4; ``fluctuating`` the same of the
    variance of every weight around its mean over time; ``spread`` the largest over the smallest layer total.
    """

    total: np.ndarray
    fluctuating: np.ndarray
    spread: np.ndarray


def rest_in_batches(
    X: np.ndarray, y: np.ndarray, width: int, decays: Sequence[float], learning_rate: float,
    seeds: Sequence[int], device: str = "cpu", periods: float = 8, batch_size: int = 16,
) -> AtRest:  # fmt: skip
    """Train networks of three weight layers by AdamW for ``periods`` of the first, smallest decay.

    A period is the time constant 1/(2ηλ) in steps. The variance of a weight over time is taken
    over eight moments of the second half.

    >>> line = np.linspace(-1, 1, 20)[:, None]
    >>> signs = (line[:, 0] > 0).astype(int)
    >>> rest_in_batches(line, signs, 4, [1.0], 0.1, [0, 1], batch_size=4).total.shape
    (1, 2)
    """
    steps = round(periods / 2 / (learning_rate * decays[0]))
    moments = np.linspace(steps / 2, steps, 8).astype(int)
    coefficients = np.repeat(decays, len(seeds))
    layers = shapes.multilayer(X.shape[1], width, int(y.max()) + 1, depth=3)

    def measure(nets: Networks) -> dict[str, Tensor]:
        weights = torch.cat([weight.flatten(1) for weight in nets.weights], 1)
        return {"layers": nets.sum_squares(), "weights": weights}

    recipe = Recipe(
        steps, learning_rate, at=moments.tolist(), optimizer="adamw", batch_size=batch_size, device=device
    )
    members = Members(np.tile(np.asarray(seeds), len(decays)), coefficients)
    done = train(X, y, layers, members, recipe, measure)
    squares = done.values["layers"][:, -1]
    over_law = coefficients / 2 / (learning_rate * sum(layer.count for layer in layers) / 4)
    found = (
        over_law * squares.sum(axis=1),
        over_law * fluctuating_square(done.values["weights"], moments, learning_rate * coefficients),
        squares.max(axis=1) / squares.min(axis=1),
    )
    return AtRest(*(one.reshape(len(decays), len(seeds)) for one in found))


def spread_at_rest(
    recipe: Recipe, coefficient: float, data: tuple[np.ndarray, np.ndarray], seeds: Sequence[int]
) -> np.ndarray:
    """Train networks of three weight layers, 32 wide; return by seed the largest over the smallest
    layer's sum of squares.
    """
    X, y = data
    layers = shapes.multilayer(X.shape[1], 32, int(y.max()) + 1, depth=3)
    members = Members(seeds, coefficient)
    done = train(X, y, layers, members, recipe, lambda nets: {"layers": nets.sum_squares()})
    squares = done.values["layers"][:, -1]
    return squares.max(axis=1) / squares.min(axis=1)
