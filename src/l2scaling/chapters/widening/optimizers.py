"""Real optimisers, and how each has to be told of a network that grew by balanced copies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from l2scaling import frameworks
from l2scaling.chapters.widening.copies import Network
from l2scaling.training.modules import NO_EPSILON, descend
from l2scaling.training.orthogonal import MOMENTUM, Orthogonalised, adjustment, newton_schulz, polar


@dataclass(frozen=True)
class Rule:
    """By which power of a tensor's gain its learning rate and its penalty coefficient change."""

    rate: int
    decay: int


KEEP, SCALE_FREE, SCALE_FREE_COUPLED = Rule(0, 0), Rule(-1, 1), Rule(-1, 0)
"""Updates that shrink with the gradient or keep its length in every direction; updates that forget the
scale of each entry, with decoupled decay; the same with the penalty in the gradient."""


class _Keras:
    """A Keras optimiser for each tensor, since one takes a single rate; steps are copied into the tensors."""

    def __init__(self, tensors: Sequence[Tensor], optimizers: Sequence[Any]) -> None:
        self.tensors, self.optimizers = tensors, optimizers
        keras = frameworks.keras()
        self.variables = [keras.Variable(one.detach().numpy(), dtype=str(one.dtype)[6:]) for one in tensors]

    def zero_grad(self) -> None:
        for one in self.tensors:
            one.grad = None

    def step(self) -> None:
        for one, variable, optimizer in zip(self.tensors, self.variables, self.optimizers, strict=True):
            optimizer.apply([one.grad], [variable])
            one.data.copy_(variable.value)


def _keras(name: str, **options: Any) -> Callable[..., Any]:
    def begin(tensors: Sequence[Tensor], rates: Any, decays: Any, epsilons: Any) -> Any:
        made = getattr(frameworks.keras().optimizers, name)
        own = [options | ({"epsilon": one} if name == "AdamW" else {}) for one in epsilons]
        makers = [made(rate, weight_decay=c, **one) for rate, c, one in zip(rates, decays, own, strict=True)]
        return _Keras(tensors, makers)

    return begin


def _torch(kind: Any, **options: Any) -> Callable[..., Any]:
    def begin(tensors: Sequence[Tensor], rates: Any, decays: Any, epsilons: Any) -> Any:
        groups = [
            {
                "params": [one],
                "lr": rate,
                "weight_decay": c,
                **({"eps": epsilon} if "betas" in options else {}),
            }
            for one, rate, c, epsilon in zip(tensors, rates, decays, epsilons, strict=True)
        ]
        return kind(groups, **options)

    return begin


@dataclass(frozen=True)
class Optimizer:
    """A real optimiser: its rule, a usual learning rate and coefficient, and how to begin with it.

    ``begin`` takes tensors and for each a rate, a coefficient and an ε. ``adjusts`` says that the rate of
    a matrix is multiplied by ``adjustment``.
    """

    rule: Rule
    rate: float
    decay: float
    begin: Callable[..., Any]
    adjusts: bool = False


_BETAS = {"betas": (0.9, 0.999)}
OPTIMIZERS: dict[str, Optimizer] = {
    "torch SGD": Optimizer(KEEP, 0.05, 0.01, _torch(torch.optim.SGD, momentum=MOMENTUM)),
    "torch SGD, Nesterov": Optimizer(
        KEEP, 0.05, 0.01, _torch(torch.optim.SGD, momentum=MOMENTUM, nesterov=True)
    ),
    "Keras SGD": Optimizer(KEEP, 0.05, 0.01, _keras("SGD", momentum=MOMENTUM)),
    "polar factor": Optimizer(KEEP, 0.05, 0.1, _torch(Orthogonalised, by=polar)),
    "Newton–Schulz": Optimizer(KEEP, 0.05, 0.1, _torch(Orthogonalised, by=newton_schulz)),
    "torch Muon": Optimizer(KEEP, 0.05, 0.1, _torch(torch.optim.Muon), adjusts=True),
    "torch AdamW": Optimizer(SCALE_FREE, 0.01, 0.3, _torch(torch.optim.AdamW, **_BETAS)),
    "Keras AdamW": Optimizer(SCALE_FREE, 0.01, 0.3, _keras("AdamW")),
    "Keras Lion": Optimizer(SCALE_FREE, 0.002, 0.3, _keras("Lion")),
    "torch Adam, L2": Optimizer(SCALE_FREE_COUPLED, 0.01, 0.003, _torch(torch.optim.Adam, **_BETAS)),
}
"""What libraries call by these names; ``polar factor`` and ``Newton–Schulz`` are ``Orthogonalised``."""


