"""Which statements of Part I survive in which setting, as a table with its measurements."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from l2scaling.evidence import number

SETTINGS = ("plain SGD", "Adam with L2", "AdamW", "normalised layers")


@dataclass(frozen=True)
class Fate:
    """A statement and what was measured of it in each of ``SETTINGS``: whether it survives, and the
    quantity that says so; None where nothing was measured.
    """

    statement: str
    quantity: str
    cells: Sequence[tuple[bool, float] | None]


def fate(
    statement: str, quantity: str, expected: float, measured: Sequence[float | None], tolerance: float
) -> Fate:
    """Return a row whose statement survives where ``measured`` lies within ``tolerance`` of ``expected``.

    >>> fate("it holds", "slope", 1.0, [1.01, 0.5, None, None], 0.05).cells
    [(True, 1.01), (False, 0.5), None, None]
    """
    cells = [None if one is None else (bool(abs(one - expected) <= tolerance), one) for one in measured]
    return Fate(statement, quantity, cells)


@dataclass(frozen=True)
class Fates:
    """Statements in rows, settings in columns; as a cell's result it shows a table.

    Raises ``ValueError`` for a row that has not one cell a setting.

    >>> print(Fates([Fate("it holds", "slope", [(True, 1.0), (False, 0.5), None, None])]).markdown())
    | statement | measured | plain SGD | Adam with L2 | AdamW | normalised layers |
    | --- | --- | --- | --- | --- | --- |
    | it holds | slope | yes: 1 | **no**: 0.5 | – | – |
    """

    rows: Sequence[Fate]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(SETTINGS):
                raise ValueError(f"{len(row.cells)} cells of {row.statement!r}: allowed {len(SETTINGS)}")

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [["statement", "measured", *SETTINGS], ["---"] * (2 + len(SETTINGS))]
        for row in self.rows:
            lines.append([row.statement, row.quantity, *map(_told, row.cells)])
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/markdown": self.markdown(), "text/plain": self.markdown()}


def _told(cell: tuple[bool, float] | None) -> str:
    if cell is None:
        return "–"
    survives, value = cell
    shown = number(value) if math.isfinite(value) else "not finite"
    return f"{'yes' if survives else '**no**'}: {shown}"
