"""What torch.optim's SGD, Adam and AdamW do with a penalty, on gradients that are made to order."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling.seeds import generator
from l2scaling.training.modules import MOMENTUM, Make, descend, optimizer
from l2scaling.training.recipe import find_device


def drive(make: Make, start: Tensor, draw: Callable[[Tensor], object], steps: int) -> Tensor:
    """Move weights by an optimiser whose gradients come from outside; return where they end.

    ``draw(gradient)`` fills a tensor of the shape of ``start`` in place before every step.
    Raises ``ValueError`` if ``steps`` is negative.

    >>> drive(optimizer("SGD", 0.5, 0.0), torch.ones(1), lambda gradient: gradient.fill_(1), 3).item()
    -0.5
    """
    weights = start.clone()
    gradient = weights.grad = torch.empty_like(weights)

    def fill() -> None:
        draw(gradient)

    descend(make([weights]), fill, steps)
    return weights


def shift_by_penalty(
    make: Callable[[float], Make], coefficient: float, start: Tensor,
    draw: Callable[[], Callable[[Tensor], object]], steps: int,
) -> Tensor:  # fmt: skip
    """Return the mean shift per step that the penalty causes: with ``coefficient`` against without.

    ``make(c)`` returns the maker of the optimiser; ``draw()`` starts the same stream of
    gradients anew, so that both runs see the same. Shape of ``start``, in weight units.

    >>> still = lambda: lambda gradient: gradient.zero_()
    >>> shift_by_penalty(lambda c: optimizer("SGD", 0.5, c), 0.25, torch.ones(1), still, 1).item()
    0.125
    """
    without, penalised = (drive(make(c), start, draw(), steps) for c in (0.0, coefficient))
    return (without - penalised) / steps


def first_step_length(make: Make, weights: Tensor) -> float:
    """Return the length of a first step without data gradient, over the length of ``weights``.

    >>> first_step_length(optimizer("SGD", 0.5, 0.25), torch.ones(8))
    0.125
    """
    moved = drive(make, weights, lambda gradient: gradient.zero_(), 1)
    return ((weights - moved).norm() / weights.norm()).item()


def tracked_bits(make: Make, sizes: Sequence[int], seed: int, steps: int = 20) -> int:
    """Count the bits that differ between the same hundred weights among P others, after some steps.

    The hundred have the same start and the same gradients at every P in ``sizes``, all of at
    least 100; the gradients of the others are drawn afresh.

    >>> tracked_bits(optimizer("Adam", 0.01, 0.1), [100, 1000], seed=0)
    0
    """

    def end(P: int) -> np.ndarray:
        own, others = generator(seed, 0), generator(seed, 1, P)

        def draw(gradient: Tensor) -> None:
            gradient.normal_(generator=others)
            gradient[:100].normal_(generator=own)

        return drive(make, torch.full((P,), 0.1), draw, steps)[:100].numpy().view(np.uint32)

    first, *more = (end(P) for P in sizes)
    return sum(int(np.bitwise_count(one ^ first).sum()) for one in more)


def adam_shift(pull: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return the mean step of Adam, over the learning rate, that a pull causes: ``p / sqrt(s**2 + p**2)``.

    ``pull`` is c * w, ``noise`` the standard deviation s of the weight's data gradient, of mean
    zero. Leading order in 1 - β2.

    >>> adam_shift(np.array([3.0]), np.array([4.0]))
    array([0.6])
    """
    return pull / np.hypot(noise, pull)


def equilibrium_square(learning_rate: float, decay: float, momentum: float = MOMENTUM) -> float:
    """Return E w**2 of ``w <- (1 - ηλ) w - η m``, m the moving average of unit white noise.

    ``η / (λ (2 - ηλ)) * (1 - β)(1 + aβ) / ((1 + β)(1 - aβ))`` with ``a = 1 - ηλ``, which tends
    to ``η / 2λ`` as ηλ falls. Raises ``ValueError`` unless ``0 < ηλ < 2``.

    >>> round(equilibrium_square(1e-6, 1.0) / 0.5e-6, 4)
    1.0
    >>> equilibrium_square(0.5, 1.0, momentum=0.0) == 0.5 / 1.5
    True
    """
    product = learning_rate * decay
    if not 0 < product < 2:
        raise ValueError(f"learning rate times decay {product}: allowed above 0 and below 2")
    a, b = 1 - product, momentum
    return learning_rate / (decay * (2 - product)) * (1 - b) * (1 + a * b) / ((1 + b) * (1 - a * b))


class NoiseTotal(NamedTuple):
    """The totals ``c/2 * sum(w**2)`` of networks, shape ``(networks,)``, before and after steps on noise."""

    start: np.ndarray
    end: np.ndarray


def total_on_noise(
    name: str, learning_rate: float, coefficient: float, noise: float, start: Tensor,
    periods: float, random: torch.Generator,
) -> NoiseTotal:  # fmt: skip
    """Let an optimiser follow independent normal gradients of deviation ``noise``; return the totals.

    ``start`` has shape ``(networks, P)``. A period is the time constant ``1 / (2ηλ)`` of the mean
    square in steps, with c, or ``c / noise`` inside Adam, for λ. Gradients are drawn on the device
    of ``start``, from the seed of ``random``.

    >>> total_on_noise("SGD", 0.5, 0.5, 0.0, torch.ones(1, 8), 0.5, torch.Generator())
    NoiseTotal(start=array([2.]), end=array([1.125]))
    """

    def total(weights: Tensor) -> np.ndarray:
        return coefficient / 2 * weights.double().square().sum(1).numpy(force=True)

    here = torch.Generator(start.device).manual_seed(random.initial_seed())  # it must be where it draws
    shrinkage = learning_rate * (coefficient / noise if name == "Adam" else coefficient)
    make = optimizer(name, learning_rate, coefficient)
    steps = round(periods / (2 * shrinkage))
    end = drive(make, start, lambda gradient: gradient.normal_(0, noise, generator=here), steps)
    return NoiseTotal(total(start), total(end))


def he_starts(P: int, random: torch.Generator, device: str = "cpu", least: int = 20_000) -> Tensor:
    """Draw networks of one square He layer: variance ``2 / sqrt(P)``, shape ``(networks, P)``.

    As many networks as make ``least`` weights together, and at least one. Drawn on the CPU and
    moved to ``device``; raises ``ValueError`` if that is not here.

    >>> he_starts(5_000, torch.Generator()).shape
    torch.Size([4, 5000])
    """
    start = torch.randn(max(1, least // P), P, generator=random) * (2 / P**0.5) ** 0.5
    return start.to(find_device(device))


def starts_on_both_sides(mean_square: float, networks: int, P: int) -> Tensor:
    """Return networks of P weights, half at zero and half at the root of twice ``mean_square``.

    >>> starts_on_both_sides(2.0, 1, 4)
    tensor([[0., 2., 0., 2.]])
    """
    start = torch.zeros(networks, P)
    start[:, 1::2] = (2 * mean_square) ** 0.5
    return start
