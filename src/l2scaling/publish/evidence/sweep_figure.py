"""Figures of a sweep: which predictions keep holding where."""

from collections.abc import Sequence

import numpy as np

from l2scaling.figures.series import COLORS, legend, rows
from l2scaling.figures.theme import Picture, subplots


def met_and_missed(
    points: Sequence[str], quantities: Sequence[str], holds: Sequence[Sequence[bool | None]]
) -> Picture:
    """Draw a row a quantity, a column a point: a disc where the prediction is met, a cross where not.

    ``holds`` has shape ``(quantities, points)``; None leaves the place empty.
    """
    figure, (axes,) = subplots(1, height=1.6 + 0.28 * len(quantities))
    table = np.array([[np.nan if one is None else float(one) for one in row] for row in holds])
    for value, marker, color, label in ((1.0, "o", COLORS[0], "met"), (0.0, "X", COLORS[3], "not met")):
        places, columns = np.nonzero(table == value)
        axes.plot(columns, places, marker, color=color, ms=6, label=label)
    rows(axes, [name[:70] for name in quantities], fontsize="x-small")
    axes.set_xticks(range(len(points)), points, rotation=90, fontsize="x-small")
    axes.set(xlim=(-0.6, len(points) - 0.4))
    legend(figure, 2)
    met, missed = int((table == 1).sum()), int((table == 0).sum())
    return Picture(
        figure,
        f"Of {met + missed} predictions at {len(points)} points {met} are met and {missed} are not.",
    )
