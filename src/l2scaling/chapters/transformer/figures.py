"""Figures of a small transformer: its best λ, sums by kind, what rules cost, batch, what decays, walls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from l2scaling.chapters.transformer.sweep import Curve
from l2scaling.chapters.transformer.wall import Approach, reach
from l2scaling.figures.series import (
    COLORS,
    PREDICTED,
    Series,
    by_size,
    guide,
    legend,
    styled,
    ticks,
)
from l2scaling.figures.theme import Picture, subplots


@dataclass(frozen=True)
class Optima:
    """Curves of one setting, by width, and the predicted exponent of their best λ."""

    title: str
    curves: Sequence[Curve]
    predicted: float


def optima(panels: Sequence[Optima]) -> Picture:
    """Draw the best λ against the width, a panel a setting, with the predicted slope and the askers'."""
    figure, row = subplots(len(panels), height=3.6, share_y=True)
    said = []
    for axes, one in zip(row, panels, strict=True):
        widths = np.array([curve.cell.width for curve in one.curves], float)
        best = np.array([curve.best for curve in one.curves])
        counts = np.array([curve.count for curve in one.curves], float)
        axes.plot(widths, best, "o-", linewidth=1, label="best λ")
        guide(axes, widths, best, one.predicted, label="predicted slope")
        axes.plot(widths, best[0] * counts[0] / counts, ":", color="0.25", label="divided by P")
        axes.set(title=one.title, xscale="log", yscale="log", xlabel="width")
        ticks(axes, widths)
        said.append(f"{one.title}: {best[0]:.2g} to {best[-1]:.2g}")
    row[0].set_ylabel("best λ")
    legend(figure, 3)
    return Picture(figure, f"Best λ of the narrowest and the widest model. {'; '.join(said)}.")


def losses(panels: Mapping[str, Mapping[str, Curve]], label: str) -> Picture:
    """Draw mean held-out losses against λ, a panel a setting, a line a curve."""
    figure, row = subplots(len(panels), height=3.6, share_y=True)
    said = []
    for axes, (title, curves) in zip(row, panels.items(), strict=True):
        for (name, one), look in styled(curves.items(), ms=5, linestyle="-", linewidth=0.9):
            axes.plot(one.coefficients, one.means, **look, label=f"{label}{name}")
            said.append(f"{title}, {label}{name}: {one.means.min():.3f} at {one.best:.2g}")
        axes.set(title=title, xscale="log", xlabel="λ")
    row[0].set_ylabel("held-out loss [nats a character]")
    legend(figure, 4)
    return Picture(figure, f"Least losses, and the λ where they are. {'; '.join(said)}.")


def squares(panels: Mapping[str, Sequence[Series]]) -> Picture:
    """Draw sums of squares by kind against the width, a panel a moment; dashed, what was predicted."""
    lead = "Sums of squares, narrowest to widest. "
    return by_size(panels, "width", "sum of squares", columns=3, lead=lead)


def others(batches: Mapping[str, Sequence[Curve]], decayed: Mapping[str, Curve]) -> Picture:
    """Draw the best λ against the batch, and losses against λ for several choices of what decays."""
    figure, (left, right) = subplots(2, height=3.8)
    said = []
    for (name, curves), look in styled(batches.items(), linestyle="-", linewidth=0.9):
        sizes = np.array([one.cell.batch_size for one in curves], float)
        best = np.array([one.best for one in curves])
        left.plot(sizes, best, **look, label=name)
        said.append(f"{name}: best λ {best[0]:.2g} to {best[-1]:.2g}")
    left.set(xscale="log", yscale="log", xlabel="batch [windows]", ylabel="best λ", title="batch")
    ticks(left, [4, 8, 16, 32])
    left.legend(fontsize="small")
    for (name, one), look in styled(decayed.items(), ms=5, linestyle="-", linewidth=0.9):
        right.plot(one.coefficients, one.means, **look, label=name)
        said.append(f"{name}: least loss {one.means.min():.3f}")
    right.set(xscale="log", xlabel="λ", ylabel="held-out loss [nats a character]", title="what decays")
    right.legend(fontsize="small")
    return Picture(figure, f"{'. '.join(said)}.")


def walls(
    path: Approach, lams: np.ndarray, starts: int, ends: Mapping[str, Mapping[str, np.ndarray]],
    random: np.ndarray,
) -> Picture:  # fmt: skip
    """Draw how near decayed weights come to their walls along a training, and at the end against λ.

    ``path`` has ``starts`` members for each of ``lams``, in order; ``ends`` and ``random`` one number a λ,
    ``ends`` by optimiser and by which weight of a model is meant.
    """
    figure, (left, right) = subplots(2, height=3.8)
    done = np.linspace(0, 1, len(path.left))
    for number, lam in enumerate(lams):
        own = slice(number * starts, (number + 1) * starts)
        color = COLORS[number]
        left.plot(done, path.largest[:, own].mean(1), color=color, label=f"λ = {lam:g}")
        left.plot(done, reach(path)[:, own].mean(1), color=color, linestyle="--", linewidth=1)
    left.plot([], [], **PREDICTED, label="most that steps within their rate allow")
    left.set(yscale="log", xlabel="share of the training", ylabel="largest weight over its wall")
    for (name, sizes), dash in zip(ends.items(), ("-", "-."), strict=True):
        for (what, values), look in styled(sizes.items(), ms=5, linestyle=dash, linewidth=0.9):
            right.plot(lams, values, **look, label=f"{name}, {what}")
    right.plot(lams, random, color="0.25", linestyle=":", label="AdamW, typical, random signs")
    right.set(xscale="log", yscale="log", xlabel="λ", ylabel="weight over its wall, at the end")
    for axes in (left, right):
        axes.axhline(1, color="0.25", linewidth=0.8)
    legend(figure, 3)
    said = "; ".join(
        f"{name}, {what} {values[0]:.3g} to {values[-1]:.3g}"
        for name, sizes in ends.items()
        for what, values in sizes.items()
    )
    return Picture(figure, f"Weights over their wall at the end, from the least to the largest λ: {said}.")
