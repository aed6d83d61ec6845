"""Figures of a sweep: which predictions keep holding where."""

from collections.abc import Sequence

import numpy as np
import seaborn
from matplotlib.lines import Line2D

from l2scaling.figures.theme import Picture, subplots


def outcomes(
    points: Sequence[str], quantities: Sequence[str], holds: Sequence[Sequence[bool | None]]
) -> Picture:
    """Draw a row a quantity, a column a point: a disc where the prediction is met, a cross where not.

    ``holds`` has shape ``(quantities, points)``; None leaves the place empty.
    """
    figure, (axes,) = subplots(1, height=1.6 + 0.28 * len(quantities))
    good, bad = (seaborn.color_palette("colorblind")[place] for place in (0, 3))
    table = np.array([[np.nan if one is None else float(one) for one in row] for row in holds])
    for value, marker, color in ((1.0, "o", good), (0.0, "X", bad)):
        rows, columns = np.nonzero(table == value)
        axes.plot(columns, rows, marker, color=color, ms=6)
    axes.set_yticks(range(len(quantities)), [name[:70] for name in quantities], fontsize="x-small")
    axes.set_xticks(range(len(points)), points, rotation=90, fontsize="x-small")
    axes.set(xlim=(-0.6, len(points) - 0.4), ylim=(len(quantities) - 0.4, -0.6))
    handles = [
        Line2D([], [], marker=marker, color=color, ls="none", label=label)
        for marker, color, label in (("o", good, "met"), ("X", bad, "not met"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2, fontsize="small")
    met, missed = int((table == 1).sum()), int((table == 0).sum())
    return Picture(
        figure,
        f"Of {met + missed} predictions at {len(points)} points {met} are met and {missed} are not.",
    )
