"""Shapes of networks, their initialisers, and what the sums over their weights must be.

Only weights are counted, as only weights are penalised here; biases start at zero or small.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class WeightSums:
    """What the squared-L2 penalty needs to know of ``count`` weights."""

    count: int
    sum_squares: float
    sum_absolute: float


FIXED_SCALE = 0.05
"""Standard deviation of the initialiser called ``fixed``."""

_MEAN_ABSOLUTE = {
    "normal": math.sqrt(2 / math.pi),
    "uniform": math.sqrt(3) / 2,
    # a normal cut at two standard deviations, as Keras draws it
    "truncated": 2 * (1 - math.exp(-2)) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)),
}
_TRUNCATED_DEVIATION = math.sqrt(1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


_MEAN_ABSOLUTE["truncated"] /= _TRUNCATED_DEVIATION


@dataclass(frozen=True)
class Layer:
    """A dense layer, or a convolution with ``kernel`` positions, from ``inputs`` to ``outputs`` units.

    >>> Layer(10, 20, kernel=6).count
    1200
    """

    inputs: int
    outputs: int
    kernel: int = 1

    @property
    def count(self) -> int:
        """Number of weights."""
        return self.inputs * self.outputs * self.kernel

    @property
    def fan_in(self) -> int:
        """Number of weights that meet in one output."""
        return self.inputs * self.kernel

    @property
    def fan_out(self) -> int:
        """Number of weights that leave one input."""
        return self.outputs * self.kernel


@dataclass(frozen=True)
class Initializer:
    """A way to draw the weights of a layer.

    ``variance(layer)`` is that of one weight. ``distribution`` names its law where torch draws
    it, ``keras_distribution`` where Keras does. ``draw(weight, generator)`` fills a tensor of
    shape ``(outputs, fan_in)`` by a function of ``torch.nn.init``; ``keras_name`` and
    ``keras_options`` make the corresponding Keras initialiser.
    """

    name: str
    variance: Callable[[Layer], float]
    distribution: str
    draw: Callable[[torch.Tensor, Layer, torch.Generator], object]
    keras_name: str
    keras_options: dict[str, Any]
    keras_distribution: str


def _xavier(weight: torch.Tensor, layer: Layer, random: torch.Generator) -> None:
    # shaped as a convolution, because torch counts the kernel in fan_out too
    shaped = weight.view(layer.outputs, layer.inputs, layer.kernel)
    torch.nn.init.xavier_uniform_(shaped, generator=random)


def normal_initializer(standard_deviation: float) -> Initializer:
    """Return the initialiser that gives every weight one scale, whatever its layer.

    Raises ``ValueError`` unless ``standard_deviation`` is positive.

    >>> normal_initializer(0.1).variance(Layer(50, 10)) == 0.1**2
    True
    """
    if not standard_deviation > 0:
        raise ValueError(f"standard_deviation {standard_deviation}: allowed above 0")
    return Initializer(
        "fixed",
        lambda layer: standard_deviation**2,
        "normal",
        lambda weight, layer, random: torch.nn.init.normal_(
            weight, 0.0, standard_deviation, generator=random
        ),
        "RandomNormal",
        {"stddev": standard_deviation},
        "normal",
    )


INITIALIZERS: tuple[Initializer, ...] = (
    normal_initializer(FIXED_SCALE),
    Initializer(
        "lecun",
        lambda layer: 1 / layer.fan_in,
        "normal",
        lambda weight, layer, random: torch.nn.init.kaiming_normal_(
            weight, nonlinearity="linear", generator=random
        ),
        "LecunNormal",
        {},
        "truncated",
    ),
    Initializer(
        "he",
        lambda layer: 2 / layer.fan_in,
        "normal",
        lambda weight, layer, random: torch.nn.init.kaiming_normal_(
            weight, nonlinearity="relu", generator=random
        ),
        "HeNormal",
        {},
        "truncated",
    ),
    Initializer(
        "glorot",
        lambda layer: 2 / (layer.fan_in + layer.fan_out),
        "uniform",
        _xavier,
        "GlorotUniform",
        {},
        "uniform",
    ),
    Initializer(
        "torch-default",
        lambda layer: 1 / (3 * layer.fan_in),
        "uniform",
        lambda weight, layer, random: torch.nn.init.kaiming_uniform_(
            weight, a=math.sqrt(5), generator=random
        ),
        "VarianceScaling",
        {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
        "uniform",
    ),
    Initializer(
        "orthogonal",
        lambda layer: 1 / max(layer.outputs, layer.fan_in),
        "orthogonal",
        lambda weight, layer, random: torch.nn.init.orthogonal_(weight, generator=random),
        "Orthogonal",
        {},
        "orthogonal",
    ),
)
"""The six initialisers of chapter initialization; ``torch-default`` is that of ``torch.nn.Linear``."""

GROWTHS = ("one hidden layer wider", "hidden layers wider", "deeper", "more channels", "larger kernels")
"""Ways in which a network can get more weights."""


def find_initializer(name: str) -> Initializer:
    """Return the initialiser called ``name``, or raise ``ValueError`` naming the allowed values.

    >>> find_initializer("he").variance(Layer(50, 10))
    0.04
    """
    for one in INITIALIZERS:
        if one.name == name:
            return one
    allowed = ", ".join(one.name for one in INITIALIZERS)
    raise ValueError(f"initializer {name!r} is unknown; allowed: {allowed}")


def dense_layers(widths: Sequence[int]) -> list[Layer]:
    """Return the dense layers between consecutive ``widths``.

    >>> dense_layers([3, 5, 1])
    [Layer(inputs=3, outputs=5, kernel=1), Layer(inputs=5, outputs=1, kernel=1)]
    """
    return [Layer(a, b) for a, b in itertools.pairwise(widths)]


def multilayer(inputs: int, width: int, outputs: int, depth: int) -> list[Layer]:
    """Return ``depth`` dense layers, all hidden ones of one ``width``.

    Raises ``ValueError`` if ``depth`` is below 2 or a size below 1.

    >>> sum(layer.count for layer in multilayer(64, 32, 10, depth=3))
    3392
    """
    if depth < 2:
        raise ValueError(f"depth {depth}: allowed 2 weight layers or more")
    if min(inputs, width, outputs) < 1:
        raise ValueError(f"inputs {inputs}, width {width}, outputs {outputs}: allowed 1 or more")
    return dense_layers([inputs, *[width] * (depth - 1), outputs])


def width_for(count: int, inputs: int, outputs: int, depth: int) -> int:
    """Return the width whose ``multilayer`` network comes closest to ``count`` weights, at least 1.

    Solves ``(inputs + outputs) * width + (depth - 2) * width**2 = count`` and rounds. Raises
    ``ValueError`` as ``multilayer`` does, or if ``count`` is below 1.

    >>> width_for(3392, 64, 10, depth=3)
    32
    """
    if count < 1:
        raise ValueError(f"count {count}: allowed 1 weight or more")
    multilayer(inputs, 1, outputs, depth)
    ends, squares = inputs + outputs, depth - 2
    # the root in the form that also serves squares = 0
    root = 2 * count / (ends + (ends**2 + 4 * squares * count) ** 0.5)
    return max(1, round(root))


def grown_network(growth: str, size: int, inputs: int, outputs: int) -> list[Layer]:
    """Return the weight layers of a network grown to ``size`` in one of ``GROWTHS``.

    ``size`` is the width, the number of hidden layers (of 64 units), the number of channels
    (three convolutions of 3 by 3) or the side of the kernels (64 channels). Dense networks have
    three hidden layers where several grow.
    Raises ``ValueError`` for another growth or a size below 1.

    >>> sum(layer.count for layer in grown_network("one hidden layer wider", 100, 32, 10))
    4200
    """
    if size < 1:
        raise ValueError(f"size {size}: allowed 1 or more")
    if growth == "one hidden layer wider":
        return dense_layers([inputs, size, outputs])
    if growth == "hidden layers wider":
        return dense_layers([inputs, size, size, size, outputs])
    if growth == "deeper":
        return dense_layers([inputs, *[64] * size, outputs])
    if growth in ("more channels", "larger kernels"):
        channels, kernel = (size, 9) if growth == "more channels" else (64, size**2)
        shape = [(3, channels), (channels, channels), (channels, channels)]
        return [Layer(a, b, kernel) for a, b in shape] + [Layer(channels, outputs)]
    raise ValueError(f"growth {growth!r} is unknown; allowed: {', '.join(GROWTHS)}")


def expected_sums(
    layers: Sequence[Layer], initializer: Initializer, distribution: str | None = None
) -> WeightSums:
    """Return the exact expectation of the sums over freshly drawn weights.

    The sum of squares is count times variance, layer by layer: ``g * outputs`` for variance
    ``g / fan_in``; ``2 * inputs * outputs / (inputs + outputs)`` for Glorot; the smaller side for
    orthogonal. The sum of absolute values is count times ``E|w|``, a multiple of the standard
    deviation that depends on the distribution (torch's, unless another is named).

    >>> expected_sums([Layer(300, 70, kernel=9)], find_initializer("he")).sum_squares
    140.0
    """
    law = distribution or initializer.distribution
    squares = absolute = 0.0
    for layer in layers:
        variance = initializer.variance(layer)
        squares += layer.count * variance
        if law == "orthogonal":
            absolute += layer.count * _orthogonal_mean_absolute(max(layer.outputs, layer.fan_in))
        else:
            absolute += layer.count * math.sqrt(variance) * _MEAN_ABSOLUTE[law]
    return WeightSums(sum(layer.count for layer in layers), squares, absolute)


def _orthogonal_mean_absolute(dimension: int) -> float:
    """E|u| for one coordinate of a uniform unit vector."""
    if dimension > 10**6:  # where the difference below loses digits, the first term is exact enough
        return math.sqrt(2 / (math.pi * dimension))
    return math.exp(math.lgamma(dimension / 2) - math.lgamma((dimension + 1) / 2)) / math.sqrt(math.pi)


def limit_exponents(initializer: str, growth: str) -> tuple[Fraction, Fraction]:
    """Return the exponents in P of the sums of squares and of absolute values, for large networks.

    >>> limit_exponents("he", "hidden layers wider")
    (Fraction(1, 2), Fraction(3, 4))
    """
    half, three_quarters, one = Fraction(1, 2), Fraction(3, 4), Fraction(1)
    if find_initializer(initializer).name == "fixed" or growth == "deeper":
        return one, one
    if growth in ("hidden layers wider", "more channels"):
        return half, three_quarters
    if growth == "larger kernels":
        return Fraction(0), half
    saturates = initializer in ("glorot", "orthogonal")
    return (Fraction(0), half) if saturates else (one, one)


def output_variance(layers: Sequence[Layer], initializer: Initializer) -> float:
    """Return the variance of an output of a fresh ReLU network, for an input of mean square one.

    A layer multiplies the mean square of its inputs by ``fan_in * variance``; a ReLU halves it.
    For another input multiply by its mean square.

    >>> output_variance(dense_layers([30, 500, 500, 1]), find_initializer("he"))
    2.0
    """
    gains = [layer.fan_in * initializer.variance(layer) for layer in layers]
    return math.prod(gains) / 2.0 ** (len(gains) - 1)


def entropy_at_start(variances: np.ndarray) -> float:
    """Return the expected binary cross-entropy of logits N(0, variance), averaged over samples.

    It is the mean of ``E log(1 + exp(z))``, by Gauss-Hermite quadrature; ``ln 2`` at variance
    zero. ``variances`` has shape ``(N,)``. By symmetry the labels do not matter.

    >>> round(entropy_at_start(np.zeros(3)), 6), round(entropy_at_start(np.full(3, 2.0)), 3)
    (0.693147, 0.903)
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    logits = np.sqrt(np.asarray(variances, float))[:, None] * nodes
    return float((np.logaddexp(0.0, logits) @ weights / weights.sum()).mean())
