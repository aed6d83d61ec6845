"""Figures of chapter initialization."""

from collections.abc import Sequence

import numpy as np
import seaborn

from l2scaling.chapters.initialization.draws import Growth
from l2scaling.figures.series import PREDICTED, legend, rows, styled
from l2scaling.figures.theme import Picture, subplots


def growth_curves(panels: dict[str, Sequence[Growth]]) -> Picture:
    """Draw the sum of squares against P, a panel a way of growing, a line an initialiser.

    Lines are the exact expectations, points the means over seeds of what was drawn.
    """
    figure, all_axes = subplots(len(panels))
    for axes, (growth, curves) in zip(all_axes, panels.items(), strict=True):
        for curve, look in styled(curves, ms=5):
            axes.loglog(curve.counts, curve.expected[:, 0], "-", color=look["color"], linewidth=1)
            mean = curve.drawn[:, :, 0].mean(axis=1)
            axes.loglog(curve.counts, mean, **look, label=curve.initializer.name)
        axes.set(xlabel=f"number of weights P\n({growth})")
        axes.set_xticks([], minor=True)  # their labels would overlap
    all_axes[0].set_ylabel("sum of squares (squared weight units)")
    legend(figure, 6)
    ends = "; ".join(
        f"{growth}: "
        + ", ".join(
            f"{one.initializer.name} {one.drawn[-1, :, 0].mean() / one.drawn[0, :, 0].mean():.3g}"
            for one in curves
        )
        for growth, curves in panels.items()
    )
    return Picture(figure, f"Points on the exact lines. Growth of the sum from first to last size: {ends}.")


def exponent_maps(names: Sequence[str], columns: Sequence[str], exponents: np.ndarray) -> Picture:
    """Draw measured exponents of both sums as two annotated maps, initialiser by way of growing.

    ``exponents`` has shape ``(names, columns, 2)``: sum of squares, sum of absolute values.
    """
    figure, axes = subplots(2, height=3.8, share_y=True)
    for k, (one, name) in enumerate(zip(axes, ("sum of squares", "sum of absolute values"), strict=True)):
        seaborn.heatmap(
            exponents[:, :, k], ax=one, annot=True, fmt=".2f", cmap="crest", vmin=0, vmax=1, cbar=False,
            linewidths=1, xticklabels=[column.replace(" ", "\n") for column in columns], yticklabels=names,
        )  # fmt: skip
        one.set_xlabel(f"exponent of the {name}")
        one.tick_params(axis="y", rotation=0)
        one.tick_params(axis="x", rotation=0, labelsize="small")
    means = ", ".join(
        f"{column} {exponents[:, place, 0].min():.2f} to {exponents[:, place, 0].max():.2f}"
        for place, column in enumerate(columns)
    )
    return Picture(figure, f"Two tables of exponents in P. Of the sum of squares: {means}.")


def starting_costs(
    names: Sequence[str], conventions: Sequence[str], costs: np.ndarray, level: float
) -> Picture:
    """Draw the cost at the start by initialiser and convention, with the reported level.

    ``costs`` has shape ``(names, conventions)``.
    """
    figure, (axes,) = subplots(1)
    for (column, convention), look in styled(enumerate(conventions), mfc=None, ms=7):
        axes.semilogx(costs[:, column], range(len(names)), **look, label=convention)
    axes.axvline(level, **PREDICTED, label="reported cost")
    axes.set(xlabel="cost at the start (loss)")
    rows(axes, names)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))
    ranges = "; ".join(
        f"{convention}: {costs[:, k].min():.3g} to {costs[:, k].max():.3g}"
        for k, convention in enumerate(conventions)
    )
    return Picture(figure, f"Cost at the start by initialiser, against a reported {level:g}. {ranges}.")
