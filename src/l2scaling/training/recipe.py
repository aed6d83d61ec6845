"""How networks are trained: everything that the members of an ensemble have in common but their data."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass

import torch

from l2scaling.laws.shapes import Initializer, find_initializer
from l2scaling.training.losses import LOSSES

OPTIMIZERS = ("sgd", "adam", "adamw")
"""``torch.optim``'s SGD (with momentum), Adam with L2 in its gradient, and AdamW."""

HE = find_initializer("he")
ACTIVATIONS = ("relu", "linear")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Recipe:
    """The length of a training, its optimiser and loss, and what the networks are made of.

    ``learning_rate`` is that of all members that bring none of their own. Each step takes the whole
    data, or a batch of ``batch_size``. Networks are measured at the steps ``at``, 0 for the start; by
    default at the last. ``rate_factors`` and ``decay_factors`` multiply the learning rate and the penalty
    coefficient, one number a weight layer, input layer first; by default one. Raises ``ValueError``
    naming the value and what is allowed.

    >>> Recipe(300, 0.1, momentum=0.9).horizon.__round__(9)
    300.0
    >>> Recipe(300, optimizer="lion")
    Traceback (most recent call last):
        ...
    ValueError: optimizer 'lion' is unknown; allowed: sgd, adam, adamw
    """

    steps: int
    learning_rate: float = 0.1
    _: KW_ONLY
    momentum: float = 0.0
    optimizer: str = "sgd"
    batch_size: int | None = None
    loss: str = "softmax"
    activation: str = "relu"
    initializer: Initializer = HE
    rate_factors: Sequence[float] | None = None
    decay_factors: Sequence[float] | None = None
    at: Sequence[int] | None = None
    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for what, allowed in {
            "loss": LOSSES, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "dtype": DTYPES,
        }.items():  # fmt: skip
            if (value := getattr(self, what)) not in allowed:
                raise ValueError(f"{what} {value!r} is unknown; allowed: {', '.join(allowed)}")
        find_device(self.device)
        if not 0 <= self.momentum < 1 or (self.momentum and self.optimizer != "sgd"):
            raise ValueError(
                f"momentum {self.momentum} with {self.optimizer}: allowed 0 to below 1, and 0 unless sgd"
            )
        for what in ("rate_factors", "decay_factors"):
            if any(not 0 <= one < math.inf for one in getattr(self, what) or ()):
                raise ValueError(f"{what} {list(getattr(self, what))}: allowed finite numbers from 0")
        if self.steps < 1:
            raise ValueError(f"steps {self.steps}: allowed 1 or more")
        at = self.moments
        if not at or list(at) != sorted(set(at)) or at[0] < 0 or at[-1] > self.steps:
            raise ValueError(f"at {at}: allowed increasing steps from 0 to {self.steps}")

    @property
    def moments(self) -> tuple[int, ...]:
        """The steps after which networks are measured."""
        return (self.steps,) if self.at is None else tuple(int(step) for step in self.at)

    @property
    def horizon(self) -> float:
        """The length in time: ``learning_rate * steps / (1 - momentum)``; times c, in time constants."""
        return self.learning_rate * self.steps / (1 - self.momentum)


def find_device(name: str) -> torch.device:
    """Return the device of that name; ``ValueError`` unless it is the CPU or a GPU that is here.

    >>> find_device("cpu")
    device(type='cpu')
    """
    gpus = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if name not in ("cpu", *gpus, *["cuda"][: len(gpus)]):
        raise ValueError(f"device {name!r} is not here; allowed: cpu, and cuda with a GPU")
    return torch.device(name)


@contextmanager
def denormals_as_zeros() -> Iterator[None]:
    """Count denormals as zeros for a while: they cost time. torch does so in the thread that asks alone.

    >>> half = torch.tensor(torch.finfo(torch.float32).tiny)
    >>> with denormals_as_zeros():
    ...     print((half / 2).item())
    0.0
    >>> (half / 2).item() > 0
    True
    """
    already = torch.tensor(torch.finfo(torch.float32).tiny).div(2).item() == 0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)
