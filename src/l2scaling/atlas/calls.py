"""What real calls of each library showed: where a row of the atlas is measured, and whether it agrees.

A call is kept as a row of a table: which argument, at which version and date, under which value and
quantities, and the coefficient that it turned out to have. What a formula says of a call is computed.
"""

import csv
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l2scaling.atlas.conventions import Convention, find
from l2scaling.atlas.quantities import QUANTITIES, Usage

COLUMNS = ("row", "library", "version", "date", "value", "setting", "coefficient", "bias", "gain")
DRAWS = 3
"""Calls of each row whose value and quantities are drawn at random, between those of its trial."""

_TRIALS: dict[str, dict[str, tuple[float, ...]]] = {
    "network": {"value": (0.1, 0.01), "learning_rate": (0.1, 0.01)},
    "linear": {"value": (0.5, 0.05), "samples": (40, 120), "features": (3, 6)},
}


@dataclass(frozen=True)
class Call:
    """A measured call: of which row, at which version and date, with what, and what it showed."""

    row: str
    library: str
    version: str
    date: str
    value: float
    setting: dict[str, float]
    coefficient: float
    bias: float | None = None
    gain: float | None = None

    @property
    def predicted(self) -> float:
        """The coefficient by the row's formula."""
        one = find(self.row)
        known = {*one.needs, *(["mean_weight"] if one.normalised else [])}
        given = {key: number for key, number in self.setting.items() if key in known}
        return one.coefficient(self.value, Usage(**_typed(given)))

    @property
    def fits(self) -> bool:
        """Whether the call agrees with its row, in its coefficient and in what was decayed besides."""
        one, expected = find(self.row), self.predicted
        slack = one.tolerance * (abs(expected) or 1.0)
        besides = {"biases": self.bias, "gains": self.gain}
        return abs(self.coefficient - expected) <= slack and all(
            abs(got - (expected if one.decays[what] else 0.0)) <= 100 * slack
            for what, got in besides.items()
            if got is not None and what in one.decays
        )


def _typed(setting: dict[str, float]) -> dict[str, Any]:
    return {name: int(one) if QUANTITIES[name].whole else one for name, one in setting.items()}


def read_calls(path: Path) -> list[Call]:
    """Return the calls of a table; none if there is no such file yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_call(row) for row in csv.DictReader(file)]


def _call(row: dict[str, str]) -> Call:
    pairs = (pair.partition("=") for pair in row["setting"].split(";") if pair)
    besides = (float(row[key]) if row[key] else None for key in ("bias", "gain"))
    return Call(
        row["row"], row["library"], row["version"], row["date"], float(row["value"]),
        {key: float(number) for key, _, number in pairs}, float(row["coefficient"]), *besides,
    )  # fmt: skip


def trials(row: Convention) -> list[tuple[float, dict[str, float]]]:
    """Return the values and settings at which a row is measured.

    The first of each list of its trial together, each of the others in turn, and a few drawn at random.
    """
    lists = _lists(row)
    base = {name: values[0] for name, values in lists.items()}
    found = [base, *(base | {name: one} for name, values in lists.items() for one in values[1:])]
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    for _ in range(DRAWS):
        found.append({name: _drawn(rng, name, values) for name, values in lists.items()})
    return [(one["value"], {key: number for key, number in one.items() if key != "value"}) for one in found]


def _lists(row: Convention) -> dict[str, tuple[float, ...]]:
    return dict(row.trial) or _TRIALS["network" if row.kind == "network" else "linear"]


Asked = tuple[str, float, tuple[tuple[str, float], ...]]
"""Of which row, at which value, under which quantities: what a call was asked for."""


def asked(row: Convention, value: float, setting: Mapping[str, float]) -> Asked:
    """Return what a call was asked for, without what it showed besides, or in place of that.

    Numbers are rounded as the table keeps them.

    >>> from l2scaling.atlas.conventions import find
    >>> shown = {"samples": 40, "features": 3, "feature_variance": 0.97, "mean_weight": 1}
    >>> asked(find("lifelines.CoxPHFitter"), 0.5, shown)[2]
    (('features', 3.0), ('mean_weight', 1.0), ('samples', 40.0))
    """
    names = sorted(_lists(row).keys() & setting.keys() - set(row.shows))
    return row.name, _kept(value), tuple((name, _kept(setting[name])) for name in names)


def _kept(number: float) -> float:
    return float(f"{number:.12g}")


def _drawn(rng: np.random.Generator, name: str, values: Sequence[float]) -> float:
    low, high = min(values), max(values)
    if (name in QUANTITIES and QUANTITIES[name].whole) or low <= 0:
        return float(rng.choice(np.array(values)))
    return float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.3g}")


def departures(calls: Sequence[Call]) -> list[str]:
    """Return in words which calls do not agree with their rows."""
    return [
        f"{one.row} at {one.value:g}, {one.setting}: measured {one.coefficient:.6g}, bias {one.bias}, "
        f"gain {one.gain}; its formula gives {one.predicted:.6g}"
        for one in calls
        if not one.fits
    ]
