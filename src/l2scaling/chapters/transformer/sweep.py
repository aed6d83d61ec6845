"""The best λ of a small language model, against its width, its batch and what decays: a sweep and its table.

Every model is trained under every λ of one lattice, so that there is no search to mislead.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from l2scaling.chapters.transformer.groups import KINDS
from l2scaling.chapters.transformer.model import Shape
from l2scaling.chapters.transformer.side_by_side import Recipe, Together, groups_of
from l2scaling.datasets import load_text
from l2scaling.evidence import published_table
from l2scaling.measuring import lattices
from l2scaling.measuring.intervals import Interval, jackknife_interval
from l2scaling.seeds import generator
from l2scaling.training.recipe import denormals_as_zeros, find_device

CHARACTERS, HELD_OUT = 2048, 8192
"""Characters that a model is trained on, and on which it is judged."""

NARROW, STEPS, BATCH = 32, 240, 8
"""The narrowest width, and steps and windows a step, unless a study varies them."""

LONG = 480
"""Steps of such windows that make the passes which all batches have in common, where these are what stays."""

RATES = {"fixed": 0.003, "by-width": 0.01}
"""AdamW's largest learning rate; by width it is that of the narrowest model, and of what is no matrix."""

PLACES, STEP = 6, 0.4
LOWEST = {
    ("adamw", "fixed"): -0.3, ("adamw", "by-width"): -0.5,
    ("muon", "fixed"): -0.4, ("muon", "by-width"): -0.4,
}  # fmt: skip
"""Logarithm of the least λ, by optimiser and rule."""
RULES = ("fixed", "by-width")
"""Whether the rates of matrices and of the head are the same at every width, or fall as one over it."""

DECAYED = {
    "weights": ("matrices", "head"),
    "weights+vectors": ("matrices", "head", "gains", "biases"),
    "weights+embeddings": ("matrices", "head", "embeddings"),
    "all": KINDS,
}
"""What decays: the weights of linear layers; gains and biases too; embeddings too; everything."""

LENGTHS = ("steps", "passes")
"""What stays when the batch changes: the number of steps, or of passes over the text."""

_DIVERGED = 1e9  # a loss as bad as any; infinity would poison means


@cache
def alphabet() -> tuple[str, Tensor]:
    """Return the characters of the text, and the text as their numbers, shape ``(4 million,)``."""
    text = load_text()
    letters = "".join(sorted(set(text)))
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    number = {ord(letter): place for place, letter in enumerate(letters)}
    table = np.zeros(int(codes.max()) + 1, np.int64)
    table[list(number)] = list(number.values())
    return letters, torch.as_tensor(table[codes])


def texts(seed: int, repetition: int) -> tuple[Tensor, Tensor]:
    """Return what one repetition trains on and is judged by, drawn from the text's first and last halves."""
    _, numbers = alphabet()
    half = len(numbers) // 2
    random = generator(seed, repetition, 2)
    first = int(torch.randint(half - CHARACTERS - 1, (), generator=random))
    second = half + int(torch.randint(half - HELD_OUT - 1, (), generator=random))
    return numbers[first : first + CHARACTERS + 1], numbers[second : second + HELD_OUT + 1]


