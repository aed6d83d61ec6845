"""Figures of stability: factors a step, thresholds, outcomes of training, half-lives, depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.series import COLORS, PREDICTED, Series, predict, styled
from l2scaling.figures.theme import MARKERS, Picture, subplots


def factors(paths: Mapping[float, np.ndarray], laws: Sequence[Series]) -> Picture:
    """Draw one weight over steps for several ηc, and the factor a step against η(h + c).

    ``paths`` maps ηc to the weight at every step; ``laws`` hold factors of an optimiser, by formula too.
    """
    figure, (left, right) = subplots(2, height=3.7)
    for (joint, path), look in styled(paths.items(), ms=4, linestyle="-", lw=1):
        left.plot(path, **look, label=f"ηc = {joint:g}")
    left.set(xlabel="optimiser steps taken", ylabel="weight over its start")
    left.legend(fontsize="small", ncols=2)
    for law, look in styled(laws):
        predict(right, law)
        right.plot(law.x, law.values, **look, label=law.label)
    right.axhline(1, color="0.15", linestyle=":")
    right.set(xlabel="η(h + c)", ylabel="size of the factor a step")
    right.legend(fontsize="small", title="measured; dashed: formula", title_fontsize="small")
    ends = ", ".join(f"{abs(path[-1]):.3g} at ηc = {joint:g}" for joint, path in paths.items())
    steps = len(next(iter(paths.values()))) - 1
    return Picture(
        figure,
        f"Left: size of one weight after {steps} steps: {ends}; above one the sign flips at each step. "
        f"Right: measured factors lie on the formula's lines, which cross one at twice one plus momentum.",
    )


def thresholds(
    rising: Series, limits: Sequence[float], found: np.ndarray,
    window: Series, limit: float, kept: np.ndarray,
) -> Picture:  # fmt: skip
    """Draw h_max + c against c, ``(C, M)`` for M networks of two kinds, with where descent keeps its minimum.

    Left: ``found[k]``, shape ``(M,)``, are thresholds bisected at learning rates whose 2(1 + β)/η is
    ``limits[k]``. Right: ``kept``, shape ``(C, M)``, tells whether descent at 2/η = ``limit`` kept
    the minimum.
    """
    figure, (left, right) = subplots(2, height=3.9)
    left.plot(rising.x, rising.values, color="0.6", lw=0.9)
    for (height, points), look in styled(zip(limits, found, strict=True)):
        left.axhline(height, color=look["color"], linestyle="--", lw=0.9)
        left.plot(points, np.full(len(points), height), **look, label=f"bisected, limit {height:.3g}")
    left.legend(fontsize="small", loc="lower right")
    c = np.asarray(window.x)
    right.plot(c, window.values, color="0.6", lw=0.9)
    right.axhline(limit, color=COLORS[0], linestyle="--", lw=0.9, label=f"limit {limit:.3g}")
    grid = np.broadcast_to(c[:, None], kept.shape)
    right.plot(grid[kept], window.values[kept], "o", color=COLORS[0], ms=5, label="minimum kept")
    right.plot(grid[~kept], window.values[~kept], "X", color="0.1", mfc="none", ms=6, label="minimum lost")
    right.set(xscale="log")
    right.legend(fontsize="small")
    for axes, one in ((left, rising), (right, window)):
        axes.set(xlabel=f"penalty coefficient c ({one.label})")
    left.set(ylabel="h_max + c at the minimum\n(loss per squared weight unit)")
    means = "; ".join(f"limit {a:.3g}: {b.mean():.3g}" for a, b in zip(limits, found, strict=True))
    shares = ", ".join(f"{share:.2f} at c = {one:g}" for one, share in zip(c, kept.mean(1), strict=True))
    return Picture(
        figure,
        f"Left: joint curvature rises with c; bisected thresholds sit where it meets the limits. Mean "
        f"threshold by limit: {means}. Right: share of networks that keep their minimum: {shares}.",
    )


@dataclass(frozen=True)
class Endings:
    """Shares of networks that exploded or settled; both of shape ``(products, rates)``.

    Rows are values of ηc, columns learning rates, named by ``columns``.
    """

    label: str
    products: Sequence[float]
    columns: Sequence[str]
    exploded: np.ndarray
    settled: np.ndarray


def endings(maps: Sequence[Endings]) -> Picture:
    """Draw, a panel a kind of network, how training from its start ends, by learning rate and ηc.

    Colour and figure give the share that exploded; a dot in a corner marks cells where all settled.
    """
    figure, panels = subplots(len(maps), height=3.9)
    for axes, one in zip(panels, maps, strict=True):
        seaborn.heatmap(
            one.exploded, ax=axes, annot=True, fmt=".2g", annot_kws={"size": "small"}, cmap="cividis_r",
            vmin=0, vmax=1, cbar=False, linewidths=0.5, linecolor="face", xticklabels=one.columns,
            yticklabels=[f"{product:g}" for product in one.products],
        )  # fmt: skip
        heights, places = np.nonzero(one.settled == 1)
        axes.plot(places + 0.86, heights + 0.8, "o", color="black", ms=3)  # in a corner of the cell
        axes.invert_yaxis()
        axes.tick_params(axis="y", rotation=0)
        axes.set(xlabel=f"learning rate ({one.label})")
    panels[0].set_ylabel("ηc")
    told = "; ".join(
        f"{one.label}: " + ", ".join(
            f"ηc = {product:g} " + " ".join(f"{share:.2g}" for share in row)
            for product, row in zip(one.products, one.exploded, strict=True))
        for one in maps
    )  # fmt: skip
    return Picture(figure, f"Shares that exploded, from the smallest learning rate to the largest. {told}.")


def half_lives(shares: Mapping[str, float], measured: Mapping[str, float]) -> Picture:
    """Draw half-lives in steps against the share of a weight taken in a step, with the formula's line.

    Both map the name of a setting to its number; shares of settings with momentum are effective ones.
    """
    figure, (axes,) = subplots(1, height=3.6)
    low, high = min(shares.values()), max(shares.values())
    grid = np.geomspace(low / 2, min(0.9, high * 2))
    axes.loglog(grid, np.log(2) / -np.log1p(-grid), **PREDICTED, label="formula")
    for (name, share), look in styled(shares.items(), ms=8, mew=1.6):
        axes.loglog(share, measured[name], **look, label=name)
    axes.set(xlabel="share of a weight taken in a step", ylabel="half-life (steps)")
    axes.legend(fontsize="small")
    told = "; ".join(f"{name}: {measured[name]:,.0f} steps" for name in shares)
    return Picture(figure, f"Half-lives on the formula's line. {told}.")


def growing(
    curvatures: Mapping[str, tuple[np.ndarray, np.ndarray]], expected: np.ndarray,
    rates: tuple[np.ndarray, np.ndarray], starts: np.ndarray,
) -> Picture:  # fmt: skip
    """Draw curvatures, and the first learning rate that explodes, against the number of weights.

    ``curvatures`` maps a name to numbers of weights ``(widths,)`` and values ``(widths, networks)``;
    ``expected`` belongs to the first of them. ``rates`` are such a pair, ``starts`` the curvatures,
    ``(widths, networks)``, of which two over each is drawn beside them.
    """
    figure, (left, right) = subplots(2, height=4.2)
    colors = seaborn.color_palette("colorblind", len(curvatures))
    words = []
    for (name, (P, values)), color, marker in zip(curvatures.items(), colors, MARKERS, strict=False):
        left.loglog(P, values, marker, color=color, mfc="none", ms=3)
        left.loglog(P, values.mean(1), marker + "-", color=color, lw=1, label=name)
        words.append(f"{name}: {values[0].mean():.3g} to {values[-1].mean():.3g}")
    left.loglog(next(iter(curvatures.values()))[0], expected, "--", color="0.25", label="expected kernel")
    left.set(
        xlabel="number of weights P", ylabel="largest curvature $h_{\\max}$\n(loss per squared weight unit)"
    )
    P, first = rates
    right.loglog(
        P,
        first,
        "o",
        color=colors[0],
        mfc="none",
        label=["first that explodes"] + [""] * (first.shape[1] - 1),
    )
    right.loglog(P, (2 / starts).mean(1), "--", color="0.25", label="2 over $h_{\\max}$ at the start")
    right.set(xlabel="number of weights P", ylabel="learning rate\n(squared weight unit per loss)")
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
    ends = f"from {first[0].mean():.3g} to {first[-1].mean():.3g}"
    return Picture(
        figure,
        f"Largest curvature against the number of weights. {'; '.join(words)}. "
        f"Right: the first learning rate that explodes falls {ends}.",
    )
