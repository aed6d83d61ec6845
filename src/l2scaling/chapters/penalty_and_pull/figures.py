"""Figures of chapter penalty-and-pull."""

from collections.abc import Sequence

import numpy as np

from l2scaling.figures.series import Series, bars, guide, legend, rows, same_decades, scatter, styled
from l2scaling.figures.theme import Picture, subplots


def power_laws(series: Sequence[Series]) -> Picture:
    """Draw one log–log panel a series: every seed, and the predicted slope through the mean.

    Panels span the same number of decades, so that slopes can be compared by eye.
    """
    figure, panels = subplots(len(series))
    for axes, (one, look) in zip(panels, styled(series, ms=6), strict=True):
        slope = one.predicted_exponent
        guide(axes, one.x, one.values, slope, label=f"predicted slope {slope:g}")
        scatter(axes, one.x, one.values, **look, label="each seed")
        axes.set(xscale="log", yscale="log", xlabel="number of weights P", ylabel=one.label)
        axes.legend(loc="best", fontsize="small")
    same_decades(panels, [one.values for one in series])
    slopes = "; ".join(
        f"{one.label}: measured {one.exponent:.3f}, predicted {one.predicted_exponent:g}" for one in series
    )
    return Picture(figure, f"Log-log panels against the number of weights, with slopes. {slopes}.")


def tracked_weights(sizes: Sequence[int], totals: np.ndarray, pulls: np.ndarray) -> Picture:
    """Draw the total penalty and the pull on each tracked weight against network size.

    ``totals`` has shape ``(sizes,)``, ``pulls`` shape ``(sizes, tracked)``.
    """
    figure, (left, right) = subplots(2)
    (_, first), (_, second) = styled((left, right), mfc=None, ms=5)
    left.loglog(sizes, totals, **first | {"linestyle": "-"})
    left.set(xlabel="number of weights P", ylabel="total penalty (loss)")
    right.semilogx(sizes, pulls, "-", color=second["color"], linewidth=0.7, alpha=0.8)
    right.semilogx(sizes, pulls[:, 0], **second, label="first tracked weight")
    right.set(xlabel="number of weights P", ylabel="pull on a tracked weight\n(loss per weight unit)")
    right.legend(loc="upper right", fontsize="small")
    moved = np.ptp(pulls, axis=0).max()
    return Picture(
        figure,
        f"Left: the total penalty grows {totals[-1] / totals[0]:,.0f}-fold with the network. Right: "
        f"{pulls.shape[1]} lines, one a tracked weight; the pull on any changes by at most {moved:g}.",
    )


def exponent_triples(names: Sequence[str], predicted: np.ndarray, measured: np.ndarray) -> Picture:
    """Draw predicted and measured exponents of value, mean pull and gradient norm, a row a penalty.

    ``predicted`` has shape ``(names, 3)``, ``measured`` shape ``(names, 3, 3)`` holding estimate,
    low and high.
    """
    figure, panels = subplots(3, height=0.42 * len(names) + 1.5, share_y=True)
    places = np.arange(len(names))
    kinds = enumerate(("total value", "mean pull", "gradient norm"))
    for axes, ((column, kind), look) in zip(panels, styled(kinds, mfc=None, ms=5), strict=True):
        axes.plot(predicted[:, column], places, "D", mfc="none", mec="0.25", ms=11, label="predicted")
        bars(axes, places, measured[:, column].T, across=True, **look, label="measured, 95% interval")
        axes.set(xlim=(-1.25, 1.25), xticks=np.arange(-1, 1.5, 0.5), xlabel=f"exponent of the {kind}")
    rows(panels[0], names)
    legend(figure, 2)
    worst = np.abs(measured[:, :, 0] - predicted).max()
    pulls = ", ".join(f"{row} {values[1, 0]:.2f}" for row, values in zip(names, measured, strict=True))
    return Picture(
        figure,
        f"Measured exponents lie within {worst:.3f} of the predicted diamonds. Of the mean pull: {pulls}.",
    )
