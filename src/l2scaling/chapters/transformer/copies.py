"""Copies of a transformer: a wider model of the same function, and what keeps its training on the path."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from l2scaling.chapters.transformer.groups import kind_of
from l2scaling.chapters.transformer.model import CharacterModel, Shape
from l2scaling.training.modules import NO_EPSILON, descend
from l2scaling.training.orthogonal import MOMENTUM, Orthogonalised, polar


@dataclass(frozen=True)
class Copying:
    """Into how many copies an entry goes, as a power of k, and by what they are multiplied, as another.

    Copies of ``many`` and ``size`` have the sum of squares times ``k**(many + 2 * size)``, and gradients
    of ``k**-(many + size)`` times the original's.
    """

    many: int
    size: int


COPYING = {
    "matrices": Copying(2, -1), "head": Copying(1, -1), "embeddings": Copying(1, 0), "gains": Copying(1, 0),
    "biases": Copying(1, 0),
}  # fmt: skip


def widen(parameters: Mapping[str, Tensor], k: int) -> dict[str, Tensor]:
    """Return the parameters of a model k times as wide, with k times the heads, that computes the same.

    A tied model has to divide its logits by k besides.

    >>> from l2scaling.chapters.transformer.model import begin
    >>> {name: tuple(one.shape) for name, one in widen(begin(Shape(9, 16), 0).state_dict(), 2).items()}[
    ...     "blocks.0.attend.weight"]
    (96, 32)
    """
    wide = {}
    for name, one in parameters.items():
        kind = kind_of(name)
        outputs = 1 if kind in ("head", "embeddings") else k
        parts = 3 if ".attend." in name else 1  # queries, keys and values are copied each for themselves
        times = (1, outputs, *[k] * (one.ndim - 1))
        copies = one.view(parts, -1, *one.shape[1:]).repeat(times).flatten(0, 1)
        wide[name] = copies * float(k) ** COPYING[kind].size
    return wide


Rates = Callable[[Copying], tuple[int, int]]
"""By which powers of k the learning rate and the coefficient of a kind change."""


def _linear(one: Copying) -> tuple[int, int]:
    return one.many + 2 * one.size, -one.many - 2 * one.size


def _forgetful(one: Copying) -> tuple[int, int]:
    return one.size, -one.size


def _forgetful_coupled(one: Copying) -> tuple[int, int]:
    return one.size, -one.many - 2 * one.size


def _polar(one: Copying) -> tuple[int, int]:
    return (0, 0) if one == COPYING["matrices"] else _forgetful(one)


@dataclass(frozen=True)
class Optimizer:
    """A real optimiser: how it has to be told of copies, and the makers of its parts, by kind."""

    told: Rates
    rate: float
    decay: float
    make: Callable[..., torch.optim.Optimizer]
    for_matrices: Callable[..., torch.optim.Optimizer] | None = None


def _adam(kind: Any) -> Callable[..., torch.optim.Optimizer]:
    return lambda groups: kind(groups, betas=(MOMENTUM, 0.99), eps=NO_EPSILON)


OPTIMIZERS = {
    "SGD": Optimizer(_linear, 0.05, 0.01, lambda groups: torch.optim.SGD(groups, momentum=MOMENTUM)),
    "AdamW": Optimizer(_forgetful, 0.003, 1.0, _adam(torch.optim.AdamW)),
    "Adam, L2": Optimizer(_forgetful_coupled, 0.003, 0.01, _adam(torch.optim.Adam)),
    "polar factor": Optimizer(
        _polar, 0.003, 1.0, _adam(torch.optim.AdamW), lambda groups: Orthogonalised(groups, polar)
    ),
}
"""torch's own; under ``polar factor`` that is done to the momentum of matrices, and AdamW has the rest."""


@dataclass(frozen=True)
class Training:
    """A narrow model's shape, its parameters at the start, and its windows, ``(steps, batch, length)``."""

    shape: Shape
    start: Mapping[str, Tensor]
    windows: Tensor

    def model(self, k: int) -> CharacterModel:
        """Return the model with k copies."""
        shape = replace(self.shape, width=k * self.shape.width)
        model = CharacterModel(shape, shrink=k if shape.tied else 1.0).double()
        model.load_state_dict(widen(self.start, k), strict=not shape.tied)
        return model


def follow(
    name: str, training: Training, k: int, told: Mapping[str, tuple[float, float]] | None = None,
    decay: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Train the model with k copies; return its logits on the first windows at each step, ``(steps + 1, …)``.

    ``told`` gives by kind the powers of k by which rate and coefficient are multiplied; by default those
    that the proposition asks for. ``decay`` multiplies the optimiser's usual coefficient.
    """
    model, usual = training.model(k), OPTIMIZERS[name]
    groups: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for own, one in model.named_parameters():
        kind = kind_of(own)
        rate, power = told[kind] if told else usual.told(COPYING[kind])
        apart = usual.for_matrices is not None and kind == "matrices"
        groups[apart].append(
            {"params": [one], "lr": usual.rate * k**rate, "weight_decay": decay * usual.decay * k**power}
        )
    optimizers = [usual.make(groups[False])]
    if usual.for_matrices:
        optimizers.append(usual.for_matrices(groups[True]))
    batches = iter(training.windows)

    def loss() -> None:
        text = next(batches)
        model.zero_grad()
        cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten()).backward()

    def see() -> np.ndarray:
        with torch.no_grad():
            return model(training.windows[0, :, :-1]).numpy()

    return np.array(descend(_Each(optimizers), loss, len(training.windows), see))  # type: ignore[arg-type]


class _Each:
    """Optimisers that step together."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers

    def zero_grad(self) -> None:
        for one in self.optimizers:
            one.zero_grad()

    def step(self) -> None:
        for one in self.optimizers:
            one.step()


def drift(wide: np.ndarray, narrow: np.ndarray) -> float:
    """Return the largest distance of two paths over all steps, relative to the narrow one's norm there."""
    distance, size = (np.sqrt(np.square(one).reshape(len(one), -1).sum(1)) for one in (wide - narrow, narrow))
    worst = float((distance / size).max())
    return worst if math.isfinite(worst) else math.inf
