"""Sums over up to a billion random weights, drawn and forgotten chunk by chunk."""

from collections.abc import Callable, Sequence

import torch

from l2scaling.laws.shapes import Initializer, Layer, WeightSums


def draw_sums(layers: Sequence[Layer], initializer: Initializer, random: torch.Generator) -> WeightSums:
    """Draw every layer with torch's own initialiser, one at a time, and sum over the weights.

    >>> from l2scaling.laws.shapes import find_initializer
    >>> sums = draw_sums([Layer(64, 32)], find_initializer("orthogonal"), torch.Generator())
    >>> round(sums.sum_squares, 3)
    32.0
    """
    drawn = []
    for layer in layers:
        weight = torch.empty(layer.outputs, layer.fan_in)
        initializer.draw(weight, layer, random)
        drawn.append(sums_of(weight))
    return add_sums(drawn)


def sums_of(weight: torch.Tensor) -> WeightSums:
    flat = weight.detach().flatten()
    return WeightSums(
        flat.numel(),
        flat.square().sum(dtype=torch.float64).item(),
        flat.abs().sum(dtype=torch.float64).item(),
    )


def add_sums(parts: Sequence[WeightSums]) -> WeightSums:
    return WeightSums(
        sum(part.count for part in parts),
        sum(part.sum_squares for part in parts),
        sum(part.sum_absolute for part in parts),
    )


CHUNK = 2**15
"""Number of weights held at once, 128 kB in float32, which stays in a core's cache.

It is also the largest size at which torch reduces a tensor in one thread, so that
results do not depend on the number of threads.
"""


def sum_weights(draw: Callable[[torch.Tensor], object], count: int) -> WeightSums:
    """Draw ``count`` weights in chunks and return their sums.

    ``draw(chunk)`` fills a float32 tensor of shape ``(n,)``, n at most ``CHUNK``, in place,
    as the functions of ``torch.nn.init`` do. Squares and absolute values are summed in
    float32 within a chunk (a tree, relative error below 1e-6) and in float64 across
    chunks. Time is linear in ``count``; memory is two chunks.

    Raises ``ValueError`` unless ``count`` is at least 1.

    >>> sums = sum_weights(lambda chunk: chunk.fill_(0.5), 100_000)
    >>> sums.sum_squares, sums.sum_absolute
    (25000.0, 50000.0)
    """
    if count < 1:
        raise ValueError(f"count {count}: at least 1 weight is needed")
    chunk, scratch = torch.empty(CHUNK), torch.empty(CHUNK)
    sum_squares = sum_absolute = 0.0
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        weights, work = chunk[:size], scratch[:size]
        draw(weights)
        sum_squares += torch.mul(weights, weights, out=work).sum().item()
        sum_absolute += torch.abs(weights, out=work).sum().item()
    return WeightSums(count, sum_squares, sum_absolute)


def sum_normal_weights(count: int, standard_deviation: float, random: torch.Generator) -> WeightSums:
    """Return the sums of ``count`` weights drawn from N(0, standard_deviation**2).

    Raises ``ValueError`` unless ``standard_deviation`` is positive and ``count`` at least 1.

    >>> from l2scaling.seeds import generator
    >>> sums = sum_normal_weights(100_000, 2.0, generator(7))
    >>> round(sums.sum_squares / sums.count)
    4
    """
    if not standard_deviation > 0:
        raise ValueError(f"standard_deviation {standard_deviation}: must be positive")
    return sum_weights(
        lambda chunk: torch.nn.init.normal_(chunk, 0.0, standard_deviation, generator=random), count
    )
