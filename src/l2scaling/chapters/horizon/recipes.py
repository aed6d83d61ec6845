"""Published recipes: how often decay acts in each, and what is left of a starting weight."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from math import exp
from pathlib import Path

import numpy as np
import yaml

from l2scaling.chapters.horizon.decay import horizon
from l2scaling.schedules import schedule

FIELDS = ("vision", "language", "diffusion", "fine-tuning")
READ = ("original", "copy", "nothing")
"""What was read when the table was last gone through."""


@dataclass(frozen=True)
class Recipe:
    """A training as its authors tell it, one entry of ``rows/recipes.yml``.

    ``cite`` is the key of the reference, ``where`` says where the numbers stand in it, and ``read`` which
    of ``READ`` was read again. Steps are given, or are ``epochs * samples / batch`` or ``tokens / batch``.
    ``warm`` counts steps, epochs or tokens, as the length of the training does; ``until`` is the length
    after which the rate has come down to ``last`` of the peak. ``within`` says that it falls from the first
    step on, and that the warm-up takes the place of what it would be until then. ``momentum`` is None where
    decay is decoupled.
    """

    name: str
    field: str
    cite: str
    where: str
    _: KW_ONLY
    read: str = "nothing"
    optimizer: str
    learning_rate: float
    decay: float
    schedule: str
    momentum: float | None = None
    steps: float | None = None
    epochs: float | None = None
    samples: float | None = None
    tokens: float | None = None
    batch: float | None = None
    warm: float = 0.0
    until: float | None = None
    last: float = 0.0
    within: bool = False
    drops: Sequence[float] = ()
    note: str = ""

    @property
    def length(self) -> float:
        """The length in the unit that ``warm``, ``until`` and ``drops`` have."""
        return float(self.steps or self.epochs or self.tokens or 0)

    @property
    def count(self) -> int:
        """The number of steps."""
        if self.steps:
            return round(self.steps)
        if self.tokens and self.batch:
            return round(self.tokens / self.batch)
        if self.epochs and self.samples and self.batch:
            return round(self.epochs * self.samples / self.batch)
        raise ValueError(f"recipe {self.name!r} has no steps; allowed: steps, or what makes them")

    @property
    def derived(self) -> bool:
        """Whether the number of steps is not told but follows from the data and the batch."""
        return self.steps is None

    @cached_property
    def rates(self) -> np.ndarray:
        """The learning rate of every step."""
        length = self.length
        warm = self.warm / length
        shape = schedule(
            self.schedule, self.count, 0.0 if self.within else warm, self.last,
            [one / length for one in self.drops], until=(self.until or length) / length,
        )  # fmt: skip
        if self.within:
            rising = round(warm * self.count)
            shape[:rising] = schedule("constant", self.count, warm)[:rising]
        return self.learning_rate * shape

    @cached_property
    def horizon(self) -> float:
        """How often decay acts."""
        return float(horizon(self.rates, self.decay, self.momentum or 0.0)[-1])

    @property
    def left(self) -> float:
        """What decay alone leaves of a starting weight."""
        return exp(-self.horizon)

    @property
    def fear(self) -> str:
        """What that says of the start's sum of squares: there while half of it is left, gone below 1%."""
        square = self.left**2
        return "still there" if square >= 0.5 else "there in part" if square >= 0.01 else "gone"


def read_recipes() -> list[Recipe]:
    """Return the published recipes, in the order of their file.

    >>> {one.field for one in read_recipes()} == set(FIELDS)
    True
    """
    entries = yaml.safe_load((Path(__file__).parent / "rows" / "recipes.yml").read_text(encoding="utf-8"))
    return [Recipe(**entry) for entry in entries]


def table(recipes: Sequence[Recipe]) -> str:
    """Return recipes as a Markdown table, with how often decay acts and what that leaves.

    Steps that follow from data and batch have a sign for *about*.
    """
    head = ("recipe", "decay", "peak η", "λ", "schedule", "steps", "κ", "left of Σw²", "the start's part")
    lines = [head, ("---",) * len(head), *(_line(one) for one in recipes)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(one: Recipe) -> tuple[str, ...]:
    warm, falls = "warm-up, " if one.warm else "", f" to {one.last:.0%}" if one.last else ""
    return (
        f"{one.name} {{cite}}`{one.cite}`, {one.where}",
        "decoupled" if one.momentum is None else f"L2, momentum {one.momentum:g}",
        f"{one.learning_rate:g}",
        f"{one.decay:g}",
        f"{warm}{one.schedule}{falls}",
        f"≈ {float(f'{one.count:.3g}'):,.0f}" if one.derived else f"{one.count:,}",
        f"{one.horizon:.2g}",
        f"{one.left**2:.2g}" if one.left**2 >= 1e-4 else "< 1e-4",
        one.fear,
    )
