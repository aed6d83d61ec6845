"""Predictions written before a computation, and the records that judge them after it.

A notebook states its ``Predictions`` above the cells that compute, each under a name; later it judges
them by these names and shows all records as one table. The table travels inside the executed notebook,
from which the book gathers it.
"""

import math
import os
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from l2scaling.measuring.intervals import Exponent, Interval

MIME = "application/vnd.l2scaling.evidence+json"

PREDICTIONS_MIME = "application/vnd.l2scaling.predictions+json"

ROWS_MIME = "application/vnd.l2scaling.rows+json"

KINDS = {
    "equals": "the measured value, which has no sampling error, lies within the margin of the prediction",
    "equivalent": "the whole interval lies within the margin of the prediction (two one-sided tests)",
    "at-most": "the upper end of the interval is no more than the prediction plus the margin",
    "at-least": "the lower end of the interval is no less than the prediction minus the margin",
    "exact": "the measured value is the prediction, with no margin",
}
"""When a prediction of each kind is met."""


@dataclass(frozen=True)
class Record:
    """One quantity tested: what was predicted, what came out, and whether they agree.

    ``low`` and ``high`` are a 95% interval unless ``quantity`` says otherwise; ``n`` counts
    independent units (seeds, unless ``quantity`` says otherwise). A ``check`` is an identity, which
    only a fault of the code could break; all others are predictions, which the world could.
    """

    claim: str | None
    chapter: str
    quantity: str
    kind: str
    predicted: float
    measured: float
    low: float
    high: float
    margin: float
    n: int
    holds: bool
    check: bool = False


@dataclass(frozen=True)
class Prediction:
    """A value stated before it is measured, with its margin and the way it is judged.

    ``claim`` is an id of claims.yml or None; ``quantity`` says in words what is measured,
    with its unit; ``kind`` is a key of ``KINDS``; a ``check`` is an identity. Raises ``ValueError``
    for another kind, a negative margin, or a margin on an exact prediction.

    >>> law = Prediction("penalty-and-pull", "A3", "exponent of the total", "equivalent", 1.0, 0.01)
    >>> law.judge(1.002, 0.998, 1.006, 10).holds
    True
    >>> law.judge(1.002, 0.98, 1.02, 10).holds
    False
    """

    chapter: str
    claim: str | None
    quantity: str
    kind: str
    predicted: float
    margin: float = 0.0
    check: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is unknown; allowed: {', '.join(KINDS)}")
        if not self.margin >= 0 or (self.kind == "exact" and self.margin):
            raise ValueError(f"margin {self.margin} of {self.quantity!r}: allowed 0 or more, 0 if exact")

    def judge(self, measured: float, low: float, high: float, n: int) -> Record:
        """Compare a measurement and its interval with the prediction, by the rule of its kind.

        Anything not finite fails. Raises ``ValueError`` if ``low`` exceeds ``high``, or if what is
        measured with an interval was predicted to be equal: there the whole interval has to lie near.
        """
        measured, low, high = float(measured), float(low), float(high)
        if low > high:
            raise ValueError(f"{self.quantity!r}: interval {low} to {high}; allowed: low first")
        if self.kind == "equals" and low < high:
            raise ValueError(f"{self.quantity!r} has an interval, {low} to {high}; allowed: kind equivalent")
        holds = all(map(math.isfinite, (measured, low, high))) and self._met(measured, low, high)
        return Record(
            claim=self.claim,
            chapter=self.chapter,
            quantity=self.quantity,
            kind=self.kind,
            predicted=float(self.predicted),
            measured=measured,
            low=low,
            high=high,
            margin=float(self.margin),
            n=int(n),
            holds=holds,
            check=self.check,
        )

    def _met(self, measured: float, low: float, high: float) -> bool:
        floor, ceiling = self.predicted - self.margin, self.predicted + self.margin
        met = {
            "equals": floor <= measured <= ceiling,
            "equivalent": floor <= low and high <= ceiling,
            "at-most": high <= ceiling,
            "at-least": low >= floor,
            "exact": measured == self.predicted,
        }
        return bool(met[self.kind])  # numpy's own kind of truth cannot be written as JSON


