"""What figures say of many things: a labelled series, bars, a slope to hold it against, and their key."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any

import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l2scaling.figures.theme import MARKERS, Picture, subplots

COLORS = seaborn.color_palette("colorblind")
PREDICTED: dict[str, Any] = {"linestyle": "--", "color": "0.25", "linewidth": 1.2}
DASHES = ("-", "-.", ":", "--")  # the last is what predictions have


@dataclass(frozen=True)
class Series:
    """A quantity at several places on the horizontal axis, of one or many seeds.

    ``x`` has shape ``(places,)``, ``values`` ``(places,)`` or ``(places, seeds)``. ``predicted`` stands
    at ``predicted_at``, or else at ``x``. Exponents are slopes of the logarithms, measured and predicted.

    >>> Series("total", [10, 100], np.array([[1.0, 3.0], [15.0, 25.0]])).ends()
    'total: 2 to 20'
    """

    label: str
    x: Sequence[float] | np.ndarray
    values: np.ndarray
    predicted: np.ndarray | None = None
    predicted_at: np.ndarray | None = None
    exponent: float = np.nan
    predicted_exponent: float = np.nan

    @property
    def mean(self) -> np.ndarray:
        return spread(self.values)[0]

    def ends(self, form: str = ".3g", then: str = ":") -> str:
        """Tell the first and the last mean in words."""
        return f"{self.label}{then} {self.mean[0]:{form}} to {self.mean[-1]:{form}}"


def spread(values: np.ndarray, share: float = 1.0) -> np.ndarray:
    """Return means over seeds and the ends of their central ``share``, shape ``(3, places)``.

    >>> spread(np.array([[1.0, 2.0, 6.0]])).ravel().tolist()
    [3.0, 1.0, 6.0]
    """
    seeds = np.reshape(values, (len(values), -1))
    return np.stack([seeds.mean(1), *np.quantile(seeds, [(1 - share) / 2, (1 + share) / 2], axis=1)])


def styled(
    things: Iterable[Any], *, ms: float = 6, grow: float = 0, **more: Any
) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield each thing with a colour and an open marker of its own, as matplotlib's keywords.

    Markers ``grow`` from one to the next by so many points, so that none hides another.

    >>> [(one, look["marker"], look["ms"]) for one, look in styled(["SGD", "AdamW"], grow=3)]
    [('SGD', 'o', 6), ('AdamW', 's', 9)]
    """
    looks = zip(cycle(COLORS), cycle(MARKERS), count(ms, grow), strict=False)
    for one, (color, marker, size) in zip(things, looks, strict=False):
        yield one, {"color": color, "marker": marker, "ms": size, "mfc": "none", "linestyle": "none"} | more


def bars(
    axes: Axes,
    x: Sequence[float] | np.ndarray,
    bands: Sequence[np.ndarray] | np.ndarray,
    *,
    across: bool = False,
    **look: Any,
) -> None:
    """Draw estimates and their intervals, upright or across.

    ``bands`` begins with estimate, low and high, each of shape ``(places,)``. All bars are one broken
    line, which takes a tenth of what matplotlib's error bars take in a file.
    """
    middle, low, high = bands[:3]
    gaps = np.full(len(x), np.nan)
    broken = [np.stack([x, x, gaps], axis=1).ravel(), np.stack([low, high, gaps], axis=1).ravel()]
    places = [np.asarray(x), middle]
    if across:
        broken, places = broken[::-1], places[::-1]
    axes.plot(*broken, color=look["color"], linewidth=1)
    axes.plot(*places, **look)


def draw(axes: Axes, series: Sequence[Series], **more: Any) -> None:
    """Draw means with bars from the least to the largest seed; predictions dashed, in their colour."""
    for one, look in styled(series, **more):
        bars(axes, one.x, spread(one.values), label=one.label, **look)
        predict(axes, one, color=look["color"])
    if any(one.predicted is not None for one in series):
        axes.plot([], [], **PREDICTED, label="predicted")


def predict(axes: Axes, one: Series, **look: Any) -> None:
    """Draw what is predicted of a series, if anything is."""
    if one.predicted is not None:
        places = one.x if one.predicted_at is None else one.predicted_at
        axes.plot(places, one.predicted, **PREDICTED | look)


def scatter(axes: Axes, x: Sequence[float] | np.ndarray, values: np.ndarray, **look: Any) -> None:
    """Draw each seed as a point; ``values`` has shape ``(places, seeds)``."""
    axes.plot(np.repeat(x, values.shape[1]), values.ravel(), **{"linestyle": "none", "mfc": "none"} | look)


def guide(
    axes: Axes, x: Sequence[float] | np.ndarray, values: np.ndarray, exponent: float, **look: Any
) -> None:
    """Draw a power law through the geometric centre of ``values``, so that only its slope is on trial."""
    log_x = np.log(np.asarray(x, float))
    line = np.exp(np.log(values).mean() + exponent * (log_x - log_x.mean()))
    axes.plot(x, line, **PREDICTED | look)


def legend(figure: Figure, columns: int, **more: Any) -> None:
    """Write one key for all panels, each label once."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    look: dict[str, Any] = {"loc": "outside upper center", "ncols": columns, "fontsize": "small"}
    figure.legend(found.values(), found.keys(), **look | more)


def ticks(axes: Axes, places: Sequence[float] | np.ndarray) -> None:
    """Name a few ``places`` on a logarithmic axis of little more than a decade, which crowds its labels."""
    shown = places if len(places) <= 5 else [places[0], places[len(places) // 2], places[-1]]
    axes.set_xticks(shown, [f"{place:.0f}" if place >= 10 else f"{place:.3g}" for place in shown])
    axes.set_xticks([], minor=True)


def rows(axes: Axes, names: Sequence[str], **look: Any) -> None:
    """Name rows from the top down."""
    axes.set_yticks(range(len(names)), names, **look)
    axes.set_ylim(len(names) - 0.5, -0.5)


def same_decades(panels: Sequence[Axes], values: Sequence[np.ndarray], margin: float = 0.4) -> None:
    """Let logarithmic panels span as many decades, so that slopes can be compared by eye."""
    logs = [np.log10(one) for one in values]
    half = max(np.ptp(one) for one in logs) / 2 + margin
    for axes, one in zip(panels, logs, strict=True):
        middle = (one.max() + one.min()) / 2
        axes.set_ylim(10 ** (middle - half), 10 ** (middle + half))


def by_size(
    panels: Mapping[str, Sequence[Series]], xlabel: str, ylabel: str, columns: int, lead: str = ""
) -> Picture:
    """Draw means against a size, a panel a title, each with the slope that its exponent predicts.

    ``lead`` begins what the picture says in words.
    """
    figure, row = subplots(len(panels), height=3.6, share_y=True)
    said = []
    for axes, (title, found) in zip(row, panels.items(), strict=True):
        for one, look in styled(found):
            axes.plot(one.x, one.mean, **look, label=one.label)
            if np.isfinite(one.predicted_exponent):
                guide(axes, one.x, one.mean, one.predicted_exponent, color=look["color"])
        axes.plot([], [], **PREDICTED, label="predicted slope")
        axes.set(title=title, xscale="log", yscale="log", xlabel=xlabel)
        ticks(axes, found[0].x)
        said.append(f"{title}, " + ", ".join(one.ends() for one in found))
    row[0].set_ylabel(ylabel)
    legend(figure, columns)
    return Picture(figure, f"{lead}{'. '.join(said)}.")
