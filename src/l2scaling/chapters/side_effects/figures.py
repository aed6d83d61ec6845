"""Figures of what reads the total: curves against the number of weights, and sizes at which they bite."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.theme import MARKERS, Picture, subplots


@dataclass(frozen=True)
class Curve:
    """A quantity at several sizes; ``values`` has shape ``(sizes, seeds)``, ``predicted`` ``(sizes,)``."""

    label: str
    sizes: Sequence[float]
    values: np.ndarray
    predicted: np.ndarray | None = None


@dataclass(frozen=True)
class Panel:
    """Curves over one pair of axes; ``bite`` marks the predicted size at which the effect begins."""

    xlabel: str
    ylabel: str
    curves: Sequence[Curve]
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
        colors = seaborn.color_palette("colorblind", len(panel.curves))
        for place, (curve, color) in enumerate(zip(panel.curves, colors, strict=True)):
            mean = curve.values.mean(axis=1)
            bars = np.array([mean - curve.values.min(axis=1), curve.values.max(axis=1) - mean])
            axes.errorbar(
                curve.sizes, mean, yerr=np.clip(bars, 0, None), fmt=MARKERS[place], color=color,
                mfc="none", ms=10 - 2 * place, capsize=3, label=curve.label,
            )  # fmt: skip
            if curve.predicted is not None:
                axes.plot(curve.sizes, curve.predicted, "--", color=color, linewidth=1.2)
            words.append(f"{curve.label}: {mean[0]:.3g} to {mean[-1]:.3g}")
        if any(curve.predicted is not None for curve in panel.curves):
            axes.plot([], [], "--", color="0.25", label="predicted")
        if panel.bite is not None:
            axes.axvline(panel.bite, color="0.25", linestyle=":", label="predicted to bite")
        axes.set(xscale="log", xlabel=panel.xlabel, ylabel=panel.ylabel)
        axes.set_yscale("linear" if panel.linear else "log")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
    return Picture(figure, f"Means at the first and the last size of each curve. {'; '.join(words)}.")


def bite_sizes(rows: Sequence[str], predicted: Sequence[float], measured: Sequence[float]) -> Picture:
    """Draw for each mechanism the number of weights at which it begins, predicted and measured."""
    figure, (axes,) = subplots(1, height=0.36 * len(rows) + 1.3)
    places = np.arange(len(rows))
    axes.semilogx(predicted, places, "D", mfc="none", mec="0.25", ms=11, label="predicted")
    color = seaborn.color_palette("colorblind")[0]
    axes.semilogx(measured, places, "o", color=color, ms=5, label="measured")
    axes.set_yticks(places, rows)
    axes.invert_yaxis()
    axes.set(xlabel="number of weights P")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    sizes = "; ".join(f"{row}: {size:.2g}" for row, size in zip(rows, measured, strict=True))
    return Picture(figure, f"Number of weights at which each effect begins, as measured. {sizes}.")
