"""Figures of the book: one function a kind, one theme, and words for those who cannot see them."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_THEME: dict[Any, Any] = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "l2scaling",  # without it every run draws other ids
    "svg.fonttype": "path",
    "font.sans-serif": ["DejaVu Sans"],  # which matplotlib brings; Arial is there or not
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
}

_WIDTH = 8.6  # inches; all figures are as wide as a page's text, so that their letters match
_MARKERS = ("o", "s", "^", "D", "v", "P")


_INDENT = re.compile(r"\n +")
_LONG = re.compile(r"(scale\()?(-?\d+\.\d{3,})")
_ALIKE = re.compile(r'>\n(<use [^>]*?( style="[^"]*")/>\n(?:<use [^>]*?\2/>\n)+)</g>')


def _light(svg: str) -> str:
    """Halve a drawing: hundredths of a point, no indent, and one style for a row of equal marks."""

    def rounded(found: re.Match[str]) -> str:  # the scale of letters needs its digits
        return found[0] if found[1] else f"{float(found[2]):.2f}".rstrip("0").rstrip(".")

    svg = _LONG.sub(rounded, _INDENT.sub("\n", svg))
    return _ALIKE.sub(lambda found: f"{found[2]}>\n{found[1].replace(found[2], '')}</g>", svg)


@dataclass(frozen=True)
class Picture:
    """A figure and the sentence that tells its finding to a reader who cannot see it.

    As a cell's result it shows an SVG and carries ``alt`` as the output's metadata, from
    which the book takes the alternative text.

    Used in: every chapter.
    """

    figure: Figure
    alt: str

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, str]]:
        return {"image/svg+xml": self.svg(), "text/plain": self.alt}, {"alt": self.alt}

    def svg(self) -> str:
        """Return the drawing as SVG text, the same for the same numbers."""
        drawing = io.BytesIO()
        with matplotlib.rc_context(_THEME):
            self.figure.savefig(drawing, format="svg", metadata={"Date": None})
        return _light(drawing.getvalue().decode())


def _axes(columns: int, height: float = 3.3, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    with seaborn.axes_style("whitegrid", _THEME), seaborn.plotting_context("notebook", font_scale=0.9):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.subplots(1, columns, sharey=share_y, squeeze=False)
    return figure, list(axes[0])


@dataclass(frozen=True)
class Series:
    """A quantity measured at several sizes, with its exponent, measured and predicted.

    ``values`` has shape ``(sizes, seeds)``.

    Used in: penalty-and-pull.
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

    Used in: penalty-and-pull.
    """
    figure, panels = _axes(len(series))
    colors = seaborn.color_palette("colorblind", len(series))
    log_size = np.log10(np.asarray(sizes, float))
    spans = []
    for axes, one, color, marker in zip(panels, series, colors, _MARKERS, strict=False):
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

    Used in: penalty-and-pull.
    """
    figure, (left, right) = _axes(2)
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

    Used in: penalty-and-pull.
    """
    figure, panels = _axes(3, height=0.42 * len(rows) + 1.5, share_y=True)
    colors = seaborn.color_palette("colorblind", 3)
    places = np.arange(len(rows))
    names = ("total value", "mean pull", "gradient norm")
    for column, (axes, color, name) in enumerate(zip(panels, colors, names, strict=True)):
        estimate, low, high = measured[:, column].T
        axes.plot(predicted[:, column], places, "D", mfc="none", mec="0.25", ms=11, label="predicted")
        axes.errorbar(
            estimate, places, xerr=np.clip([estimate - low, high - estimate], 0, None),
            fmt=_MARKERS[column], color=color, ms=5, capsize=3, label="measured, 95% interval",
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


def answer(
    sizes: Sequence[int],
    totals: np.ndarray,
    pulls: np.ndarray,
    trained_sizes: Sequence[int],
    started: np.ndarray,
    trained: np.ndarray,
) -> Picture:
    """Draw the answer of the book: the total grows, the pull on a weight does not, training levels it.

    ``totals`` has shape ``(sizes,)``, ``pulls`` ``(sizes, tracked)``. ``started`` and ``trained``,
    shape ``(trained sizes, seeds)``, are total penalties before and after training; their bars go
    from the smallest to the largest seed. All three panels span the same number of decades.

    Used in: stationary-point, for the index page.
    """
    figure, (left, middle, right) = _axes(3)
    color, other, third = seaborn.color_palette("colorblind", 3)
    strongest = np.abs(pulls[:, np.abs(pulls[0]).argmax()])
    half = 10 ** (np.log10(totals[-1] / totals[0]) / 2 + 0.4)
    left.loglog(sizes, totals, "o-", color=color)
    left.set_ylabel("total penalty (loss)")
    middle.loglog(sizes, strongest, "s-", color=other)
    middle.set_ylabel("pull on one weight\n(loss per weight unit)")
    for values, marker, shade, label in (
        (started, "o", color, "at the start"),
        (trained, "^", third, "after training"),
    ):
        mean = values.mean(axis=1)
        bars = np.stack([mean - values.min(axis=1), values.max(axis=1) - mean])
        right.errorbar(trained_sizes, mean, yerr=bars, fmt=marker + "-", color=shade, capsize=3, label=label)
    right.set(xscale="log", yscale="log", ylabel="total penalty (loss)")
    right.legend(fontsize="small")
    shown = (totals, strongest, np.concatenate([started, trained]))
    for axes, values in zip((left, middle, right), shown, strict=True):
        centre = np.sqrt(values.min() * values.max())
        axes.set(xlabel="number of weights P", ylim=(centre / half, centre * half))
    growth, moved = totals[-1] / totals[0], np.ptp(strongest)
    before, after = (values.mean(axis=1) for values in (started, trained))
    return Picture(
        figure,
        f"From {sizes[0]:,} to {sizes[-1]:,} weights the total penalty grows {growth:,.0f}-fold; the pull on "
        f"one and the same weight changes by {moved:g}. In networks of {trained_sizes[0]:,} to "
        f"{trained_sizes[-1]:,} weights the total is {before[0]:.2g} to {before[-1]:.2g} at the start and "
        f"{after[0]:.3g} to {after[-1]:.3g} after training.",
    )
