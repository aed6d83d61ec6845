"""Balanced copies: a wider network of the same function, the same sums of squares and the same path."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from l2scaling.laws.shapes import Layer, find_initializer
from l2scaling.training.steps import start_weights


def widen(weight: Tensor, outputs: int, inputs: int) -> Tensor:
    r"""Return ``weight`` with every output copied ``outputs`` times and every input ``inputs`` times.

    ``weight`` has shape ``(outputs, inputs, ...)``, or ``(outputs,)`` for biases. All copies are divided
    by the square root of their number, so that the sum of squares stays.

    >>> widen(torch.tensor([[3.0], [4.0]]), 4, 1).flatten().tolist()
    [1.5, 2.0, 1.5, 2.0, 1.5, 2.0, 1.5, 2.0]
    """
    times = (outputs, inputs, *[1] * (weight.ndim - 2))[: weight.ndim]
    return weight.repeat(times) / math.sqrt(math.prod(times))


@dataclass(frozen=True)
class Network:
    """Tensors, a function of them and of inputs, and which of their two sides a wider network copies.

    ``grows`` has for each tensor whether its outputs and its inputs are copied.
    """

    tensors: tuple[Tensor, ...]
    grows: tuple[tuple[bool, bool], ...]
    forward: Callable[[Sequence[Tensor], Tensor], Tensor]

    def gains(self, k: int) -> list[float]:
        """Return for each tensor by how much its entries shrink when every hidden unit has k copies."""
        return [
            math.sqrt(k ** sum(sides[: one.ndim]))
            for one, sides in zip(self.tensors, self.grows, strict=True)
        ]

    def widened(self, k: int, lopsided: float = 1.0) -> list[Tensor]:
        """Return the tensors of the network in which every hidden unit has k copies.

        The first weight matrix is multiplied by ``lopsided`` and the last divided by it, which leaves the
        function of a network without biases as it is, and breaks the balance.
        """
        grown = [
            widen(one, *(k if side else 1 for side in sides))
            for one, sides in zip(self.tensors, self.grows, strict=True)
        ]
        last = sum(one.ndim > 1 for one in self.tensors) - 1
        grown[0], grown[last] = grown[0] * lopsided, grown[last] / lopsided
        return grown


def dense(layers: Sequence[Layer], random: torch.Generator, biases: bool = False) -> Network:
    """Return a float64 ReLU network of dense layers, He's start, with small biases of hidden units or none.

    >>> from l2scaling.laws.shapes import multilayer
    >>> net = dense(multilayer(4, 3, 2, depth=3), torch.Generator())
    >>> [tuple(one.shape) for one in net.widened(2)]
    [(6, 4), (6, 6), (2, 6)]
    >>> net.gains(4)
    [2.0, 4.0, 2.0]
    """
    weights = start_weights(layers, find_initializer("he"), random)
    depth = len(weights)
    shifts = [
        torch.randn(one.outputs, dtype=torch.float64, generator=random) / 10 for one in layers[:-1] if biases
    ]

    def forward(tensors: Sequence[Tensor], X: Tensor) -> Tensor:
        for number, weight in enumerate(tensors[: depth - 1]):
            X = torch.relu(X @ weight.T + (tensors[depth + number] if biases else 0))
        return X @ tensors[depth - 1].T

    grows = [(number < depth - 1, number > 0) for number in range(depth)]
    return Network((*weights, *shifts), (*grows, *[(True, False)] * len(shifts)), forward)


def convolutional(
    channels: int, classes: int, random: torch.Generator, kernel: int = 3, images: int = 1
) -> Network:
    """Return two convolutions of ``channels`` with ReLU, the mean over pixels, and a dense layer.

    Inputs have shape ``(N, images, side, side)``; the hidden units that are copied are channels.
    """
    shapes = [(channels, images, kernel, kernel), (channels, channels, kernel, kernel), (classes, channels)]
    tensors = [
        torch.randn(shape, dtype=torch.float64, generator=random) * math.sqrt(2 / math.prod(shape[1:]))
        for shape in shapes
    ]

    def forward(tensors: Sequence[Tensor], X: Tensor) -> Tensor:
        for kernels in tensors[:-1]:
            X = torch.relu(conv2d(X, kernels, padding=kernel // 2))
        return X.mean((2, 3)) @ tensors[-1].T

    return Network(tuple(tensors), ((True, False), (True, True), (False, True)), forward)
