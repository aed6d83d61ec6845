"""Figures of stability: factors a step, thresholds, outcomes of training, half-lives, depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.theme import MARKERS, Picture, subplots


@dataclass(frozen=True)
class FactorLaw:
    """Factors a step of one optimiser at several ``joints``, η(h + c): measured and by formula.

    ``measured`` has shape ``(joints,)``; ``grid`` and ``predicted`` draw the formula's line.
    """

    label: str
    joints: np.ndarray
    measured: np.ndarray
    grid: np.ndarray
    predicted: np.ndarray


def factors(paths: Mapping[float, np.ndarray], laws: Sequence[FactorLaw]) -> Picture:
    """Draw one weight over steps for several ηc, and the factor a step against η(h + c).

    ``paths`` maps ηc to the weight at every step.
    """
    figure, (left, right) = subplots(2, height=3.7)
    colors = seaborn.color_palette("colorblind", max(len(paths), len(laws)))
    for (joint, path), color, marker in zip(paths.items(), colors, MARKERS, strict=False):
        left.plot(path, marker + "-", color=color, mfc="none", ms=4, lw=1, label=f"ηc = {joint:g}")
    left.set(xlabel="optimiser steps taken", ylabel="weight over its start")
    left.legend(fontsize="small", ncols=2)
    for law, color, marker in zip(laws, colors, MARKERS, strict=False):
        right.plot(law.grid, law.predicted, "--", color="0.25")
        right.plot(law.joints, law.measured, marker, color=color, mfc="none", label=law.label)
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


@dataclass(frozen=True)
class Curvatures:
    """Joint curvature h_max + c at the minimum of every c, for several networks.

    ``penalty_coefficients`` has shape ``(C,)``, ``joint`` ``(C, M)``.
    """

    label: str
    penalty_coefficients: Sequence[float]
    joint: np.ndarray


def thresholds(
    rising: Curvatures, limits: Sequence[float], found: np.ndarray,
    window: Curvatures, limit: float, kept: np.ndarray,
) -> Picture:  # fmt: skip
    """Draw h_max + c against c for two kinds of networks, with where descent keeps its minimum.

    Left: ``found[k]``, shape ``(M,)``, are thresholds bisected at learning rates whose 2(1 + β)/η is
    ``limits[k]``. Right: ``kept``, shape ``(C, M)``, tells whether descent at 2/η = ``limit`` kept
    the minimum.
    """
    figure, (left, right) = subplots(2, height=3.9)
    colors = seaborn.color_palette("colorblind", len(limits))
    left.plot(rising.penalty_coefficients, rising.joint, color="0.6", lw=0.9)
    for height, points, color, marker in zip(limits, found, colors, MARKERS, strict=False):
        left.axhline(height, color=color, linestyle="--", lw=0.9)
        left.plot(
            points, np.full(len(points), height), marker, color=color, mfc="none", ms=6,
            label=f"bisected, limit {height:.3g}",
        )  # fmt: skip
    left.legend(fontsize="small", loc="lower right")
    c = np.asarray(window.penalty_coefficients)
    right.plot(c, window.joint, color="0.6", lw=0.9)
    right.axhline(limit, color=colors[0], linestyle="--", lw=0.9, label=f"limit {limit:.3g}")
    grid = np.broadcast_to(c[:, None], kept.shape)
    right.plot(grid[kept], window.joint[kept], "o", color=colors[0], ms=5, label="minimum kept")
    right.plot(grid[~kept], window.joint[~kept], "X", color="0.1", mfc="none", ms=6, label="minimum lost")
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
class Outcomes:
    """Shares of networks that exploded or settled; both of shape ``(products, rates)``.

    Rows are values of ηc, columns learning rates, named by ``columns``.
    """

    label: str
    products: Sequence[float]
    columns: Sequence[str]
    exploded: np.ndarray
    settled: np.ndarray


def outcomes(maps: Sequence[Outcomes]) -> Picture:
    """Draw, a panel a kind of network, how training from its start ends, by learning rate and ηc.

    Colour and figure give the share that exploded; a dot in a corner marks cells where all settled.
    """
    figure, panels = subplots(len(maps), height=3.9)
    for axes, one in zip(panels, maps, strict=True):
        axes.grid(visible=False)
        axes.imshow(one.exploded, cmap="cividis_r", vmin=0, vmax=1, aspect="auto", origin="lower")
        for (row, column), share in np.ndenumerate(one.exploded):
            color = "white" if share > 0.5 else "black"
            axes.text(column, row, f"{share:.2g}", ha="center", va="center", color=color, fontsize="small")
            if one.settled[row, column] == 1:
                axes.plot(column + 0.36, row + 0.3, "o", color="black", ms=3)
        axes.set_xticks(range(len(one.columns)), one.columns)
        axes.set_yticks(range(len(one.products)), [f"{product:g}" for product in one.products])
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
    axes.loglog(grid, np.log(2) / -np.log1p(-grid), "--", color="0.25", label="formula")
    colors = seaborn.color_palette("colorblind", len(shares))
    for (name, share), color, marker in zip(shares.items(), colors, MARKERS, strict=False):
        axes.loglog(share, measured[name], marker, color=color, ms=8, mfc="none", mew=1.6, label=name)
    axes.set(xlabel="share of a weight taken in a step", ylabel="half-life (steps)")
    axes.legend(fontsize="small")
    told = "; ".join(f"{name}: {measured[name]:,.0f} steps" for name in shares)
    return Picture(figure, f"Half-lives on the formula's line. {told}.")


def depths(decays: Mapping[tuple[int, int], np.ndarray], factor: float) -> Picture:
    """Draw the output of networks under decay alone over steps; keys are (depth, width).

    Dashed: ``factor`` to the power of depth times steps.
    """
    figure, (axes,) = subplots(1, height=3.6)
    levels, sizes = sorted({d for d, _ in decays}), sorted({w for _, w in decays})
    colors = dict(zip(levels, seaborn.color_palette("colorblind", len(levels)), strict=True))
    for (depth, width), path in decays.items():
        steps = np.arange(len(path))
        place = sizes.index(width)
        axes.semilogy(steps, factor ** (depth * steps), "--", color="0.25", lw=0.8)
        axes.semilogy(
            steps[place * 2 :: 8], path[place * 2 :: 8], MARKERS[place % len(MARKERS)],
            color=colors[depth], mfc="none", ms=6, label=f"{depth} layers, width {width}",
        )  # fmt: skip
    axes.set(xlabel="optimiser steps taken", ylabel="output over its start")
    axes.legend(fontsize="small", ncols=2)
    ends = ", ".join(f"{d} layers, width {w}: {path[-1]:.3g}" for (d, w), path in decays.items())
    return Picture(figure, f"Outputs after the last step: {ends}. Widths coincide; depths do not.")


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
