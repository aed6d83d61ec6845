"""Which statements of Part I survive in which setting, as a table with its measurements."""

import math
from collections.abc import Sequence

from l2scaling.evidence import number

SETTINGS = ("plain SGD", "Adam with L2", "AdamW", "normalised layers")


def fate(
    statement: str, quantity: str, expected: float, measured: Sequence[float | None], tolerance: float
) -> dict[str, str | int | float]:
    """Return a row for ``Rows``: what became of a statement in each of ``SETTINGS``.

    It survives where ``measured`` lies within ``tolerance`` of ``expected``; None where nothing was
    measured. Raises ``ValueError`` unless there is one value a setting.

    >>> list(fate("it holds", "slope", 1.0, [1.01, 0.5, None, None], 0.05).values())
    ['it holds', 'slope', 'yes: 1.01', '**no**: 0.5', '–', '–']
    """
    if len(measured) != len(SETTINGS):
        raise ValueError(f"{len(measured)} values of {statement!r}: allowed {len(SETTINGS)}")

    def told(value: float | None) -> str:
        if value is None:
            return "–"
        shown = number(value) if math.isfinite(value) else "not finite"
        return f"{'yes' if abs(value - expected) <= tolerance else '**no**'}: {shown}"

    row: dict[str, str | int | float] = {"statement": statement, "measured": quantity}
    return row | dict(zip(SETTINGS, map(told, measured), strict=True))
