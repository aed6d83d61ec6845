"""Figures of the book: one function a kind, one theme, and words for those who cannot see them."""

import io
import re
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

THEME: dict[Any, Any] = {
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

WIDTH = 8.6  # inches; all figures are as wide as a page's text, so that their letters match
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p", "h", "d", "8", "H")

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
    """

    figure: Figure
    alt: str

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, str]]:
        alt = " ".join(self.alt.split())  # titles may have two lines, a description is one
        return {"image/svg+xml": self.svg(), "text/plain": alt}, {"alt": alt}

    def svg(self) -> str:
        """Return the drawing as SVG text, the same for the same numbers."""
        drawing = io.BytesIO()
        with matplotlib.rc_context(THEME):
            self.figure.savefig(drawing, format="svg", metadata={"Date": None})
        return _light(drawing.getvalue().decode())


def grid(
    rows: int, columns: int, height: float, *, share_x: Any = False, share_y: Any = False
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its panels, shape ``(rows, columns)``."""
    scale = 0.9 if rows == 1 else 0.8
    with seaborn.axes_style("whitegrid", THEME), seaborn.plotting_context("notebook", font_scale=scale):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        return figure, figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y)


def subplots(columns: int, height: float = 3.3, *, share_y: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure and its row of panels."""
    figure, panels = grid(1, columns, height, share_y=share_y)
    return figure, list(panels[0])
