"""Figures of collapse: shrunken singular values, phase planes, and the jump of deep networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn
from matplotlib.colors import LogNorm

from l2scaling.chapters.collapse.linear_networks import Fold
from l2scaling.figures.series import PREDICTED, Series, legend, predict, styled
from l2scaling.figures.theme import Picture, subplots

_TICKS = [digit * 10.0**power for power in range(-6, 4) for digit in (1, 2, 5)]


def shrunken_values(
    coefficients: np.ndarray,
    singular_values: np.ndarray,
    sizes: Sequence[int],
    learnt: np.ndarray,
    left: np.ndarray,
) -> Picture:
    """Draw learnt singular values and the penalty left against c, for several sizes, with the laws.

    ``coefficients`` has shape ``(C,)``, ``singular_values`` ``(K,)``, ``learnt`` ``(sizes, C, K)`` and
    ``left`` ``(sizes, C)``. Lines are ``(s - c)_+`` and ``c * sum (s - c)_+``.
    """
    figure, (first, second) = subplots(2, height=3.6)
    fine = np.linspace(0, coefficients.max(), 400)
    laws = np.maximum(singular_values[:, None] - fine, 0)
    first.plot(fine, laws.T, **PREDICTED)
    second.plot(fine, fine * laws.sum(0), **PREDICTED, label="predicted")
    for (row, P), look in styled(enumerate(sizes), ms=5, grow=3):
        first.plot(coefficients, learnt[row], **look)
        second.plot(coefficients, left[row], **look, label=f"P = {P:,}")
    first.set(xlabel="penalty coefficient c", ylabel="singular values learnt")
    second.set(xlabel="penalty coefficient c", ylabel="penalty left (loss)")
    second.legend(fontsize="small")
    ideal = np.maximum(singular_values - coefficients[:, None], 0)
    worst = np.abs(learnt - ideal).max()
    return Picture(
        figure,
        f"Learnt singular values of {len(sizes)} sizes, {min(sizes):,} to {max(sizes):,} weights, lie within "
        f"{worst:.2g} of straight lines that fall by c and stop at zero; the largest reaches zero at "
        f"{singular_values.max():g}, and from there on the penalty left is zero too.",
    )


@dataclass(frozen=True)
class Plane:
    """What is left of networks over the plane of c and P, and where their thresholds lie.

    ``coefficients`` has shape ``(C,)``, ``sizes`` ``(S,)``, ``left`` ``(S, C)``, in units of the data
    loss at zero; ``thresholds`` ``(T, seeds)`` stand at ``threshold_sizes`` ``(T,)``. ``predicted`` is
    a coefficient, or None where theory gives none.
    """

    label: str
    coefficients: np.ndarray
    sizes: Sequence[int]
    left: np.ndarray
    threshold_sizes: Sequence[int]
    thresholds: np.ndarray
    predicted: float | None


def _edges(values: np.ndarray) -> np.ndarray:
    """Return the borders of cells around values on a logarithmic axis."""
    logs = np.log(np.asarray(values, float))
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def phase_planes(planes: Sequence[Plane], floor: float) -> Picture:
    """Draw the penalty left as colour over c and P, with thresholds found and predicted.

    Light means crushed: at most ``floor`` of the data loss at zero weights.
    """
    figure, panels = subplots(len(planes), height=3.7)
    norm = LogNorm(floor, 1.0)
    mesh = None
    for axes, plane in zip(panels, planes, strict=True):
        mesh = axes.pcolormesh(
            _edges(plane.coefficients), _edges(np.asarray(plane.sizes)), np.clip(plane.left, floor, 1),
            norm=norm, cmap="crest", edgecolors="face", linewidth=0.3,
        )  # fmt: skip
        heights = np.repeat(plane.threshold_sizes, plane.thresholds.shape[1])
        axes.plot(
            plane.thresholds.ravel(), heights, "D", color="black", mfc="white", ms=5,
            label="threshold found, each start", clip_on=False, zorder=3,
        )  # fmt: skip
        if plane.predicted is not None:
            axes.axvline(plane.predicted, color="black", linestyle="--", label="threshold predicted")
        axes.set(
            xscale="log", yscale="log", xlabel=f"penalty coefficient c\n({plane.label})",
            xlim=(plane.coefficients[0], plane.coefficients[-1]),
        )  # fmt: skip
        low, high = axes.get_xlim()
        ticks = [t for t in _TICKS if low <= t <= high]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.grid(visible=False)
    panels[0].set_ylabel("number of weights P")
    assert mesh is not None
    figure.colorbar(mesh, ax=panels, label="penalty left\n(share of data loss at zero)")
    legend(figure, 2)
    told = "; ".join(
        f"{plane.label}: thresholds {plane.thresholds.min():.3g} to {plane.thresholds.max():.3g} from "
        f"{min(plane.threshold_sizes):,} to {max(plane.threshold_sizes):,} weights"
        + (f", predicted {plane.predicted:.3g}" if plane.predicted is not None else "")
        for plane in planes
    )
    return Picture(figure, f"The border between weights that live and weights that die. {told}.")


def jumps(branches: Sequence[Series]) -> Picture:
    """Draw the largest learnt singular value against c, with the solution that survives longest.

    A branch holds networks of one depth, learnt values ``(C,)``, and the curve predicted, up to its end.
    """
    figure, panels = subplots(len(branches), height=3.3, share_y=True)
    told = []
    for axes, (branch, look) in zip(panels, styled(branches), strict=True):
        assert branch.predicted is not None and branch.predicted_at is not None
        predict(axes, branch, label="predicted")
        end = (branch.predicted_at[-1], branch.predicted[-1])
        axes.plot(*end, "o", color="0.25", ms=5, label="its end")
        axes.plot(branch.x, branch.values, **look, label="trained")
        axes.set_xlabel(f"penalty coefficient c\n({branch.label})")
        axes.legend(fontsize="small")
        alive = branch.values > branch.values.max() / 1000
        told.append(
            f"{branch.label}: the curve ends at c = {end[0]:.3g} with {end[1]:.3g}, the least value "
            f"that survives is {branch.values[alive].min():.3g}"
        )
    panels[0].set_ylabel("largest singular value learnt")
    return Picture(figure, f"Learnt value against c. {'; '.join(told)}.")


def costs_against_scale(folds: Sequence[Fold], depths: Sequence[int], shares: Sequence[float]) -> Picture:
    """Draw the cost of balanced linear layers against their scale, a panel a depth, c around its bound.

    With largest singular value one, every layer's leading singular value r costs
    ``r**(2L) / 2 - r**L + c L r**2 / 2`` more than zero weights do. ``shares`` are values of c in parts
    of the bound of each depth, one curve each.
    """
    figure, panels = subplots(len(depths), height=3.2)
    colors = seaborn.color_palette("colorblind", len(shares))
    scale = np.linspace(0, 1.1, 300)
    for axes, fold, L in zip(panels, folds, depths, strict=True):
        for share, color, style in zip(shares, colors, ("-", "--", ":"), strict=False):
            cost = scale ** (2 * L) / 2 - scale**L + share * fold.coefficient * L * scale**2 / 2
            axes.plot(scale, cost, style, color=color, label=f"c = {share:g} of the bound")
        axes.set(xlabel=f"scale of every layer\n({L} weight layers)")
        axes.axhline(0, color="0.6", linewidth=0.8)
        axes.set_ylim(-0.15, 0.3)
    panels[0].set_ylabel("cost above that of zero weights")
    panels[0].legend(fontsize="x-small", loc="upper left")
    return Picture(
        figure,
        "Two layers: below the bound the cost falls from zero weights on, above it zero is lowest. "
        "More layers: every curve rises from zero weights first, so that zero is a valley of its own; "
        "below the bound there is a second valley, above it none.",
    )
