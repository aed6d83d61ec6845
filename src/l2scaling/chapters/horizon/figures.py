"""Figures of the horizon: exponents and starts against kappa, shares that round away, recipes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from l2scaling.chapters.horizon.recipes import FIELDS, Recipe
from l2scaling.figures.series import COLORS, PREDICTED, bars, legend, rows, styled
from l2scaling.figures.theme import Picture, subplots


@dataclass(frozen=True)
class Curve:
    """Estimates with their intervals at several horizons: ``x`` (places,), ``bands`` (3, places)."""

    label: str
    x: np.ndarray
    bands: np.ndarray

    def told(self) -> str:
        """Tell the estimates in words."""
        return f"{self.label} " + ", ".join(f"{y:.2f}" for y in self.bands[0])


@dataclass(frozen=True)
class Panel:
    """Curves of one optimiser, and the line that is held against them."""

    title: str
    curves: Sequence[Curve]
    line: tuple[np.ndarray, np.ndarray]


def _panels(panels: Sequence[Panel], ylabel: str, line: str) -> Picture:
    figure, row = subplots(len(panels), height=3.7, share_y=True)
    said = []
    for axes, one in zip(row, panels, strict=True):
        axes.plot(*one.line, **PREDICTED, label=line)
        for (number, curve), look in styled(enumerate(one.curves), ms=5, grow=1.5):
            nudged = curve.x * 1.04 ** (number - (len(one.curves) - 1) / 2)  # or bars hide each other
            bars(axes, nudged, curve.bands, label=curve.label, **look)
        axes.set(title=one.title, xscale="log")
        axes.set_xlabel("κ, how often decay has acted")
        _plain(axes, one.curves[0].x)
        said.append(f"{one.title}: " + "; ".join(curve.told() for curve in one.curves))
    row[0].set_ylabel(ylabel)
    legend(figure, 4)
    return Picture(figure, f"κ {', '.join(f'{x:g}' for x in panels[0].curves[0].x)}. {'. '.join(said)}.")


def _plain(axes: Axes, places: np.ndarray) -> None:
    axes.set_xticks(places, [f"{place:g}" for place in places])
    axes.set_xticks([], minor=True)


def exponents(panels: Sequence[Panel]) -> Picture:
    """Draw the exponent of the sum of squares in P against the horizon, a panel an optimiser."""
    return _panels(panels, "exponent of Σw² in P", "mixture, from two other widths")


def starts(panels: Sequence[Panel]) -> Picture:
    """Draw the weights' projection on their start against the horizon, a panel an optimiser."""
    return _panels(panels, "projection on the start", "decay alone")


def shares(
    sizes: Mapping[str, np.ndarray],
    moved: Mapping[str, np.ndarray],
    small: np.ndarray,
    kept: Mapping[str, np.ndarray],
) -> Picture:
    """Draw which part of idle weights a step moves, by data type, and what steps of one horizon leave.

    ``moved[dtype]`` has one part for each of ``sizes[dtype]``; ``kept[way]`` what is left after κ = 1 in
    steps of each share of ``small``.
    """
    figure, (left, right) = subplots(2, height=3.5)
    for (name, parts), look in styled(moved.items(), linestyle="-", ms=4):
        left.plot(np.log2(sizes[name]), parts, **look, label=name)
    left.set(xlabel="log₂ of the share ηλ", ylabel="part of idle weights that a step moves")
    right.axhline(np.exp(-1), **PREDICTED, label="decay alone, 1/e")
    for number, ((way, values), look) in enumerate(styled(kept.items(), linestyle="-", ms=5, grow=2)):
        look["color"] = COLORS[2 + number]
        right.plot(np.log2(small), values, **look, label=f"bfloat16, {way}")
    right.set(xlabel="log₂ of the share ηλ", ylabel="left of idle weights after κ = 1", ylim=(0, 1.1))
    legend(figure, 3)
    parts = "; ".join(
        f"{name} none up to 2^{np.log2(sizes[name][one == 0].max()):.0f}, all from "
        f"2^{np.log2(sizes[name][one == 1].min()):.0f} on"
        for name, one in moved.items()
    )
    ends = "; ".join(f"{way} {values.min():.2f} to {values.max():.2f}" for way, values in kept.items())
    return Picture(figure, f"Weights moved: {parts}. Left after κ = 1: {ends}.")


def recipes(found: Sequence[Recipe], least: float = 1e-2) -> Picture:
    """Draw how often decay acts in each recipe; those below ``least`` stand at the left edge."""
    figure, (axes,) = subplots(1, height=0.26 * len(found) + 1.3)
    looks = dict(styled(FIELDS))
    for place, one in enumerate(found):
        axes.plot(max(one.horizon, least), place, **looks[one.field])
        if one.horizon < least:
            axes.annotate("< ", (least, place), ha="right", va="center")
    for field, look in looks.items():
        axes.plot([], [], **look, label=field)
    for share in (0.5, 0.01):
        axes.axvline(-np.log(share) / 2, color="0.4", linestyle=":", linewidth=1)
        axes.annotate(f"{share:.0%} of Σw² left", (-np.log(share) / 2, -0.45), fontsize=7, color="0.3")
    axes.set(xscale="log", xlim=(least / 2, None), xlabel="κ, how often decay acts in the whole training")
    rows(axes, [one.name for one in found], fontsize="small")
    legend(figure, 4)
    told = "; ".join(f"{one.name} {one.horizon:.2g}" for one in found)
    return Picture(figure, f"κ of published recipes: {told}.")