@dataclass(frozen=True)
class Predictions:
    """The predictions of one chapter, in the order in which they are stated, and what became of them.

    Called with a name and then as ``Prediction`` is, but for the chapter, it keeps the prediction;
    ``check`` does so for an identity. As a cell's result it shows all of them: the
    predictions that decide a claim, those that do not, and the checks. ``judge`` takes what was measured
    by name; ``evidence`` returns the records, and asks for one of each.

    >>> law = Predictions("penalty-and-pull")
    >>> law("total", "A3", "exponent of the total", "equivalent", 1.0, 0.01)
    >>> print(law.table(law.stated.values()))
    | claim | quantity | predicted | test | refuted by |
    | --- | --- | --- | --- | --- |
    | A3 | exponent of the total | 1 ± 0.01 | equivalent | an interval that leaves 0.99 … 1.01 |
    >>> law.judge({"total": (1.002, 0.998, 1.006, 10)})
    >>> law.evidence().records[0].holds
    True
    """

    chapter: str
    stated: dict[Hashable, Prediction] = field(default_factory=dict)
    records: dict[Hashable, Record] = field(default_factory=dict)

    def __call__(
        self,
        name: Hashable,
        claim: str | None,
        quantity: str,
        kind: str,
        predicted: float,
        margin: float = 0.0,
        *,
        check: bool = False,
    ) -> None:
        """Keep a prediction under a name. Raises ``ValueError`` for a name that is taken."""
        if name in self.stated:
            raise ValueError(f"prediction {name!r} is stated twice; allowed: once")
        self.stated[name] = Prediction(self.chapter, claim, quantity, kind, predicted, margin, check)

    def check(self, name: Hashable, *stated: Any) -> None:
        """Keep an identity, stated as a prediction is, which only a fault of the code could break."""
        self(name, *stated, check=True)

    def judge(
        self, measured: Mapping[Any, float | Interval | tuple[float, float, float, int]], n: int = 1
    ) -> None:
        """Judge predictions by name: by intervals, or by numbers that have no sampling error.

        ``n`` counts the units behind each number; an interval brings its own. Raises ``ValueError``
        for a name that was not stated, or that was judged before.
        """
        for name, value in measured.items():
            if name not in self.stated or name in self.records:
                what = "judged twice" if name in self.records else "not stated"
                open_ = ", ".join(repr(one) for one in self.stated if one not in self.records)
                raise ValueError(f"prediction {name!r} is {what}; allowed: {open_ or 'none is left'}")
            found = value if isinstance(value, tuple) else (value, value, value, n)
            self.records[name] = self.stated[name].judge(*found)

    def evidence(self) -> "Evidence":
        """Return all records, in the order in which the predictions were stated.

        Raises ``ValueError`` if a prediction was not judged.
        """
        if missing := [name for name in self.stated if name not in self.records]:
            raise ValueError(f"prediction {missing[0]!r} was not judged; allowed: every one is")
        return Evidence([self.records[name] for name in self.stated])

    @staticmethod
    def table(predictions: Iterable[Prediction]) -> str:
        """Return predictions as a Markdown table, with the claims if any decides one."""
        rows = list(predictions)
        claims = any(one.claim for one in rows)
        head = ["claim", "quantity", "predicted", "test", "refuted by"]
        lines = [
            [one.claim or "", _escaped(one.quantity), _expectation(one), one.kind, _refutation(one)]
            for one in rows
        ]
        return _table(line if claims else line[1:] for line in (head, *lines))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        stated = self.stated.values()
        parts = {
            "": [one for one in stated if one.claim and not one.check],
            "*Predictions that decide no claim*:": [one for one in stated if not one.claim and not one.check],
            _CHECKS: [one for one in stated if one.check],
        }
        text = "\n\n".join(f"{title}\n\n{self.table(part)}" for title, part in parts.items() if part).strip()
        return {
            PREDICTIONS_MIME: [asdict(one) for one in stated],
            "text/markdown": text,
            "text/plain": text,
        }


_CHECKS = "*Checks*, identities that only a fault of the code could break:"


def _table(lines: Iterable[Sequence[str]]) -> str:
    """Return lines of cells as a Markdown table; the first is its head."""
    head, *rows = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


def _refutation(one: Prediction) -> str:
    floor, ceiling = number(one.predicted - one.margin), number(one.predicted + one.margin)
    if floor == ceiling and one.kind in ("equals", "equivalent"):
        return f"a difference of more than {number(one.margin)}"
    return {
        "equals": f"a value outside {floor} … {ceiling}",
        "equivalent": f"an interval that leaves {floor} … {ceiling}",
        "at-most": f"an interval that reaches above {ceiling}",
        "at-least": f"an interval that reaches below {floor}",
        "exact": "any difference",
    }[one.kind]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")  # or a table would take it for a border


