"""Real optimisers on small networks, several starts side by side, and the sizes of their weights."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from l2scaling import frameworks
from l2scaling.datasets import Dataset
from l2scaling.laws.shapes import find_initializer, multilayer
from l2scaling.seeds import generator
from l2scaling.training.modules import descend
from l2scaling.training.recipe import denormals_as_zeros
from l2scaling.training.steps import stacked_starts


@dataclass(frozen=True)
class Setting:
    """Data, hidden units of each of ``depth - 1`` layers, and how the networks are trained."""

    data: Dataset
    width: int
    steps: int
    starts: int
    depth: int = 2
    batch_size: int = 64

    @property
    def count(self) -> int:
        """Number of weights of one network."""
        assert self.data.classes is not None
        return sum(
            one.inputs * one.outputs
            for one in multilayer(self.data.X.shape[1], self.width, self.data.classes, self.depth)
        )

    def batches(self, seed: int) -> Callable[[], tuple[Tensor, Tensor]]:
        """Return what draws a batch for every start: ``(starts, B, d)`` and ``(starts, B)``."""
        X, y = torch.tensor(self.data.X, dtype=torch.float32), torch.tensor(self.data.y)
        random = generator(seed, 1)

        def draw() -> tuple[Tensor, Tensor]:
            chosen = torch.randint(len(y), (self.starts, self.batch_size), generator=random)
            return X[chosen], y[chosen]

        return draw


def relu_stack(setting: Setting, seed: int) -> list[Tensor]:
    """Return He's start of all networks: for each layer a tensor ``(starts, outputs, inputs)``, float32."""
    assert setting.data.classes is not None
    layers = multilayer(setting.data.X.shape[1], setting.width, setting.data.classes, setting.depth)
    streams = (generator(seed, 0, k) for k in range(setting.starts))
    drawn = stacked_starts(layers, find_initializer("he"), streams)
    return [one.float().requires_grad_() for one in drawn]


Begin = Callable[[Sequence[Tensor]], Any]
"""Takes tensors and returns an optimiser of theirs."""


class KerasLion:
    """Keras' Lion on torch tensors: its own variables take the steps, and are copied back.

    >>> w = torch.tensor([1.0, -1.0])
    >>> w.grad = torch.tensor([3.0, 0.1])
    >>> KerasLion([w], lr=0.5, weight_decay=0.0).step()
    >>> w.tolist()
    [0.5, -1.5]
    """

    def __init__(self, tensors: Sequence[Tensor], lr: float, weight_decay: float) -> None:
        keras = frameworks.keras()
        self.tensors, self.param_groups = list(tensors), [{"lr": lr}]
        self.lion = keras.optimizers.Lion(lr, weight_decay=weight_decay)
        self.variables = [keras.Variable(one.detach().numpy(), dtype=str(one.dtype)[6:]) for one in tensors]

    def zero_grad(self) -> None:
        for one in self.tensors:
            one.grad = None

    def step(self) -> None:
        self.lion.learning_rate.assign(self.param_groups[0]["lr"])
        self.lion.apply([one.grad for one in self.tensors], self.variables)
        for one, variable in zip(self.tensors, self.variables, strict=True):
            one.data.copy_(variable.value)


@denormals_as_zeros()
def trained(setting: Setting, begin: Begin, seed: int) -> list[Tensor]:
    """Return the weights after training, by layer, shape ``(starts, outputs, inputs)``.

    Mini-batches are drawn afresh for every start. The learning rate is constant.
    """
    weights = relu_stack(setting, seed)
    draw = setting.batches(seed)

    def loss() -> Tensor:
        Z, y = draw()
        for number, weight in enumerate(weights):
            Z = torch.bmm(torch.relu(Z) if number else Z, weight.transpose(1, 2))
        return cross_entropy(Z.flatten(0, 1), y.flatten(), reduction="sum") / setting.batch_size

    descend(begin(weights), loss, setting.steps)
    return [one.detach() for one in weights]


def largest(weights: Sequence[Tensor]) -> Tensor:
    """Return the largest absolute weight of each start, in float64, shape ``(starts,)``."""
    return torch.stack([one.abs().amax((1, 2)) for one in weights]).amax(0).double()


def typical(weights: Sequence[Tensor]) -> Tensor:
    """Return the root mean square of all weights of each start, in float64, shape ``(starts,)``."""
    flat = torch.cat([one.flatten(1) for one in weights], 1).double()
    return flat.square().mean(1).sqrt()


@dataclass(frozen=True)
class Fading:
    """Root mean squares along a training: of all weights, and of those that no sample uses.

    ``clock`` counts decay times, shape ``(times,)``; ``used`` and ``idle`` have shape ``(times, starts)``.
    """

    clock: Tensor
    used: Tensor
    idle: Tensor


def fading(setting: Setting, coefficient: float, learning_rate: float, seed: int, seen: int = 60) -> Fading:
    """Train sigmoid networks that start with standard normal weights and biases, by SGD with L2.

    The cost is Nielsen's: cross-entropy of every output for itself, and ``coefficient / 2`` times the sum of
    squares, biases not counted. torch's SGD takes the coefficient as its ``weight_decay``.
    """
    assert setting.data.classes is not None
    sizes = [setting.data.X.shape[1], setting.width, setting.data.classes]
    random = generator(seed, 0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(setting.starts, *shape, generator=random).requires_grad_()

    weights = [normal(outputs, inputs) for inputs, outputs in pairwise(sizes)]
    biases = [normal(1, outputs) for outputs in sizes[1:]]
    draw, classes = setting.batches(seed), setting.data.classes
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": coefficient}, {"params": biases}]
    optimizer = torch.optim.SGD(groups, lr=learning_rate)
    every = max(1, setting.steps // seen)
    unused = torch.tensor(setting.data.X.std(0) == 0)
    step = 0
    kept = []

    def loss() -> Tensor:
        Z, y = draw()
        Z = torch.sigmoid(torch.baddbmm(biases[0], Z, weights[0].transpose(1, 2)))
        Z = torch.baddbmm(biases[1], Z, weights[1].transpose(1, 2))
        wanted = one_hot(y, classes).float()
        each = torch.nn.functional.binary_cross_entropy_with_logits(Z, wanted, reduction="sum")
        return each / setting.batch_size

    def see() -> None:
        nonlocal step
        if step % every == 0:
            first = weights[0].detach()
            used = [first[:, :, ~unused], weights[1].detach()]
            kept.append((step * learning_rate * coefficient, typical(used), typical([first[:, :, unused]])))
        step += 1

    descend(optimizer, loss, setting.steps, see)
    clock, used, idle = zip(*kept, strict=True)
    return Fading(torch.tensor(clock), torch.stack(used), torch.stack(idle))
