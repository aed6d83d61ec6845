"""Figures of tuning: early stopping beside ridge, regret against compute, a grid's share, dropout, steps."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.figures.series import COLORS, DASHES, PREDICTED, bars, guide, legend, scatter, styled, ticks
from l2scaling.figures.theme import Picture, subplots


def stopping(ratios: Mapping[str, np.ndarray]) -> Picture:
    """Draw what ridge and early stopping leave of a direction, and measured 1/(ηt) over the best c.

    ``ratios`` hold, for each data set, the best ``1/(rate t)`` over the best c, in any shape.
    """
    figure, (left, right) = subplots(2, height=3.5)
    x = np.geomspace(1e-2, 1e2, 200)
    left.semilogx(x, 1 / (1 + x), "-", color="0.25", label="ridge, 1/(1 + x)")
    left.semilogx(x, np.exp(-x), "--", color=COLORS[0], label="stopped descent, exp(−x)")
    left.set(xlabel="curvature over c, or times ηt: x", ylabel="share of a direction left out")
    left.legend(fontsize="small")
    edges = np.linspace(-2, 2, 33)
    for (name, values), color, line in zip(ratios.items(), COLORS, DASHES, strict=False):
        logs = np.clip(np.log10(values).ravel(), edges[0], edges[-1])
        heights = np.histogram(logs, edges)[0] / logs.size
        right.stairs(heights, 10**edges, color=color, linestyle=line, linewidth=1.8, label=name)
    right.axvline(1.0, **PREDICTED, label="predicted")
    right.set(xscale="log", xlabel="1/(ηt) at the best stop over the best c", ylabel="share of fits")
    right.legend(fontsize="small")
    told = ", ".join(f"{name} {10 ** np.log10(values).mean():.2f}" for name, values in ratios.items())
    return Picture(
        figure,
        "Left: stopped descent and ridge leave out nearly the same share of a direction, within "
        f"{np.abs(1 / (1 + x) - np.exp(-x)).max():.2f}. Right: histograms of 1/(ηt) at the best stop over "
        f"the best c; geometric means: {told}.",
    )


def race(
    panels: Mapping[str, tuple[Mapping[str, float], Mapping[str, np.ndarray]]],
    families: Sequence[str] = ("hold-out", "5 folds", "transfer"),
) -> Picture:
    """Draw regret against cost, a panel a kind of model, a mark a method with its interval.

    Each panel holds costs in fits and ``(mean, low, high)`` of the regret by method. Methods of one
    family, which begin with the same word, are joined by a line; the others are moved sideways a little,
    so that marks of one cost stand apart.
    """
    figure, row = subplots(len(panels), height=4.6, share_y=True)
    told = []
    names = dict.fromkeys(name for costs, _ in panels.values() for name in costs)
    label_of = {name: next(filter(name.startswith, families), name) for name in names}
    single = [name for name, label in label_of.items() if label not in families]
    shifts = dict(zip(single, np.geomspace(0.8, 1.25, len(single)), strict=True))
    for axes, (title, (costs, bands)) in zip(row, panels.items(), strict=True):
        for label, look in styled([*families, *single], ms=7):
            present = [name for name in costs if label_of[name] == label]
            if present:
                x = [costs[name] * shifts.get(name, 1.0) for name in present]
                line = look | {"linestyle": "-" if len(present) > 1 else "none", "label": label}
                bars(axes, x, np.stack([bands[name] for name in present], 1), **line)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set(xlabel="cost (fits of the final model)", ylim=(0, None))
        axes.set_title(title, fontsize="medium")
        told.append(f"{title}: " + ", ".join(f"{name} {bands[name][0]:.3f}" for name in costs))
    row[0].set_ylabel("regret (share of the least test error)")
    legend(figure, 4, loc="outside lower center", fontsize="x-small")
    return Picture(figure, f"Mean regret of each method. {'; '.join(told)}.")


def grid_shares(
    best: Mapping[str, np.ndarray], low: float, high: float, apis: Sequence[str],
    shares: Mapping[str, np.ndarray],
) -> Picture:  # fmt: skip
    """Draw the best c of every cell beside a grid's range, and the share inside for each meaning of λ.

    ``best`` hold the cells of each family; ``shares`` of the same kinds ``(3, apis)``: share, low, high.
    """
    figure, (left, right) = subplots(2, height=3.8)
    left.axhspan(low, high, color="0.85", label="the grid")
    for (place, values), look in styled(enumerate(best.values()), ms=5):
        left.semilogy(place + np.linspace(-0.3, 0.3, len(values)), np.sort(values), **look)
    left.set_xticks(range(len(best)), [name.replace(", ", ",\n") for name in best], fontsize="small")
    left.set(ylabel="best c of a cell")
    left.legend(fontsize="small")
    for (number, (name, band)), look in styled(enumerate(shares.items())):
        bars(right, np.arange(len(apis)) + 0.12 * (2 * number - 1), band, **look, label=name)
    right.set_xticks(range(len(apis)), apis, rotation=30, ha="right", fontsize="x-small")
    right.set(ylabel="share of cells inside the grid", ylim=(-0.03, 1.03))
    right.legend(fontsize="small")
    ranges = "; ".join(f"{name}: {values.min():.2g} to {values.max():.2g}" for name, values in best.items())
    told = "; ".join(
        f"{name}: " + ", ".join(f"{api} {share:.2f}" for api, share in zip(apis, band[0], strict=True))
        for name, band in shares.items()
    )
    return Picture(figure, f"Best c, {ranges}; the grid goes from {low:g} to {high:g}. Share inside, {told}.")


def dropout(widths: Sequence[int], panels: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """Draw test cross-entropy against width under several regularisers, a panel a data set.

    Each panel holds ``(3, widths)``: mean, low and high.
    """
    figure, row = subplots(len(panels), height=3.7)
    told = []
    for axes, (title, bands) in zip(row, panels.items(), strict=True):
        for (number, (name, band)), look in styled(enumerate(bands.items())):
            x = np.asarray(widths) * 1.04 ** (2 * number - len(bands) + 1)
            bars(axes, x, band, **look | {"linestyle": DASHES[number]}, label=name)
        axes.set_xscale("log", base=2)
        ticks(axes, widths)
        axes.set(xlabel="hidden units", ylabel="test cross-entropy (nats)")
        axes.set_title(title, fontsize="medium")
        told.append(
            f"{title}: "
            + ", ".join(f"{name} {band[0][0]:.3f} to {band[0][-1]:.3f}" for name, band in bands.items())
        )
    row[0].legend(fontsize="small")
    return Picture(
        figure, f"From {widths[0]} to {widths[-1]} hidden units, with intervals. {'; '.join(told)}."
    )


def times_to_best(c: np.ndarray, steps: Mapping[str, np.ndarray], slopes: Mapping[str, float]) -> Picture:
    """Draw steps to the best score against the coefficient, a panel a score, with slope minus one.

    ``steps`` hold ``(coefficients, seeds)``.
    """
    figure, row = subplots(len(steps), height=3.5, share_y=True)
    for axes, ((name, values), look) in zip(row, styled(steps.items(), ms=5), strict=True):
        guide(axes, c, values.mean(1), -1, label="predicted slope −1")
        scatter(axes, c, values, **look, alpha=0.7, label="each seed")
        axes.plot(c, values.mean(1), "-", color=look["color"], label="mean")
        axes.set(xscale="log", yscale="log", xlabel="penalty coefficient c")
        axes.set_title(name, fontsize="medium")
        axes.legend(fontsize="small")
    row[0].set_ylabel("steps to the best score")
    told = "; ".join(f"{name}: {slopes[name]:.2f}" for name in steps)
    return Picture(figure, f"Slope of the log of steps to the best score on log c, predicted −1. {told}.")