def number(value: float) -> str:
    """Write a number for a table: four significant digits, powers of ten beyond 1e±4.

    >>> number(0.99987), number(2.5e-7), number(0.0), number(1e9)
    ('0.9999', '2.5e-07', '0', '1e+09')
    """
    return f"{value:.4g}"


def _expectation(one: Record | Prediction) -> str:
    sign = {"at-most": "≤ ", "at-least": "≥ "}.get(one.kind, "")
    margin = f" ± {number(one.margin)}" if one.margin else ""
    return f"{sign}{number(one.predicted)}{margin}"


def records_table(
    records: Iterable[Record], *, claims: bool = True, stated: Mapping[str, str] | None = None
) -> str:
    """Return records as a Markdown table, one row each, with the claim unless told otherwise.

    ``stated`` says of each quantity where its prediction was stated, in a column of its own.
    """
    head = ["quantity", "test", "predicted", "measured", "interval", "n", "outcome"]
    head += ["stated in"] if stated is not None else []
    lines = [head]
    for record in records:
        lines.append(
            [
                _escaped(record.quantity),
                record.kind,
                _expectation(record),
                number(record.measured),
                f"{number(record.low)} … {number(record.high)}" if record.low != record.high else "none",
                str(record.n),
                "met" if record.holds else "**not met**",
                *([stated[record.quantity]] if stated is not None else []),
            ]
        )
    if claims:
        first = ["claim", *(record.claim or "none" for record in records)]
        lines = [[cell, *line] for cell, line in zip(first, lines, strict=True)]
    return _table(lines)


def evidence_tables(
    records: Iterable[Record], *, claims: bool = True, stated: Mapping[str, str] | None = None
) -> str:
    """Return records as one table of predictions and, under its own title, one of checks.

    ``stated`` says of each predicted quantity where it was stated; checks need not say so.
    """
    every = list(records)
    predictions, checks = ([one for one in every if one.check == kind] for kind in (False, True))
    parts = [records_table(predictions, claims=claims, stated=stated)] if predictions else []
    if checks:
        parts += [_CHECKS, records_table(checks, claims=claims)]
    return "\n\n".join(parts)


@dataclass(frozen=True)
class Evidence:
    """The records of a chapter; as a cell's result it shows the table and carries the data."""

    records: Sequence[Record]

    def __post_init__(self) -> None:
        names = [record.quantity for record in self.records]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"quantity {repeated[0]!r} has several records; allowed: one each")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        table = evidence_tables(self.records)
        return {
            MIME: [asdict(record) for record in self.records],
            "text/markdown": table,
            "text/plain": table,
        }


def published_table(chapter: str) -> Path:
    """Return where the table lies that a sweep wrote for a chapter.

    In the checkout that L2SCALING_PROJECT names, or else in that of this package.
    """
    root = os.environ.get("L2SCALING_PROJECT") or Path(__file__).parents[2]
    return Path(root) / "results" / f"{chapter}.csv"


@dataclass(frozen=True)
class Rows:
    """Rows of a result table, each a flat mapping with the same names, as a sweep gathers them.

    As a cell's result it shows a table and carries the rows. Raises ``ValueError`` for rows that
    differ in their names, or for none.

    >>> Rows([{"width": 16, "best": 0.01}, {"width": 32, "best": 0.02}]).rows[1]["best"]
    0.02
    """

    rows: Sequence[dict[str, str | int | float]]

    def __post_init__(self) -> None:
        if len({tuple(row) for row in self.rows}) != 1:
            raise ValueError(f"{len(self.rows)} rows; allowed: at least one, all with the same names")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        names = list(self.rows[0])
        table = _table([names, *([_entry(row[name]) for name in names] for row in self.rows)])
        return {ROWS_MIME: list(self.rows), "text/markdown": table, "text/plain": table}


def _entry(value: str | int | float) -> str:
    return number(value) if isinstance(value, float) else str(value)


def report(**values: Any) -> None:
    """Store named values for the prose: ``{glue:text}`name:.3f``` shows one.

    An ``Interval`` called ``gap`` becomes ``gap``, ``gap_low`` and ``gap_high``; an ``Exponent`` called
    ``total`` becomes ``total_exponent``, ``total_low`` and ``total_high``.
    """
    from myst_nb import glue  # part of the book's tools, which the package itself does not need

    for name, value in values.items():
        if isinstance(value, Interval):
            middle = f"{name}_exponent" if isinstance(value, Exponent) else name
            report(**{middle: value.estimate, f"{name}_low": value.low, f"{name}_high": value.high})
        else:
            glue(name, value.item() if hasattr(value, "item") else value, display=False)
