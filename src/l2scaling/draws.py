"""Networks drawn for real by torch's and Keras's own initialisers, and the sums over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from l2scaling.frameworks import keras
from l2scaling.networks import Initializer, Layer, expected_sums, grown_network
from l2scaling.streaming import WeightSums, generator


def draw_sums(layers: Sequence[Layer], initializer: Initializer, random: torch.Generator) -> WeightSums:
    """Draw every layer with torch's own initialiser, one at a time, and sum over the weights.

    >>> from l2scaling.networks import find_initializer
    >>> sums = draw_sums([Layer(64, 32)], find_initializer("orthogonal"), torch.Generator())
    >>> round(sums.sum_squares, 3)
    32.0

    Used in: initialization.
    """
    drawn = []
    for layer in layers:
        weight = torch.empty(layer.outputs, layer.fan_in)
        initializer.draw(weight, layer, random)
        drawn.append(_sums(weight))
    return _add(drawn)


def draw_keras_sums(layers: Sequence[Layer], initializer: Initializer, seed: int) -> WeightSums:
    """Do as ``draw_sums`` with the initialiser that Keras has for it.

    Used in: initialization.
    """
    framework = keras()
    make = getattr(framework.initializers, initializer.keras_name)
    drawn = []
    for place, layer in enumerate(layers):
        shape = (
            (layer.kernel, 1, layer.inputs, layer.outputs)
            if layer.kernel > 1
            else (layer.inputs, layer.outputs)
        )
        draw = make(**initializer.keras_options, seed=seed + place)
        drawn.append(_sums(framework.ops.convert_to_tensor(draw(shape))))
    return _add(drawn)


@dataclass(frozen=True)
class Growth:
    """Sums over the weights of one kind of network at several sizes, expected and drawn.

    ``counts`` has shape ``(sizes,)``, ``expected`` ``(sizes, 2)`` and ``drawn``
    ``(sizes, seeds, 2)``; the last axis holds the sum of squares and of absolute values.
    ``layers`` are those of the largest network.

    Used in: initialization.
    """

    initializer: Initializer
    growth: str
    counts: np.ndarray
    expected: np.ndarray
    drawn: np.ndarray
    layers: list[Layer]


def measure_growth(
    initializer: Initializer, growth: str, sizes: Sequence[int], ends: tuple[int, int], seeds: int, seed: int
) -> Growth:
    """Draw a network of every size ``seeds`` times by torch's initialiser.

    ``ends`` holds the numbers of inputs and outputs; for the rest see ``grown_network``.

    >>> from l2scaling.networks import find_initializer
    >>> study = measure_growth(find_initializer("he"), "deeper", [1, 2], (32, 10), seeds=3, seed=0)
    >>> study.counts.tolist(), study.drawn.shape
    ([2688, 6784], (2, 3, 2))

    Used in: initialization.
    """
    networks = [grown_network(growth, size, *ends) for size in sizes]
    exact = [expected_sums(layers, initializer) for layers in networks]
    drawn = [
        [draw_sums(layers, initializer, generator(seed, place, k, size)) for k in range(seeds)]
        for place, (layers, size) in enumerate(zip(networks, sizes, strict=True))
    ]
    return Growth(
        initializer,
        growth,
        np.array([sums.count for sums in exact]),
        np.array([_pair(sums) for sums in exact]),
        np.array([[_pair(sums) for sums in row] for row in drawn]),
        networks[-1],
    )


def keras_error(study: Growth, seeds: int, seed: int) -> float:
    """Return how far Keras's draws of the largest network lie from expectation, on average over seeds.

    It is the larger relative error of the two sums. ``seed`` is at most 2**31.

    Used in: initialization.
    """
    exact = _pair(expected_sums(study.layers, study.initializer, study.initializer.keras_distribution))
    drawn = [_pair(draw_keras_sums(study.layers, study.initializer, seed + 1000 * k)) for k in range(seeds)]
    return float(np.abs(np.mean(drawn, axis=0) / exact - 1).max())


def torch_network(
    layers: Sequence[Layer], initializer: Initializer, random: torch.Generator
) -> torch.nn.Sequential:
    """Build the ReLU network of dense ``layers``, without biases, drawn by the initialiser.

    >>> from l2scaling.networks import dense_layers, find_initializer
    >>> network = torch_network(dense_layers([3, 5, 1]), find_initializer("he"), torch.Generator())
    >>> network(torch.ones(2, 3)).shape
    torch.Size([2, 1])

    Used in: initialization, backprop.
    """
    parts: list[torch.nn.Module] = []
    for layer in layers:
        linear = torch.nn.utils.skip_init(torch.nn.Linear, layer.inputs, layer.outputs, bias=False)
        with torch.no_grad():
            initializer.draw(linear.weight, layer, random)
        parts += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*parts[:-1])


def _sums(weight: torch.Tensor) -> WeightSums:
    flat = weight.detach().flatten()
    return WeightSums(
        flat.numel(),
        flat.square().sum(dtype=torch.float64).item(),
        flat.abs().sum(dtype=torch.float64).item(),
    )


def _add(parts: Sequence[WeightSums]) -> WeightSums:
    return WeightSums(
        sum(part.count for part in parts),
        sum(part.sum_squares for part in parts),
        sum(part.sum_absolute for part in parts),
    )


def _pair(sums: WeightSums) -> tuple[float, float]:
    return sums.sum_squares, sums.sum_absolute