@dataclass(frozen=True)
class Cell:
    """One model of the sweep: its optimiser, rule, width, batch, what stays with the batch, what decays.

    Raises ``ValueError`` naming the value and what is allowed.

    >>> Cell("adamw", rule="by-width", width=64).lattice().round(2).tolist()
    [0.63, 1.59, 3.99, 10.02, 25.18, 63.25]
    >>> Cell("adamw", length="epochs")
    Traceback (most recent call last):
        ...
    ValueError: length 'epochs' is unknown; allowed: steps, passes
    """

    optimizer: str
    rule: str = "fixed"
    width: int = NARROW
    batch_size: int = BATCH
    length: str = "steps"
    decayed: str = "weights"

    def __post_init__(self) -> None:
        for what, allowed in {"rule": RULES, "length": LENGTHS, "decayed": DECAYED}.items():
            if (value := getattr(self, what)) not in allowed:
                raise ValueError(f"{what} {value!r} is unknown; allowed: {', '.join(allowed)}")
        assert self.shape and self.recipe()

    @property
    def shape(self) -> Shape:
        return Shape(len(alphabet()[0]), self.width)

    @property
    def slower(self) -> float:
        """By what the rates of matrices and head are divided, and λ multiplied."""
        return self.width / NARROW if self.rule == "by-width" else 1.0

    def recipe(self) -> Recipe:
        steps = LONG * BATCH // self.batch_size if self.length == "passes" else STEPS
        rate = RATES[self.rule] if self.optimizer == "adamw" else RATES["by-width"]
        return Recipe(
            steps, self.batch_size, self.optimizer, rate, slower=self.slower, decayed=DECAYED[self.decayed]
        )

    def lattice(self) -> np.ndarray:
        """Return the λ that are tried, increasing; shape ``(6,)``, two decades.

        By width they are multiplied by what the rates are divided by, so that shares per step stay.
        """
        lowest = LOWEST[self.optimizer, self.rule]
        return self.slower * 10 ** (lowest + STEP * np.arange(PLACES))


@denormals_as_zeros()
def rows(cell: Cell, seed: int, repetitions: int, device: str = "cpu") -> list[dict[str, str | int | float]]:
    """Train a model under every λ, with as many texts and starts as ``repetitions``.

    A row a λ: losses on the text trained on and on the other, in nats a character, and the sums of squares
    by kind at the end, each with a value a repetition, joined by semicolons.
    """
    values, recipe = cell.lattice(), cell.recipe()
    place, repeat = (one.ravel() for one in np.indices((PLACES, repetitions)))
    found: dict[str, np.ndarray] = {}
    drawn = [texts(seed, repetition) for repetition in range(repetitions)]
    where = find_device(device)
    for some in groups_of(len(place), cell.width):
        trained, judged = (
            torch.stack([drawn[one][part] for one in repeat[some]]).to(where) for part in (0, 1)
        )
        members = Together(
            cell.shape, recipe, trained, [start_of(seed, one) for one in repeat[some]], values[place[some]]
        )
        members.train()
        left = {"losses": members.judge(judged), "train_losses": members.judge(trained)}
        for name, one in (left | {f"squares_{kind}": own for kind, own in members.sums().items()}).items():
            found[name] = np.append(found.get(name, []), one)
    count = sum(one[0].numel() for one in members.parameters.values())
    common: dict[str, str | int | float] = {
        "optimizer": cell.optimizer, "rule": cell.rule, "width": cell.width, "batch_size": cell.batch_size,
        "length": cell.length, "decayed": cell.decayed, "P": count, "seed": seed,
    }  # fmt: skip
    return [
        common
        | {"lambda": float(f"{value:.7g}"), "kappa": float(f"{recipe.decay_times(value):.5g}")}
        | {name: ";".join(f"{one:.6g}" for one in own[place == number]) for name, own in found.items()}
        for number, value in enumerate(values)
    ]


def start_of(seed: int, repetition: int) -> int:
    """Return the seed of a repetition's start and order, the same at every width and λ."""
    return int(np.random.SeedSequence([seed, int(repetition), 3]).generate_state(1)[0])


@dataclass(frozen=True)
class Curve:
    """How one model fared under every λ.

    ``losses`` and ``train_losses`` have shape ``(places, repetitions)``, 1e9 where training diverged;
    ``squares[kind]`` the same.
    """

    cell: Cell
    count: int
    seed: int
    coefficients: np.ndarray
    kappas: np.ndarray
    losses: np.ndarray
    train_losses: np.ndarray
    squares: dict[str, np.ndarray]

    @property
    def means(self) -> np.ndarray:
        return self.losses.mean(axis=1)

    @property
    def void(self) -> bool:
        """Whether it has no best λ: the least loss stands at an end, or the least λ lets most diverge."""
        return lattices.at_an_end(self.means) or bool((self.losses[0] >= _DIVERGED).mean() > 0.5)

    @property
    def best(self) -> float:
        return lattices.vertex(self.coefficients, self.means)

    def kept(self, kind: str) -> np.ndarray:
        """Return the sums of squares of a kind at the place of the least mean loss, ``(repetitions,)``."""
        return self.squares[kind][int(self.means.argmin())]


