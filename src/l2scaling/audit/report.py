"""The result of an audit: rows of a table, warnings, and what could not be seen."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tabulate import tabulate

from l2scaling.atlas.lookup import listed
from l2scaling.audit.findings import Finding, kappa, partly_felt, unfelt
from l2scaling.audit.weights import KINDS


class AuditError(ValueError):
    """A request that cannot be audited: what was given, and what is allowed."""


@dataclass(frozen=True)
class Weight:
    """One tensor: its group, name, kind, count, Σw², data type, and what decays it."""

    group: str
    name: str
    kind: str
    count: int
    sum_squares: float
    dtype: str
    finding: Finding


@dataclass(frozen=True)
class Row:
    """All tensors of one group and kind that fare alike.

    ``count`` is their P, ``sum_squares`` Σw² and ``rms`` the root of Σw²/P. ``rate`` is η, the largest of the
    schedule if there is one; ``decay`` the λ beside the step; ``coefficient`` the c in the gradient, and
    ``penalty`` its c/2·Σw², in units of the loss. ``share`` is the part of a weight that a step takes in the
    long run, ``first_share`` that of the first step, ``None`` where a preconditioner rescales the pull.
    ``half_life`` counts calls, ``every`` those from one decay to the next; ``kappa`` is the sum of the shares
    over the planned steps; ``wall`` is 1/λ, which a weight hardly passes where the step has one size whatever
    the gradient. ``source`` is the row of the atlas, or ``"measured"``; ``swings`` says that momentum makes
    weights swing about zero under decay alone, ``share`` being what the swings lose.
    """

    group: str
    kind: str
    names: tuple[str, ...]
    count: int
    sum_squares: float
    rms: float
    dtypes: tuple[str, ...]
    rate: float | None
    decay: float
    coefficient: float
    penalty: float | None
    share: float | None
    first_share: float | None
    every: int
    half_life: float | None
    kappa: float | None
    wall: float | None
    source: str
    swings: bool = False

    @property
    def decays(self) -> bool:
        """Whether anything pulls at these weights."""
        return self.share is None or self.share != 0 or self.coefficient != 0


_HEAD = ("group", "kind", "tensors", "P", "Σw²", "RMS", "η", "λ", "c", "c/2·Σw²", "share", "half-life", "κ",
         "1/λ")  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """What an optimiser does to weights: rows, how that is known, warnings, and what is not seen.

    It prints as a table and lines; ``to_dict`` is for programs.
    """

    optimizer: str
    rows: tuple[Row, ...]
    known: tuple[str, ...]
    warnings: tuple[str, ...]
    unseen: tuple[str, ...]
    steps: int | None = None

    def __str__(self) -> str:
        alike = Counter((one.group, one.kind) for one in self.rows)
        body = [
            (one.group, _kind(one, alone=alike[one.group, one.kind] == 1), len(one.names),
             f"{one.count:,}", _number(one.sum_squares),
             _number(one.rms), _number(one.rate), _number(one.decay or None),
             _number(one.coefficient or None), _number(one.penalty), _share(one), _number(one.half_life),
             _number(one.kappa if one.decays else None), _number(one.wall))
            for one in self.rows
        ]  # fmt: skip
        align = ("left", "left", *["right"] * (len(_HEAD) - 2))
        table = tabulate(body, _HEAD, tablefmt="plain", disable_numparse=True, colalign=align)
        lines = [self.optimizer, *(line.rstrip() for line in table.splitlines())]
        lines += [f"known: {one}" for one in self.known]
        lines += [f"warning: {one}" for one in self.warnings]
        lines += [f"not seen: {one}" for one in self.unseen]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as plain dictionaries, lists, numbers and strings, fit for JSON."""
        plain = asdict(self)
        rows = [row | {"decays": one.decays} for row, one in zip(plain["rows"], self.rows, strict=True)]
        return plain | {"rows": rows}


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _kind(row: Row, *, alone: bool) -> str:
    return row.kind if alone else f"{row.kind}: {named(row.names, 1)}"


def _share(row: Row) -> str:
    if row.share is None:
        return "rescaled"
    if not row.decays:
        return "none"
    return _number(row.share) + (f" in {row.every}" if row.every > 1 else "")


def rows_of(weights: Iterable[Weight], plans: dict[str, Sequence[float]]) -> tuple[Row, ...]:
    """Gather tensors of one group, kind and finding into rows; ``plans`` has the rates to come by group."""
    gathered: dict[tuple[str, str, Finding], list[Weight]] = {}
    for one in weights:
        gathered.setdefault((one.group, one.kind, one.finding), []).append(one)
    groups = list(dict.fromkeys(key[0] for key in gathered))
    ordered = sorted(gathered, key=lambda key: (groups.index(key[0]), KINDS.index(key[1])))
    return tuple(_row(gathered[key], plans.get(key[0])) for key in ordered)


def _row(weights: Sequence[Weight], rates: Sequence[float] | None) -> Row:
    finding, count = weights[0].finding, sum(one.count for one in weights)
    total = math.fsum(one.sum_squares for one in weights)
    return Row(
        weights[0].group, weights[0].kind, tuple(one.name for one in weights), count, total,
        math.sqrt(total / count) if count else 0.0, tuple(sorted({one.dtype for one in weights})),
        finding.rate, finding.decay, finding.coefficient,
        finding.coefficient / 2 * total if finding.coefficient else None, finding.share, finding.first,
        finding.every, finding.half_life, None if rates is None else kappa(finding, rates),
        finding.wall, finding.row or "measured", finding.swings,
    )  # fmt: skip


def named(names: Sequence[str], most: int = 3) -> str:
    """Name some things, and count those left out.

    >>> named(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    return listed(names, most)


def general_warnings(rows: Sequence[Row], dtype: str | None) -> list[str]:
    """Return warnings that follow from shares: one too small for a data type, too large, growing, or rare."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in rows:
        for text in _complaints(one, (dtype,) if dtype else one.dtypes):
            found.setdefault((one.group, text), []).append(one.kind)
    return [f"group {group}, {_listed(kinds)}: {text}" for (group, text), kinds in found.items()]


def _complaints(row: Row, dtypes: Iterable[str]) -> Iterator[str]:
    if not row.share:
        return
    for held in dtypes:
        if unfelt(row.share, held):
            alone = " where it acts alone" if row.coefficient else ""
            yield f"1 − {row.share:.3g} is 1 in {held}, so that decay takes nothing{alone}"
        elif partly_felt(row.share, held):
            what = f"a share of {row.share:.3g} acts on a part of the weights only"
            yield f"{what} in {held}, so that half-life and κ do not hold"
    if row.swings:
        what = "momentum is strong enough that under decay alone weights swing about zero"
        yield f"{what}, and their swings shrink by {row.share:.3g} a step"
    if row.share < 0:
        yield f"weights grow by {-row.share:.3g} of themselves a step"
    elif row.share >= 1:
        yield f"a share of {row.share:.3g} takes all of a weight, or turns its sign"
    if row.every > 1:
        yield f"decay acts once in {row.every} calls"


def _listed(kinds: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(kinds))