def told(name: str, gains: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return by what the theorem multiplies the learning rate and the coefficient of tensors of these gains.

    >>> [values.tolist() for values in told("torch AdamW", [2.0, 4.0])]
    [[0.5, 0.25], [2.0, 4.0]]
    """
    rule = OPTIMIZERS[name].rule
    return np.array(gains) ** float(rule.rate), np.array(gains) ** float(rule.decay)


@dataclass(frozen=True)
class Training:
    """Data, and how long and in which batches they are passed, all networks alike.

    ``schedule`` multiplies all learning rates, one number a step. ``clip`` bounds the norm of the whole
    gradient, ``clip_entries`` each of its entries.
    """

    X: Tensor
    y: Tensor
    steps: int
    batch_size: int
    schedule: Sequence[float] | None = None
    clip: float | None = None
    clip_entries: float | None = None


def follow(
    name: str, network: Network, k: int, training: Training, *,
    rates: Any = 1.0, decays: Any = 1.0, epsilons: Any = NO_EPSILON, lopsided: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Train the network with k copies of every hidden unit; return its outputs before each step and after.

    ``rates`` and ``decays`` multiply the optimiser's usual ones, one number for all tensors or one for each;
    ``epsilons`` are what Adam adds to the root of the second moment. The loss is cross-entropy. The shape is
    ``(steps + 1, N, classes)``.
    """
    X = training.X.to(network.tensors[0])
    tensors = [one.clone().requires_grad_() for one in network.widened(k, lopsided)]
    count, usual = len(tensors), OPTIMIZERS[name]
    rates = usual.rate * np.broadcast_to(rates, count)
    decays = usual.decay * np.broadcast_to(decays, count)
    if usual.adjusts:  # torch's Muon multiplies rates by what depends on the shape, but not the decay
        moved = np.array(
            [adjustment(a) / adjustment(b) for a, b in zip(tensors, network.tensors, strict=True)]
        )
        rates, decays = rates / moved, decays * moved
    optimizer = usual.begin(
        tensors, rates.tolist(), decays.tolist(), np.broadcast_to(epsilons, count).tolist()
    )
    batches = torch.arange(training.steps * training.batch_size) % len(X)
    rows = iter(batches.view(training.steps, training.batch_size))
    moments = iter(training.schedule or ())

    def loss() -> None:
        chosen = next(rows)
        outputs = network.forward(tensors, X[chosen])
        optimizer.zero_grad()
        cross_entropy(outputs, training.y[chosen]).backward()
        if training.clip is not None:
            torch.nn.utils.clip_grad_norm_(tensors, training.clip)
        if training.clip_entries is not None:
            torch.nn.utils.clip_grad_value_(tensors, training.clip_entries)
        if training.schedule is not None:
            now = next(moments)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * now

    def see() -> np.ndarray:
        with torch.no_grad():
            return network.forward(tensors, X).numpy()

    return np.array(descend(optimizer, loss, training.steps, see))


def losses(outputs: np.ndarray, y: Tensor) -> np.ndarray:
    """Return the mean cross-entropy of outputs ``(steps, N, classes)`` at each step."""
    return np.array([cross_entropy(torch.as_tensor(one), y).item() for one in outputs])


def apart(outputs: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Return the distance of two paths of outputs at each step, relative to the original's norm there."""
    distance, size = (np.linalg.norm(one, axis=(1, 2)) for one in (outputs - original, original))
    return distance / size