def read_table(path: Path | None = None) -> dict[Cell, Curve]:
    """Read the table of the sweep, one curve a cell, by width."""
    with (path or published_table("transformer")).open(newline="") as file:
        table = list(csv.DictReader(file))
    groups: dict[Cell, list[dict[str, str]]] = {}
    for row in table:
        cell = Cell(
            row["optimizer"], row["rule"], int(row["width"]), int(row["batch_size"]), row["length"],
            row["decayed"],
        )  # fmt: skip
        groups.setdefault(cell, []).append(row)
    return {cell: _curve(cell, groups[cell]) for cell in sorted(groups, key=lambda one: one.width)}


def _curve(cell: Cell, group: list[dict[str, str]]) -> Curve:
    group = sorted(group, key=lambda row: float(row["lambda"]))

    def column(name: str) -> np.ndarray:
        return np.array([[float(part) for part in row[name].split(";")] for row in group])

    losses, train_losses = (
        np.where(np.isfinite(one), one, _DIVERGED) for one in (column("losses"), column("train_losses"))
    )
    return Curve(
        cell, int(group[0]["P"]), int(group[0]["seed"]), column("lambda")[:, 0], column("kappa")[:, 0],
        losses, train_losses, {kind: column(f"squares_{kind}") for kind in KINDS},
    )  # fmt: skip


def exponent(sizes: Sequence[float], curves: Sequence[Curve]) -> Interval:
    """Return the slope of log best λ in the log of ``sizes``, with the jackknife over repetitions.

    A repetition has one text and one stream of starts at every size, so it is left out everywhere at once.
    """

    def slope(losses: np.ndarray) -> float:
        best = [
            lattices.vertex(one.coefficients, part.mean(1)) for one, part in zip(curves, losses, strict=True)
        ]
        return float(np.polyfit(np.log(sizes), np.log(best), 1)[0])

    return jackknife_interval(np.stack([one.losses for one in curves]), slope)


def carried(narrow: Curve, wide: Curve, factor: float) -> Interval:
    """Return the regret, in the wide model, of the narrow one's best λ times ``factor``.

    A share of the least loss, with the jackknife over repetitions.
    """

    def price(losses: np.ndarray) -> float:
        first, second = losses.mean(axis=2)
        value = factor * lattices.vertex(narrow.coefficients, first)
        return lattices.regret(wide.coefficients, second, value)

    return jackknife_interval(np.stack([narrow.losses, wide.losses]), price)


def excess(curve: Curve, other: Curve) -> Interval:
    """Return by what share the least loss of one exceeds the other's, with the jackknife over repetitions."""

    def compare(losses: np.ndarray) -> float:
        first, second = losses.mean(axis=2).min(axis=1)
        return float(first / second - 1)

    return jackknife_interval(np.stack([curve.losses, other.losses]), compare)


@denormals_as_zeros()
def audit(curves: Sequence[Curve], count: int, seed: int, device: str = "cpu") -> np.ndarray:
    """Train the first repetition of some models again; return its losses in the table and now.

    The models are drawn without repetition by ``seed``, each under one λ drawn as well; the shape is
    ``(2, count)``.
    """
    random = np.random.default_rng(seed)
    pairs = []
    for number in random.choice(len(curves), min(count, len(curves)), replace=False):
        one, place = curves[number], int(random.integers(PLACES))
        trained, judged = (part[None].to(find_device(device)) for part in texts(one.seed, 0))
        member = Together(
            one.cell.shape, one.cell.recipe(), trained, [start_of(one.seed, 0)], [one.coefficients[place]]
        )
        member.train()
        pairs.append((one.losses[place, 0], float(member.judge(judged)[0])))
    return np.array(pairs).T
