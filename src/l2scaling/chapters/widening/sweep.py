"""The best coefficient of networks that were not cloned, against their width: a sweep and its table.

Every network is trained under every coefficient of one lattice, so that there is no search to mislead.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from l2scaling.evidence import published_table
from l2scaling.measuring import lattices
from l2scaling.training import ensembles
from l2scaling.training.recipe import Recipe
from l2scaling.training.splits import layers_for, loaded, make_split
from l2scaling.training.steps import Members

SAMPLES, BATCH_SIZE, STEPS = 128, 32, 2000
NARROW = 16
"""Hidden units from which copies are counted."""

_SGD_RATES = {"digits": 0.1, "mnist-5k": 0.1, "photographs": 0.01, "auto-mpg": 0.005}
_ADAM_RATE = 0.01
"""Learning rates; under SGD that of a deeper network is half. Pixels of a photograph rise and fall together,
and a squared error bends more, so those two take less."""

PLACES, STEP = 15, 0.35
_LOWEST = {"sgd": -4.3, "adamw": -2.6, "adam": -4.0}
_POWERS = {"sgd": (0, 0), "adamw": (-1, 1), "adam": (-1, 0)}
RULES = ("fixed", "theorem")
"""Whether learning rates and coefficients are the same at every width, or moved by the theorem."""

_DIVERGED = 1e9  # a loss as bad as any; infinity would poison means


def lattice(optimizer: str) -> np.ndarray:
    """Return the coefficients that are tried, in increasing order; shape ``(15,)``, 4.9 decades."""
    return 10 ** (_LOWEST[optimizer] + STEP * np.arange(PLACES))


def recipe(data: str, optimizer: str, rule: str, depth: int, width: int, device: str = "cpu") -> Recipe:
    """Return how a network is trained.

    Under the theorem's rule the factors of its layers are what copies of a network of 16 hidden units
    would need: a layer at either end has the gain ``sqrt(width/16)``, a hidden one ``width/16``.

    >>> recipe("digits", "adamw", "theorem", depth=3, width=64).decay_factors
    [2.0, 4.0, 2.0]
    """
    if rule not in RULES:
        raise ValueError(f"rule {rule!r} is unknown; allowed: {', '.join(RULES)}")
    loss = "softmax" if loaded(data).classes else "mean-squared"
    rate, momentum = _ADAM_RATE, 0.0
    if optimizer == "sgd":
        rate, momentum = _SGD_RATES[data] / (1 if depth == 2 else 2), 0.9
    growth = width / NARROW if rule == "theorem" else 1.0
    gains = [growth**0.5, *[growth] * (depth - 2), growth**0.5]
    rates, decays = ([gain**power for gain in gains] for power in _POWERS[optimizer])
    return Recipe(
        STEPS, rate, momentum=momentum, optimizer=optimizer, batch_size=BATCH_SIZE, device=device,
        loss=loss, rate_factors=rates, decay_factors=decays,
    )  # fmt: skip


def rows(
    data: str, noise: float, optimizer: str, rule: str, depth: int, width: int, seed: int,
    repetitions: int, device: str = "cpu",
) -> list[dict[str, str | int | float]]:  # fmt: skip
    """Train a network under all coefficients, with as many splits and starts as ``repetitions``.

    A row a coefficient: loss and accuracy on samples that were not trained on, and the sum of squares of
    every layer, each with a value a repetition, joined by semicolons. A network that diverged is ``nan``.
    """
    how, values = recipe(data, optimizer, rule, depth, width, device), lattice(optimizer)
    layers = layers_for(data, width, depth)
    found: list[dict[str, np.ndarray]] = []
    for repetition in range(repetitions):
        split = make_split(data, SAMPLES, noise, seed, repetition)

        def judge(nets: ensembles.Networks, split: Any = split) -> dict[str, Any]:
            squares = {f"squares_{n}": one for n, one in enumerate(nets.sum_squares().T, 1)}
            return split.judge(nets) | squares

        start = int(np.random.SeedSequence([seed, repetition, width, depth]).generate_state(1)[0])
        members = Members(start, values)
        left = ensembles.train(split.X, split.y, layers, members, how, judge).values
        found.append({name: one[:, 0] for name, one in left.items()})
    common: dict[str, str | int | float] = {
        "data": data, "noise": noise, "optimizer": optimizer, "rule": rule, "depth": depth, "width": width,
        "P": sum(layer.count for layer in layers), "seed": seed,
    }  # fmt: skip
    columns = {"losses": "loss", "accuracies": "accuracy" if loaded(data).classes else ""}
    columns |= {name: name for name in (f"squares_{n}" for n in range(1, 5))}

    def joined(key: str, place: int) -> str:
        return ";".join(f"{one[key][place]:.5g}" for one in found if key in one)

    return [
        common | {"c": float(f"{value:.7g}")} | {name: joined(key, place) for name, key in columns.items()}
        for place, value in enumerate(values)
    ]


@dataclass(frozen=True)
class Curve:
    """How one network fared under every coefficient.

    ``losses`` has shape ``(places, repetitions)``, 1e9 where training diverged; ``squares``
    ``(places, layers)``, the mean sums of squares over repetitions; ``counts`` the weights of each layer.
    """

    data: str
    noise: float
    optimizer: str
    rule: str
    depth: int
    width: int
    counts: tuple[int, ...]
    seed: int
    coefficients: np.ndarray
    losses: np.ndarray
    squares: np.ndarray

    @property
    def void(self) -> bool:
        """Whether it has no best coefficient, since under the least one most repetitions diverge."""
        return bool((self.losses[0] >= _DIVERGED).mean() > 0.5)

    @property
    def place(self) -> int:
        """The place of least mean loss."""
        return int(self.losses.mean(axis=1).argmin())

    @property
    def at_an_end(self) -> bool:
        """Whether the least mean loss stands at an end of the lattice, so that the best lies beyond."""
        return lattices.at_an_end(self.losses.mean(axis=1))

    @property
    def best(self) -> float:
        """The vertex of the parabola, in the logarithm, through the best place and its neighbours."""
        return lattices.vertex(self.coefficients, self.losses.mean(axis=1))

    @property
    def kept(self) -> np.ndarray:
        """The sums of squares of the layers at the best place, shape ``(layers,)``."""
        return self.squares[self.place]

    def regret(self, coefficient: float) -> float:
        """Return the excess loss at the place next to ``coefficient``, as a share of the least loss."""
        return lattices.regret(self.coefficients, self.losses.mean(axis=1), coefficient)


def read_table(path: Path | None = None) -> list[Curve]:
    """Read the table of the sweep, one curve a network, by width within its family."""
    with (path or published_table("widening")).open(newline="") as file:
        table = list(csv.DictReader(file))
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in table:
        key = tuple(row[name] for name in ("data", "noise", "optimizer", "rule", "depth", "width"))
        groups.setdefault(key, []).append(row)
    curves = [_curve(sorted(group, key=lambda row: float(row["c"]))) for group in groups.values()]
    return sorted(curves, key=lambda one: one.width)


def _curve(group: list[dict[str, str]]) -> Curve:
    first = group[0]
    losses = np.array([_numbers(row["losses"]) for row in group])
    depth = int(first["depth"])
    counts = tuple(layer.count for layer in layers_for(first["data"], int(first["width"]), depth))
    squares = [[np.nanmean(_numbers(row[f"squares_{n}"])) for n in range(1, depth + 1)] for row in group]
    return Curve(
        first["data"], float(first["noise"]), first["optimizer"], first["rule"], depth, int(first["width"]),
        counts, int(first["seed"]), np.array([float(row["c"]) for row in group]),
        np.where(np.isfinite(losses), losses, _DIVERGED), np.array(squares),
    )  # fmt: skip


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(";")]


def families(curves: Iterable[Curve], **wanted: Any) -> Iterator[tuple[str, list[Curve]]]:
    """Yield for every data set its curves, by width, whose other fields have the wanted values.

    A data set with a curve that is void, or none, is left out.
    """
    fitting = [one for one in curves if all(getattr(one, name) == value for name, value in wanted.items())]
    for data in dict.fromkeys(one.data for one in fitting):
        row = [one for one in fitting if one.data == data]
        if not any(one.void for one in row):
            yield data, row


def slope(row: Sequence[Curve], value: Callable[[Curve], float] = attrgetter("best")) -> float:
    """Return the least-squares slope, in the width, of the logarithm of a value of each curve."""
    widths, values = np.log([one.width for one in row]), np.log([value(one) for one in row])
    return float(np.polyfit(widths, values, 1)[0])


def carried(row: Sequence[Curve], exponent: float) -> float:
    """Return the regret, in the widest network, of the narrowest one's best times a power of the growth."""
    growth = row[-1].width / row[0].width
    return row[-1].regret(row[0].best * growth**exponent)


def audit(curves: Sequence[Curve], count: int, seed: int, device: str = "cpu") -> np.ndarray:
    """Train the first repetition of some networks again; return its losses in the table and now.

    The networks are drawn without repetition by ``seed``; the shape is ``(2, networks * places)``.
    """
    drawn = np.random.default_rng(seed).choice(len(curves), min(count, len(curves)), replace=False)
    pairs = []
    for one in (curves[place] for place in drawn):
        again = rows(one.data, one.noise, one.optimizer, one.rule, one.depth, one.width, one.seed, 1, device)
        pairs.append([one.losses[:, 0], [float(row["losses"]) for row in again]])
    return np.concatenate(pairs, axis=1)
