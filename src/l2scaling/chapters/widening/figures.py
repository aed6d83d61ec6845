"""Figures of widening: paths of copies, best coefficients against the width, layers after training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from l2scaling.figures.series import COLORS, PREDICTED, Series, by_size, legend, rows, styled, ticks
from l2scaling.figures.theme import Picture, subplots


@dataclass(frozen=True)
class Paths:
    """Losses along training, ``(steps + 1,)`` each: of a narrow network, of a wide one told as the theorem
    says, and of the same told otherwise, by a label."""

    title: str
    narrow: np.ndarray
    told: np.ndarray
    otherwise: Mapping[str, np.ndarray]


def paths(panels: Sequence[Paths], k: int) -> Picture:
    """Draw the loss of a narrow network and of a wider one of the same start, told in several ways."""
    figure, row = subplots(len(panels), height=3.6, share_y=True)
    said = []
    for axes, one in zip(row, panels, strict=True):
        axes.plot(one.narrow, color="0.25", linewidth=1.5, label="narrow")
        places = np.linspace(0, len(one.told) - 1, 13).astype(int)
        axes.plot(places, one.told[places], "o", color=COLORS[0], mfc="none", label=f"{k} copies, as proved")
        for (label, values), look in styled(one.otherwise.items(), linestyle="-", marker="None"):
            look["color"] = COLORS[1 + list(one.otherwise).index(label)]
            axes.plot(values, **look, label=label)
        axes.set(title=one.title, xlabel="steps")
        ends = "; ".join(f"{label} {values[-1]:.3g}" for label, values in one.otherwise.items())
        said.append(f"{one.title}: narrow {one.narrow[-1]:.4g}, as proved {one.told[-1]:.4g}, {ends}")
    row[0].set(ylabel="data loss", yscale="log")
    legend(figure, 3)
    return Picture(figure, f"Data loss after training. {'. '.join(said)}.")


def drifts(
    found: Mapping[str, Mapping[int, np.ndarray]], divided: Mapping[str, Mapping[int, float]]
) -> Picture:
    """Draw how far copies stray from a narrow network, a row an optimiser, a colour a depth.

    ``found[name][depth]`` holds drifts for several numbers of copies, told as the theorem says;
    ``divided[name][depth]`` the drift with the coefficient divided by the copies instead.
    """
    figure, (axes,) = subplots(1, height=0.36 * len(found) + 1.5)
    names, depths = list(found), list(next(iter(found.values())))
    for (number, depth), look in styled(enumerate(depths), ms=5):
        places = np.arange(len(names)) + 0.2 * (number - (len(depths) - 1) / 2)
        for name, place in zip(names, places, strict=True):
            values = found[name][depth]
            axes.plot(np.maximum(values, 1e-17), np.full(len(values), place), **look)
        others = [divided[name][depth] for name in names]
        axes.plot(others, places, "x", color=look["color"], ms=6)
        axes.plot([], [], **look, label=f"{depth} layers, as proved")
    axes.plot([], [], "x", color="0.25", label="λ divided by the copies")
    axes.axvline(1e-12, color="0.25", linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="largest distance of outputs along the path, relative to their norm")
    rows(axes, names)
    legend(figure, 4)
    told = "; ".join(
        f"{name} at most {max(one.max() for one in found[name].values()):.0e}, divided at least "
        f"{min(divided[name].values()):.2g}"
        for name in names
    )
    return Picture(figure, f"Drift of copies by optimiser. {told}.")


@dataclass(frozen=True)
class Optima:
    """Best coefficients by width, one array ``(widths,)`` a family, and the slope that was predicted."""

    title: str
    widths: Mapping[tuple[str, int], np.ndarray]
    best: Mapping[tuple[str, int], np.ndarray]
    predicted: float


def optima(panels: Sequence[Optima]) -> Picture:
    """Draw each family's best coefficient over its own geometric mean, a panel a setting.

    A family is a data set, by its marker, and a number of weight layers, by its colour. Dashed is the
    predicted slope, dotted that of dividing by the width.
    """
    figure, row = subplots(len(panels), height=4.0, share_y=True)
    names = list(dict.fromkeys(data for one in panels for data, _ in one.best))
    markers = {name: look["marker"] for name, look in styled(names)}
    said = []
    for axes, one in zip(row, panels, strict=True):
        ends = np.array([min(map(min, one.widths.values())), max(map(max, one.widths.values()))], float)
        middle = np.sqrt(ends.prod())
        axes.plot(ends, (ends / middle) ** one.predicted, **PREDICTED, label="predicted")
        axes.plot(ends, middle / ends, color="0.25", linestyle=":", linewidth=1, label="divided by the width")
        for (data, depth), values in one.best.items():
            shown = values / np.exp(np.log(values).mean())
            look = {"color": COLORS[depth - 2], "marker": markers[data], "mfc": "none", "ms": 5}
            axes.plot(one.widths[data, depth], shown, linewidth=0.7, **look)
        axes.set(title=one.title, xscale="log", yscale="log", xlabel="hidden units")
        ticks(axes, ends)
        slopes = [np.polyfit(np.log(one.widths[key]), np.log(one.best[key]), 1)[0] for key in one.best]
        said.append(f"{one.title}: {min(slopes):.2f} to {max(slopes):.2f}")
    row[0].set_ylabel("best coefficient over its mean")
    row[0].set_yticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    row[0].set_yticks([], minor=True)
    for name, marker in markers.items():
        row[0].plot([], [], marker, color="0.25", mfc="none", linestyle="none", label=name)
    for depth in sorted({depth for one in panels for _, depth in one.best}):
        row[0].plot([], [], "-", color=COLORS[depth - 2], label=f"{depth} weight layers")
    legend(figure, 4)
    return Picture(figure, f"Slopes of the best coefficient, least to largest. {'; '.join(said)}.")


def layers(panels: Mapping[str, Sequence[Series]]) -> Picture:
    """Draw the root mean square of the weights of each layer after training against the width."""
    return by_size(panels, "hidden units", "root mean square of a layer's weights", columns=4)
