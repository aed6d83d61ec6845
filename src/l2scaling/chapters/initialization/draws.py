"""Networks drawn for real by torch's and Keras's own initialisers, and the sums over them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l2scaling.frameworks import keras
from l2scaling.laws.shapes import Initializer, Layer, WeightSums, expected_sums, grown_network
from l2scaling.measuring.intervals import mean_interval
from l2scaling.measuring.sums import add_sums, draw_sums, sums_of
from l2scaling.seeds import generator


def draw_keras_sums(layers: Sequence[Layer], initializer: Initializer, seed: int) -> WeightSums:
    """Do as ``draw_sums`` with the initialiser that Keras has for it."""
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
        drawn.append(sums_of(framework.ops.convert_to_tensor(draw(shape))))
    return add_sums(drawn)


@dataclass(frozen=True)
class Growth:
    """Sums over the weights of one kind of network at several sizes, expected and drawn.

    ``counts`` has shape ``(sizes,)``, ``expected`` ``(sizes, 2)`` and ``drawn``
    ``(sizes, seeds, 2)``; the last axis holds the sum of squares and of absolute values.
    ``layers`` are those of the largest network.
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

    >>> from l2scaling.laws.shapes import find_initializer
    >>> study = measure_growth(find_initializer("he"), "deeper", [1, 2], (32, 10), seeds=3, seed=0)
    >>> study.counts.tolist(), study.drawn.shape
    ([2688, 6784], (2, 3, 2))
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


def exact_slopes(
    initializer: Initializer, growth: str, sizes: tuple[int, int], ends: tuple[int, int]
) -> tuple[float, float]:
    """Return the exponents in P of both expected sums, squares first, between two ``sizes``.

    At finite size they differ from ``limit_exponents``, as the first and the last layer still count.

    >>> from l2scaling.laws.shapes import find_initializer
    >>> exact_slopes(find_initializer("fixed"), "deeper", (1, 2), (32, 10))
    (1.0, 1.0)
    """
    small, large = (expected_sums(grown_network(growth, size, *ends), initializer) for size in sizes)
    steps = np.log(np.divide(_pair(large), _pair(small))) / np.log(large.count / small.count)
    squares, absolute = steps.round(12).tolist()
    return squares, absolute


def keras_error(study: Growth, seeds: int, seed: int) -> float:
    """Return how far Keras's draws of the largest network may lie from expectation, on average over seeds.

    It is the largest relative error at the ends of the 95% intervals of the mean of the two sums.
    ``seed`` is at most 2**31.
    """
    exact = _pair(expected_sums(study.layers, study.initializer, study.initializer.keras_distribution))
    drawn = [_pair(draw_keras_sums(study.layers, study.initializer, seed + 1000 * k)) for k in range(seeds)]
    return float(np.abs(mean_interval((np.array(drawn) / exact).T).band - 1).max())


def _pair(sums: WeightSums) -> tuple[float, float]:
    return sums.sum_squares, sums.sum_absolute
