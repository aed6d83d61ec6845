"""The arithmetic of an ensemble: one step of many networks at once, by batched products."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l2scaling.laws.shapes import Initializer, Layer
from l2scaling.seeds import generator
from l2scaling.training.losses import error_signal
from l2scaling.training.recipe import Recipe

LARGEST_WEIGHT = 1e9
"""A member with a weight that is not finite, or larger than this, has diverged."""

_ADAM_BETAS, _ADAM_EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class Members:
    """The networks of an ensemble: seed, penalty coefficient c and learning rate of each.

    Every field is one number for all or a sequence, and becomes an array of shape ``(M,)``.
    The seed decides both the start and the order of the data, in separate streams: members
    with one seed differ only by their settings. Under ``adamw`` c is the decoupled λ. Without learning
    rates the recipe's is taken.
    Raises ``ValueError`` for unequal lengths, a negative c or a learning rate that is not
    positive.

    >>> len(Members(seeds=range(3), penalty_coefficients=0.01, learning_rates=[0.1, 0.2, 0.3]))
    3
    """

    seeds: Any
    penalty_coefficients: Any
    learning_rates: Any = None

    def __post_init__(self) -> None:
        kinds = {"seeds": None, "penalty_coefficients": float, "learning_rates": float}
        fields = {
            name: np.atleast_1d(np.asarray(getattr(self, name), kind))
            for name, kind in kinds.items()
            if getattr(self, name) is not None
        }
        count = max(len(values) for values in fields.values())
        for name, values in fields.items():
            if values.ndim != 1 or len(values) not in (1, count):
                raise ValueError(f"{name} of shape {values.shape}: allowed one number, or {count}")
            object.__setattr__(self, name, np.broadcast_to(values, count).copy())
        if not np.issubdtype(self.seeds.dtype, np.integer):
            raise ValueError(f"seeds {self.seeds.tolist()[0]!r}: allowed integers")
        _all("penalty coefficient", self.penalty_coefficients, self.penalty_coefficients >= 0, "0 or more")
        if self.learning_rates is not None:
            _all("learning rate", self.learning_rates, self.learning_rates > 0, "above 0")

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, rows: Any) -> "Members":
        rates = None if self.learning_rates is None else self.learning_rates[rows]
        return Members(self.seeds[rows], self.penalty_coefficients[rows], rates)


def _all(name: str, values: np.ndarray, good: np.ndarray, allowed: str) -> None:
    good = good & np.isfinite(values)
    if not good.all():
        raise ValueError(f"{name} {values[~good][0]!s}: allowed {allowed}")


def start_weights(layers: Sequence[Layer], initializer: Initializer, random: torch.Generator) -> list[Tensor]:
    """Draw the weights with which a member starts, in float64, input layer first.

    The stream of a seed is ``generator(seed, 0)``.
    """
    weights = [torch.empty(layer.outputs, layer.inputs, dtype=torch.float64) for layer in layers]
    for weight, layer in zip(weights, layers, strict=True):
        initializer.draw(weight, layer, random)
    return weights


def stacked_starts(
    layers: Sequence[Layer], initializer: Initializer, streams: Iterable[torch.Generator]
) -> list[Tensor]:
    """Draw the starts of several members, one from each stream; shape ``(m, outputs, inputs)`` each layer."""
    drawn = [start_weights(layers, initializer, random) for random in streams]
    return [torch.stack(layer) for layer in zip(*drawn, strict=True)]


def data_order(samples: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Yield for each epoch the batches of the member of this seed, shape ``(batches, batch_size)``.

    Every epoch is a new permutation; the samples that do not fill a batch sit it out.

    >>> next(data_order(10, 4, seed=0)).shape
    torch.Size([2, 4])
    """
    random = generator(seed, 1)
    while True:
        order = torch.randperm(samples, generator=random)
        yield order[: samples // batch_size * batch_size].view(-1, batch_size)


def member_bytes(X: Tensor, targets: Tensor, layers: Sequence[Layer], recipe: Recipe) -> int:
    """Return the bytes of one member: its weights, the optimiser's buffers, activations and signals."""
    rows = recipe.batch_size or len(X)
    parameters = (2 if recipe.optimizer == "sgd" else 4) * sum(layer.count for layer in layers)
    activations = 2 * rows * sum(layer.outputs for layer in layers)
    order = len(X) * 8 if recipe.batch_size else 0
    gathered = rows * (X.shape[1] + targets.shape[1]) if recipe.batch_size else 0
    return X.element_size() * (parameters + activations + gathered) + order


class Cohort:
    """Members that are trained together: their weights, buffers and place in the data."""

    def __init__(
        self, X: Tensor, targets: Tensor, layers: Sequence[Layer], recipe: Recipe, members: Members
    ) -> None:
        self.X, self.targets, self.layers, self.recipe, self.members = X, targets, layers, recipe, members
        self.rows = recipe.batch_size or len(X)
        self.alive = np.arange(len(members))
        self.diverged = np.full(len(members), -1)
        seeds = members.seeds.tolist()
        streams = (generator(seed, 0) for seed in seeds)
        self.weights = [layer.to(X) for layer in stacked_starts(layers, recipe.initializer, streams)]
        self.states = [
            [torch.zeros_like(weight) for weight in self.weights]
            for _ in range(1 if recipe.optimizer == "sgd" else 3)
        ]
        if recipe.batch_size:
            self.orders = [data_order(len(X), recipe.batch_size, seed) for seed in seeds]
        self._allocate()

    def _allocate(self) -> None:
        """Make the scratch space for the members now alive."""
        X, m, rows = self.X, len(self.alive), self.rows
        kept = self.members[self.alive]
        self.rates, self.decays = (
            [column(factor * values, X) for factor in factors or [1.0] * len(self.layers)]
            for values, factors in (
                (kept.learning_rates, self.recipe.rate_factors),
                (kept.penalty_coefficients, self.recipe.decay_factors),
            )
        )
        self.hidden = [X.new_empty(m, layer.outputs, rows) for layer in self.layers]
        self.signals = [torch.empty_like(hidden) for hidden in self.hidden]
        self.inputs, self.wanted = X.expand(m, -1, -1), self.targets.expand(m, -1, -1)
        if self.recipe.batch_size:
            self.inputs = X.new_empty(m, rows, X.shape[1])
            self.wanted = X.new_empty(m, rows, self.targets.shape[1])

    def drop_diverged(self, step: int) -> None:
        """Take out members whose weights left all bounds; the others do not notice."""
        largest = torch.stack([weight.abs().amax((1, 2)) for weight in self.weights]).amax(0)
        fine = (largest <= LARGEST_WEIGHT).cpu().numpy()
        if fine.all():
            return
        self.diverged[self.alive[~fine]] = step
        self.alive = self.alive[fine]
        rows = torch.as_tensor(np.flatnonzero(fine), device=self.X.device)
        self.weights = [weight[rows] for weight in self.weights]
        self.states = [[one[rows] for one in state] for state in self.states]
        self._allocate()

    def next_batch(self, step: int) -> None:
        if not self.recipe.batch_size:
            return
        place = (step - 1) % (len(self.X) // self.rows)
        if place == 0:
            self.epoch = torch.stack([next(order) for order in self.orders]).to(self.X.device)
        rows = self.epoch[torch.as_tensor(self.alive, device=self.X.device), place].view(-1)
        torch.index_select(self.X, 0, rows, out=self.inputs.view(-1, self.X.shape[1]))
        torch.index_select(self.targets, 0, rows, out=self.wanted.view(-1, self.targets.shape[1]))

    def forward(self) -> None:
        for number, (weight, out) in enumerate(zip(self.weights, self.hidden, strict=True)):
            below = self.hidden[number - 1] if number else self.inputs.transpose(1, 2)
            torch.bmm(weight, below, out=out)
            if self.recipe.activation == "relu" and number + 1 < len(self.weights):
                out.relu_()

    def backward(self, beta: float) -> None:
        """Add the data gradients to ``beta`` times what the first buffers hold."""
        recipe, gradients = self.recipe, self.states[0]
        wanted = self.wanted.transpose(1, 2)
        torch.div(
            error_signal(self.hidden[-1], wanted, recipe.loss, classes=1), self.rows, out=self.signals[-1]
        )
        for number in reversed(range(1, len(self.weights))):
            below, signal = self.hidden[number - 1], self.signals[number]
            torch.baddbmm(gradients[number], signal, below.transpose(1, 2), beta=beta, out=gradients[number])
            onward = self.signals[number - 1]
            torch.bmm(self.weights[number].transpose(1, 2), signal, out=onward)
            if recipe.activation == "relu":
                torch.ops.aten.threshold_backward.grad_input(onward, below, 0, grad_input=onward)
        first, signal = gradients[0], self.signals[0]
        torch.baddbmm(first, signal, self.inputs, beta=beta, out=first)

    def update(self, step: int) -> None:
        if self.recipe.optimizer == "sgd":
            for weight, velocity, rate, c in zip(
                self.weights, self.states[0], self.rates, self.decays, strict=True
            ):
                velocity.addcmul_(weight, c)
                weight.addcmul_(velocity, -rate)
            return
        (first, second), scales = _ADAM_BETAS, [1 - beta**step for beta in _ADAM_BETAS]
        for weight, gradient, mean, square, rate, c in zip(
            self.weights, *self.states, self.rates, self.decays, strict=True
        ):
            if self.recipe.optimizer == "adam":
                gradient.addcmul_(weight, c)
            else:
                weight.mul_(1 - rate * c)
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            torch.sqrt(square, out=gradient).div_(math.sqrt(scales[1])).add_(_ADAM_EPSILON)
            torch.div(mean, gradient, out=gradient)
            weight.addcmul_(gradient, -rate / scales[0])

    def step(self, number: int) -> None:
        self.next_batch(number)
        self.forward()
        self.backward(self.recipe.momentum)
        self.update(number)


def column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(values).to(like)[:, None, None]
