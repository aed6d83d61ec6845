"""Predictions written before a computation, and the records that judge them after it.

A notebook states each ``Prediction`` above the cells that compute; later it calls
``judge`` with what it measured and shows all records as one ``Evidence`` table. The
table travels inside the executed notebook, from which the book gathers it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from l2scaling.measuring.intervals import Exponent

MIME = "application/vnd.l2scaling.evidence+json"

ROWS_MIME = "application/vnd.l2scaling.rows+json"

KINDS = {
    "equals": "the measured value lies within the margin of the prediction",
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
    independent units (seeds, unless ``quantity`` says otherwise).
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


@dataclass(frozen=True)
class Prediction:
    """A value stated before it is measured, with its margin and the way it is judged.

    ``claim`` is an id of claims.yml or None; ``quantity`` says in words what is measured,
    with its unit; ``kind`` is a key of ``KINDS``. Raises ``ValueError`` for another kind, a
    negative margin, or a margin on an exact prediction.

    >>> law = Prediction("A3", "exponent of the total", "equals", 1.0, 0.01, chapter="penalty-and-pull")
    >>> law.judge(1.002, 0.998, 1.006, 10).holds
    True
    >>> law.judge(0.5, 0.49, 0.51, 10).holds
    False
    """

    claim: str | None
    quantity: str
    kind: str
    predicted: float
    margin: float = 0.0
    chapter: str = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r} is unknown; allowed: {', '.join(KINDS)}")
        if not self.margin >= 0 or (self.kind == "exact" and self.margin):
            raise ValueError(f"margin {self.margin} of {self.quantity!r}: allowed 0 or more, 0 if exact")

    def judge(self, measured: float, low: float, high: float, n: int) -> Record:
        """Compare a measurement and its interval with the prediction, by the rule of its kind.

        Anything not finite fails. Raises ``ValueError`` if ``low`` exceeds ``high``.
        """
        measured, low, high = float(measured), float(low), float(high)
        if low > high:
            raise ValueError(f"{self.quantity!r}: interval {low} to {high}; allowed: low first")
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
        )

    def judge_point(self, measured: float, n: int) -> Record:
        """Compare a measurement that has no sampling error, so no interval, with the prediction."""
        return self.judge(measured, measured, measured, n)

    def _met(self, measured: float, low: float, high: float) -> bool:
        floor, ceiling = self.predicted - self.margin, self.predicted + self.margin
        if self.kind == "equals":
            return floor <= measured <= ceiling
        if self.kind == "equivalent":
            return floor <= low and high <= ceiling
        if self.kind == "at-most":
            return high <= ceiling
        if self.kind == "at-least":
            return low >= floor
        return measured == self.predicted


@dataclass(frozen=True)
class Predictions:
    """The predictions of one chapter, in the order in which they are stated.

    Called as ``Prediction`` is, but for the chapter, it keeps the prediction and returns it. As a
    cell's result it shows all of them as tables: those that decide a claim, and the checks, which do not.

    >>> law = Predictions("penalty-and-pull")
    >>> total_law = law("A3", "exponent of the total", "equals", 1.0, 0.01)
    >>> total_law.judge(1.002, 0.998, 1.006, 10).holds
    True
    >>> print(law.table(claims=True))
    | claim | quantity | predicted | test | refuted by |
    | --- | --- | --- | --- | --- |
    | A3 | exponent of the total | 1 ± 0.01 | equals | a value outside 0.99 … 1.01 |
    """

    chapter: str
    stated: list[Prediction] = field(default_factory=list)

    def __call__(
        self, claim: str | None, quantity: str, kind: str, predicted: float, margin: float = 0.0
    ) -> Prediction:
        self.stated.append(Prediction(claim, quantity, kind, predicted, margin, chapter=self.chapter))
        return self.stated[-1]

    def table(self, *, claims: bool) -> str:
        """Return the predictions that decide a claim, or those that do not, as a Markdown table."""
        rows = [one for one in self.stated if (one.claim is not None) == claims]
        head = ["claim", "quantity", "predicted", "test", "refuted by"]
        lines = [head, ["---"] * len(head)]
        lines += [
            [one.claim or "", _escaped(one.quantity), _expectation(one), one.kind, _refutation(one)]
            for one in rows
        ]
        return "\n".join("| " + " | ".join(line if claims else line[1:]) + " |" for line in lines)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        checks = any(one.claim is None for one in self.stated)
        text = self.table(claims=True)
        if checks:
            text += f"\n\n*Checks*, which decide no claim:\n\n{self.table(claims=False)}"
        return {"text/markdown": text, "text/plain": text}


def _refutation(one: Prediction) -> str:
    floor, ceiling = number(one.predicted - one.margin), number(one.predicted + one.margin)
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


def records_table(records: Iterable[Record], *, claims: bool = True) -> str:
    """Return records as a Markdown table, one row each, with the claim unless told otherwise."""
    head = ["quantity", "test", "predicted", "measured", "interval", "n", "outcome"]
    lines = [head, ["---"] * len(head)]
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
            ]
        )
    if claims:
        first = ["claim", "---", *(record.claim or "none" for record in records)]
        lines = [[cell, *line] for cell, line in zip(first, lines, strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


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
        table = records_table(list(self.records))
        return {
            MIME: [asdict(record) for record in self.records],
            "text/markdown": table,
            "text/plain": table,
        }


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
        lines = [names, ["---"] * len(names), *([_entry(row[name]) for name in names] for row in self.rows)]
        table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return {ROWS_MIME: list(self.rows), "text/markdown": table, "text/plain": table}


def _entry(value: str | int | float) -> str:
    return number(value) if isinstance(value, float) else str(value)


def report(**values: Any) -> None:
    """Store named values for the prose: ``{glue:text}`name:.3f``` shows one.

    An ``Exponent`` called ``total`` becomes ``total_exponent``, ``total_low`` and ``total_high``.
    """
    from myst_nb import glue  # part of the book's tools, which the package itself does not need

    for name, value in values.items():
        if isinstance(value, Exponent):
            parts = {"exponent": value.estimate, "low": value.low, "high": value.high}
            report(**{f"{name}_{part}": number for part, number in parts.items()})
        else:
            glue(name, value.item() if hasattr(value, "item") else value, display=False)
