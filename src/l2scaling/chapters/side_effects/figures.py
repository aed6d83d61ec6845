"""Figures of what reads the total: curves against the number of weights, and sizes at which they bite."""

from collections.abc import Sequence
from dataclasses import dataclass

from l2scaling.figures.series import COLORS, Series, draw, rows
from l2scaling.figures.theme import Picture, subplots


@dataclass(frozen=True)
class Panel:
    """Curves over one pair of axes; ``bite`` marks the predicted size at which the effect begins."""

    xlabel: str
    ylabel: str
    curves: Sequence[Series]
    bite: float | None = None
    linear: bool = False


def curves(panels: Sequence[Panel]) -> Picture:
    """Draw panels of curves: means over seeds with bars from least to largest, predictions dashed.

    The horizontal axis is logarithmic, the vertical one too unless the panel is ``linear``. Panels
    with one label on the vertical axis share its range; markers shrink, so that none hides another.
    """
    shared = len({panel.ylabel for panel in panels}) == 1
    figure, all_axes = subplots(len(panels), height=4.2, share_y=shared)
    words = []
    for axes, panel in zip(all_axes, panels, strict=True):
        draw(axes, panel.curves, ms=10, grow=-2)
        words += [curve.ends() for curve in panel.curves]
        if panel.bite is not None:
            axes.axvline(panel.bite, color="0.25", linestyle=":", label="predicted to bite")
        axes.set(xscale="log", xlabel=panel.xlabel, ylabel=panel.ylabel)
        axes.set_yscale("linear" if panel.linear else "log")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
    return Picture(figure, f"Means at the first and the last size of each curve. {'; '.join(words)}.")


def bite_sizes(names: Sequence[str], predicted: Sequence[float], measured: Sequence[float]) -> Picture:
    """Draw for each mechanism the number of weights at which it begins, predicted and measured."""
    figure, (axes,) = subplots(1, height=0.36 * len(names) + 1.3)
    axes.semilogx(predicted, range(len(names)), "D", mfc="none", mec="0.25", ms=11, label="predicted")
    axes.semilogx(measured, range(len(names)), "o", color=COLORS[0], ms=5, label="measured")
    rows(axes, names)
    axes.set(xlabel="number of weights P")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    sizes = "; ".join(f"{name}: {size:.2g}" for name, size in zip(names, measured, strict=True))
    return Picture(figure, f"Number of weights at which each effect begins, as measured. {sizes}.")
