"""What becomes of decay in situations: no gradient, a frozen or clipped one, another rate, bfloat16.

A table has a row an argument, with the share of a weight that one step took in each situation; what the
shares say in words is computed.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2scaling.atlas.lookup import listed

SITUATIONS = ("still", "double", "unused", "frozen", "clipped", "slower", "tied", "long", "bfloat16")
"""A gradient of zeros; the same on weights twice as large; no gradient at all; zeros that were left on a
frozen tensor; zeros beside a large gradient of others, clipped; zeros at a tenth of the rate; a tensor that
is listed twice; zeros for twenty steps at a share of 0.001 or less a step, and these in bfloat16."""

COLUMNS = ("row", "library", "version", "date", *SITUATIONS)


@dataclass(frozen=True)
class Situations:
    """Of one row at one version: the share that was lost in each situation, or the error that it ended in.

    ``math.nan`` stands for a situation that was not tried.
    """

    row: str
    library: str
    version: str
    date: str
    shares: Mapping[str, float | str]

    def told(self) -> dict[str, str]:
        """Return what the shares say, by situation; nothing of what was not tried.

        >>> shares = {"still": 0.01, "double": 0.01, "unused": 0.0, "slower": 0.01, "tied": "ValueError"}
        >>> for what, words in Situations("a", "b", "1", "", shares).told().items():
        ...     print(what, "-", words)
        double - all weights lose one share
        unused - is left alone
        slower - does not follow the rate
        tied - ends in ValueError
        """
        still = self.shares.get("still", math.nan)
        if isinstance(still, str):
            return {"double": f"ends in {still}"}
        if math.isnan(still) or abs(still) < 1e-12:
            return {}
        found = {}
        for what, words in _WORDS.items():
            one, whole = (self.shares.get(key, math.nan) for key in (what, _AGAINST.get(what, "still")))
            if isinstance(one, str):
                found[what] = f"ends in {one}"
            elif isinstance(whole, float) and not math.isnan(one + whole):
                found[what] = words(one, whole)
        long = self.shares.get("long", math.nan)
        if found.get("double") != ONE_SHARE or not isinstance(long, float) or long > LONGEST:
            found.pop("bfloat16", None)
        return found


def _near(one: float, other: float, slack: float = 1e-4) -> bool:
    return math.isclose(one, other, rel_tol=slack, abs_tol=1e-12)


def _alone(one: float, still: float) -> str:
    return (
        "is left alone" if abs(one) < 1e-12 else "is decayed" if _near(one, still) else "is moved otherwise"
    )


def _slower(one: float, still: float) -> str:
    for power, words in ((10, "follows the rate"), (100, "follows the square of the rate")):
        if _near(one, still / power, 1e-2):
            return words
    return "does not follow the rate" if _near(one, still, 1e-2) else "follows the rate in part"


def _tied(one: float, still: float) -> str:
    return "is decayed once" if _near(one, still) else "is decayed more than once"


def _rounded(one: float, long: float) -> str:
    if abs(one) < 1e-12:
        return "loses nothing"
    return "loses what it should" if _near(one, long, 0.1) else "loses another share"


LONGEST = 0.03
"""What twenty steps at a share of 0.001 take at most, where no momentum gathers it."""
ONE_SHARE = "all weights lose one share"
_AGAINST = {"bfloat16": "long"}
_WORDS: dict[str, Callable[[float, float], str]] = {
    "double": lambda one, still: ONE_SHARE if _near(one, still) else "the share depends on the weight's size",
    "unused": _alone,
    "frozen": _alone,
    "clipped": lambda one, still: (
        "leaves it as it is" if _near(one, still) else "with a large gradient elsewhere changes it"
    ),
    "slower": _slower,
    "tied": _tied,
    "bfloat16": _rounded,
}

SUBJECTS = {
    "double": "where the gradient is zero,",
    "unused": "a parameter whose gradient is None",
    "frozen": "a frozen parameter with a gradient that was left",
    "clipped": "clipping of gradients",
    "slower": "at a tenth of the learning rate decay",
    "tied": "a tensor that is listed twice",
    "bfloat16": "at a share of 0.001 a step a weight in bfloat16",
}
"""How a sentence about each situation begins."""


def read(path: Path) -> list[Situations]:
    """Return the rows of a table; none if there is no such file yet."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Situations(
                row["row"],
                row["library"],
                row["version"],
                row["date"],
                {key: _number(row[key]) for key in SITUATIONS},
            )
            for row in csv.DictReader(file)
        ]


def _number(text: str) -> float | str:
    try:
        return float(text or "nan")
    except ValueError:
        return text


def _short(row: str) -> str:
    return f"`{row.rpartition('.')[2]}`"


def summary(found: Sequence[Situations]) -> list[str]:
    """Return a sentence a situation for the rows of a library: what most do, and which do not.

    >>> one = Situations("a.A", "a", "1", "", {"still": 0.01, "unused": 0.0})
    >>> summary([one, one, Situations("a.B", "a", "1", "", {"still": 0.01, "unused": 0.01})])
    ['a parameter whose gradient is None is left alone; is decayed: `B`']
    """
    lines = []
    for what, subject in SUBJECTS.items():
        groups: dict[str, list[str]] = {}
        for one in found:
            if words := one.told().get(what):
                groups.setdefault(words, []).append(one.row)
        if not groups:
            continue
        most, *others = sorted(groups, key=lambda words: -len(groups[words]))
        rest = [f"{words}: {listed([_short(row) for row in groups[words]], 12)}" for words in others]
        lines.append("; ".join([f"{subject} {most}", *rest]))
    return lines
