"""Figures of chapter penalty-and-pull."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.theme import MARKERS, Picture, subplots


@dataclass(frozen=True)
class Series:
    """A quantity measured at several sizes, with its exponent, measured and predicted.

    ``values`` has shape ``(sizes, seeds)``.
    """

    label: str
    values: np.ndarray
    exponent: float
    predicted_exponent: float


def power_laws(sizes: Sequence[int], series: Sequence[Series]) -> Picture:
    """Draw one log–log panel a series: every seed, and the predicted slope through the mean.

    The dashed prediction has the predicted exponent and passes through the geometric
    centre of the measurements, so that only its slope is on trial. Panels span the same
    number of decades, so that slopes can be compared by eye.
    """
    figure, panels = subplots(len(series))
    colors = seaborn.color_palette("colorblind", len(series))
    log_size = np.log10(np.asarray(sizes, float))
    spans = []
    for axes, one, color, marker in zip(panels, series, colors, MARKERS, strict=False):
        centre = np.log10(one.values).mean()
        line = 10 ** (centre + one.predicted_exponent * (log_size - log_size.mean()))
        axes.loglog(sizes, line, "--", color="0.25", label=f"predicted slope {one.predicted_exponent:g}")
        points = np.repeat(sizes, one.values.shape[1])
        axes.loglog(points, one.values.ravel(), marker, color=color, mfc="none", ms=6, label="each seed")
        axes.set(xlabel="number of weights P", ylabel=one.label)
        axes.legend(loc="best", fontsize="small")
        spans.append(np.log10(one.values))
    half = max(np.ptp(span) for span in spans) / 2 + 0.4
    for axes, span in zip(panels, spans, strict=True):
        middle = (span.max() + span.min()) / 2
        axes.set_ylim(10 ** (middle - half), 10 ** (middle + half))
    slopes = "; ".join(
        f"{one.label}: measured {one.exponent:.3f}, predicted {one.predicted_exponent:g}" for one in series
    )
    return Picture(figure, f"Log-log panels against the number of weights, with slopes. {slopes}.")


def tracked_weights(sizes: Sequence[int], totals: np.ndarray, pulls: np.ndarray) -> Picture:
    """Draw the total penalty and the pull on each tracked weight against network size.

    ``totals`` has shape ``(sizes,)``, ``pulls`` shape ``(sizes, tracked)``.
    """
    figure, (left, right) = subplots(2)
    color, other = seaborn.color_palette("colorblind", 2)
    left.loglog(sizes, totals, "o-", color=color)
    left.set(xlabel="number of weights P", ylabel="total penalty (loss)")
    right.semilogx(sizes, pulls, "-", color=other, linewidth=0.7, alpha=0.8)
    right.semilogx(sizes, pulls[:, :1], "s", color=other, ms=5, label="first tracked weight")
    right.set(xlabel="number of weights P", ylabel="pull on a tracked weight\n(loss per weight unit)")
    right.legend(loc="upper right", fontsize="small")
    moved = np.ptp(pulls, axis=0).max()
    return Picture(
        figure,
        f"Left: the total penalty grows {totals[-1] / totals[0]:,.0f}-fold with the network. Right: "
        f"{pulls.shape[1]} lines, one a tracked weight; the pull on any changes by at most {moved:g}.",
    )


def exponent_triples(rows: Sequence[str], predicted: np.ndarray, measured: np.ndarray) -> Picture:
    """Draw predicted and measured exponents of value, mean pull and gradient norm, a row a penalty.

    ``predicted`` has shape ``(rows, 3)``, ``measured`` shape ``(rows, 3, 3)`` holding estimate,
    low and high.
    """
    figure, panels = subplots(3, height=0.42 * len(rows) + 1.5, share_y=True)
    colors = seaborn.color_palette("colorblind", 3)
    places = np.arange(len(rows))
    names = ("total value", "mean pull", "gradient norm")
    for column, (axes, color, name) in enumerate(zip(panels, colors, names, strict=True)):
        estimate, low, high = measured[:, column].T
        axes.plot(predicted[:, column], places, "D", mfc="none", mec="0.25", ms=11, label="predicted")
        axes.errorbar(
            estimate, places, xerr=np.clip([estimate - low, high - estimate], 0, None),
            fmt=MARKERS[column], color=color, ms=5, capsize=3, label="measured, 95% interval",
        )  # fmt: skip
        axes.set(xlim=(-1.25, 1.25), xticks=np.arange(-1, 1.5, 0.5), xlabel=f"exponent of the {name}")
    panels[0].set_yticks(places, rows)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, fontsize="small")
    worst = np.abs(measured[:, :, 0] - predicted).max()
    pulls = ", ".join(f"{row} {values[1, 0]:.2f}" for row, values in zip(rows, measured, strict=True))
    return Picture(
        figure,
        f"Measured exponents lie within {worst:.3f} of the predicted diamonds. Of the mean pull: {pulls}.",
    )
