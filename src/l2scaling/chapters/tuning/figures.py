"""Figures of tuning: early stopping beside ridge, regret against compute, a grid's share, dropout, steps."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn
from matplotlib.axes import Axes

from l2scaling.figures.theme import MARKERS, Picture, subplots

_LINES = ("-", "--", "-.", ":")


def _bars(axes: Axes, x: Sequence[float] | np.ndarray, band: np.ndarray, **style: object) -> None:
    """Draw means with intervals; ``band`` ``(3, points)`` holds mean, low and high."""
    mean, low, high = band
    spread = [np.maximum(mean - low, 0), np.maximum(high - mean, 0)]
    axes.errorbar(x, mean, yerr=spread, mfc="none", capsize=3, **style)  # type: ignore[arg-type]


def stopping(ratios: Mapping[str, np.ndarray]) -> Picture:
    """Draw what ridge and early stopping leave of a direction, and measured 1/(ηt) over the best c.

    ``ratios`` hold, for each data set, the best ``1/(rate t)`` over the best c, in any shape.
    """
    figure, (left, right) = subplots(2, height=3.5)
    colors = seaborn.color_palette("colorblind", len(ratios))
    x = np.geomspace(1e-2, 1e2, 200)
    left.semilogx(x, 1 / (1 + x), "-", color="0.25", label="ridge, 1/(1 + x)")
    left.semilogx(x, np.exp(-x), "--", color=colors[0], label="stopped descent, exp(−x)")
    left.set(xlabel="curvature over c, or times ηt: x", ylabel="share of a direction left out")
    left.legend(fontsize="small")
    edges = np.linspace(-2, 2, 33)
    for (name, values), color, line in zip(ratios.items(), colors, _LINES, strict=False):
        logs = np.clip(np.log10(values).ravel(), edges[0], edges[-1])
        heights = np.histogram(logs, edges)[0] / logs.size
        right.stairs(heights, 10**edges, color=color, linestyle=line, linewidth=1.8, label=name)
    right.axvline(1.0, color="0.25", linestyle="--", linewidth=1, label="predicted")
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
    names = list(dict.fromkeys(name for costs, _ in panels.values() for name in costs))
    single = [name for name in names if not name.startswith(tuple(families))]
    colors = seaborn.color_palette("colorblind", len(families) + len(single))
    shifts = dict(zip(single, np.geomspace(0.8, 1.25, len(single)), strict=True))
    markers = [*MARKERS, "X", "<", ">", "*", "p", "h", "d", "8", "H"]
    for axes, (title, (costs, bands)) in zip(row, panels.items(), strict=True):
        groups = [(family, [name for name in costs if name.startswith(family)]) for family in families]
        groups += [(name, [name]) for name in single]
        for (label, members), color, marker in zip(groups, colors, markers, strict=False):
            present = [name for name in members if name in bands]
            if present:
                x = [costs[name] * shifts.get(name, 1.0) for name in present]
                _bars(axes, x, np.stack([bands[name] for name in present], 1), color=color, marker=marker,
                      linestyle="-" if len(present) > 1 else "none", ms=7, label=label)  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=0.01)
        axes.set(xlabel="cost (fits of the final model)", ylim=(0, None))
        axes.set_title(title, fontsize="medium")
        told.append(f"{title}: " + ", ".join(f"{name} {bands[name][0]:.3f}" for name in costs))
    row[0].set_ylabel("regret (share of the least test error)")
    found = {label: one for axes in row for one, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=4, fontsize="x-small")
    return Picture(figure, f"Mean regret of each method. {'; '.join(told)}.")


def grid_shares(
    best: Mapping[str, np.ndarray], low: float, high: float, apis: Sequence[str],
    shares: Mapping[str, np.ndarray],
) -> Picture:  # fmt: skip
    """Draw the best c of every cell beside a grid's range, and the share inside for each meaning of λ.

    ``best`` hold the cells of each family; ``shares`` of the same kinds ``(3, apis)``: share, low, high.
    """
    figure, (left, right) = subplots(2, height=3.8)
    colors = seaborn.color_palette("colorblind", max(len(best), len(shares)))
    left.axhspan(low, high, color="0.85", label="the grid")
    for place, (values, color) in enumerate(zip(best.values(), colors, strict=False)):
        spread = place + np.linspace(-0.3, 0.3, len(values))
        left.plot(spread, np.sort(values), MARKERS[place], color=color, mfc="none", ms=5)
        left.set_yscale("log")
    left.set_xticks(range(len(best)), [name.replace(", ", ",\n") for name in best], fontsize="small")
    left.set(ylabel="best c of a cell")
    left.legend(fontsize="small")
    for number, ((name, band), color) in enumerate(zip(shares.items(), colors, strict=False)):
        _bars(right, np.arange(len(apis)) + 0.12 * (2 * number - 1), band, color=color,
              marker=MARKERS[number], linestyle="none", label=name)  # fmt: skip
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
        colors = seaborn.color_palette("colorblind", len(bands))
        for number, ((name, band), color) in enumerate(zip(bands.items(), colors, strict=True)):
            x = np.asarray(widths) * 1.04 ** (2 * number - len(bands) + 1)
            _bars(axes, x, band, color=color, marker=MARKERS[number], linestyle=_LINES[number], label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(width) for width in widths])
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
    colors = seaborn.color_palette("colorblind", len(steps))
    for number, (axes, (name, values)) in enumerate(zip(row, steps.items(), strict=True)):
        centre = np.log10(values.mean(1)).mean() + np.log10(c).mean()
        axes.loglog(c, 10**centre / c, "--", color="0.25", label="predicted slope −1")
        axes.loglog(np.repeat(c, values.shape[1]), values.ravel(), MARKERS[number], color=colors[number],
                    mfc="none", ms=5, alpha=0.7, label="each seed")  # fmt: skip
        axes.loglog(c, values.mean(1), "-", color=colors[number], label="mean")
        axes.set(xlabel="penalty coefficient c")
        axes.set_title(name, fontsize="medium")
        axes.legend(fontsize="small")
    row[0].set_ylabel("steps to the best score")
    told = "; ".join(f"{name}: {slopes[name]:.2f}" for name in steps)
    return Picture(figure, f"Slope of the log of steps to the best score on log c, predicted −1. {told}.")
