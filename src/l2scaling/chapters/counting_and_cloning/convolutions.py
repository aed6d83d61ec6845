"""Kernels of convolutions as Keras and torch draw them, and the weights an optimiser moves."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from l2scaling.frameworks import keras


def kernel_sums(
    initializer: str, kernel: tuple[int, int], inputs: int, outputs: int, stream: Sequence[int]
) -> tuple[float, float]:
    """Draw the kernel of a convolution and return ``(sum w^2, sum |w|)`` over its weights.

    ``initializer`` is the name of one of Keras', for a ``keras.layers.Conv2D``, or ``torch`` for a
    ``torch.nn.Conv2d`` as torch draws it; ``kernel`` is in pixels, ``inputs`` and ``outputs`` are
    channels. ``stream`` (non-negative integers) seeds the global generators of both libraries,
    from which their layers draw. Raises ``ValueError`` for an initializer that Keras does not know.

    >>> squares, absolute = kernel_sums("ones", (2, 3), 10, 20, [0])
    >>> squares, absolute
    (1200.0, 1200.0)
    """
    keras().utils.set_random_seed(int(np.random.SeedSequence(list(stream)).generate_state(1)[0]))
    if initializer == "torch":
        weights = torch.nn.Conv2d(inputs, outputs, kernel).weight.detach().double().numpy()
    else:
        layer = keras().layers.Conv2D(outputs, kernel, kernel_initializer=initializer)
        layer.build((None, *kernel, inputs))
        weights = layer.kernel.value.detach().cpu().double().numpy()
    return float((weights**2).sum()), float(np.abs(weights).sum())


def count_moved(parts: Sequence[torch.Tensor], step: Callable[[list[torch.Tensor]], object]) -> int:
    """Return how many entries of ``parts`` change when ``step`` is called with gradients of zero.

    What an optimiser moves without any gradient from the data, its weight decay moves.

    >>> part = torch.tensor([1.0, 0.0])
    >>> count_moved([part], lambda zeros: part.mul_(0.9).sub_(zeros[0]))
    1
    """
    before = [part.detach().clone() for part in parts]
    step([torch.zeros_like(part) for part in parts])
    return sum(int((a != b).sum()) for a, b in zip(before, parts, strict=True))
