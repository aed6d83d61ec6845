"""Figures of gradients: signals over steps, laws by layer, and value against gradient."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn
from matplotlib.axes import Axes

from l2scaling.figures.theme import MARKERS, Picture, subplots

LAYERS = ("input layer", "hidden layer", "output layer")


def signals_by_step(differences: np.ndarray) -> Picture:
    """Draw how far error signals with and without the penalty lie apart, a line a layer.

    ``differences`` has shape ``(steps, layers)``, relative to the signal without the penalty;
    row 0 is before the first step.
    """
    figure, (axes,) = subplots(1)
    colors = seaborn.color_palette("colorblind", differences.shape[1])
    steps = np.arange(len(differences))
    for layer, (values, color) in enumerate(zip(differences.T, colors, strict=True)):
        marker = MARKERS[layer % len(MARKERS)]
        axes.plot(
            steps, 100 * values, marker + "-", color=color, mfc="none", label=f"weight layer {layer + 1}"
        )
    axes.set(
        xlabel="optimiser steps taken",
        ylabel="difference of error signals\n(percent of the signal)",
        xticks=steps,
    )
    axes.legend(fontsize="small")
    return Picture(
        figure,
        f"Before the first step the error signals differ by {differences[0].max():g} in every layer; after "
        f"one step by {100 * differences[1].min():.2g} to {100 * differences[1].max():.2g} percent, after "
        f"{steps[-1]} by up to {100 * differences[-1].max():.2g} percent.",
    )


@dataclass(frozen=True)
class LayerLaw:
    """A quantity by width and layer for one task; ``values`` has shape ``(widths, seeds, 3)``.

    ``exponents`` are the measured slopes in the width, input layer first.
    """

    label: str
    values: np.ndarray
    exponents: Sequence[float]


def layer_laws(
    widths: Sequence[int], laws: Sequence[LayerLaw], predicted: Sequence[float], ylabel: str
) -> Picture:
    """Draw one log–log panel a task: means over seeds by layer, with the predicted slopes dashed.

    Bars go from the smallest to the largest seed. A dashed line passes through the geometric
    centre of its layer's values, so that only its slope is on trial.
    """
    figure, panels = subplots(len(laws), height=3.6, share_y=True)
    colors = seaborn.color_palette("colorblind", len(LAYERS))
    log_width = np.log(np.asarray(widths, float))
    for axes, law in zip(panels, laws, strict=True):
        for layer, (name, color) in enumerate(zip(LAYERS, colors, strict=True)):
            values = law.values[:, :, layer]
            line = np.exp(np.log(values).mean() + predicted[layer] * (log_width - log_width.mean()))
            axes.errorbar(
                widths, values.mean(axis=1), yerr=_span(values), fmt=MARKERS[layer],
                color=color, mfc="none", ms=5, capsize=3, label=name,
            )  # fmt: skip
            axes.loglog(widths, line, "--", color="0.15", label=f"predicted slope {predicted[layer]:g}")
        axes.set(xscale="log", yscale="log", xlabel=f"width n ({law.label})")
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.minorticks_off()
    panels[0].set_ylabel(ylabel)
    handles, labels = panels[0].get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=3, fontsize="small")
    told = "; ".join(f"{law.label}: " + ", ".join(f"{one:.2f}" for one in law.exponents) for law in laws)
    asked = ", ".join(f"{one:g}" for one in predicted)
    return Picture(
        figure,
        f"Slopes in the width for input, hidden and output layer, predicted {asked}. Measured: {told}.",
    )


@dataclass(frozen=True)
class Line:
    """A positive quantity against P; ``sizes`` has shape ``(sizes,)``, ``values`` ``(sizes, seeds)``."""

    label: str
    sizes: Sequence[int]
    values: np.ndarray


def _span(values: np.ndarray) -> np.ndarray:
    """Return how far the smallest and the largest seed lie below and above the mean."""
    middle = values.mean(axis=1)
    return np.stack([middle - values.min(axis=1), values.max(axis=1) - middle])


def _draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    colors = seaborn.color_palette("colorblind", len(lines))
    for line, color, marker in zip(lines, colors, MARKERS, strict=False):
        axes.errorbar(
            line.sizes,
            line.values.mean(axis=1),
            yerr=_span(line.values),
            fmt=marker + "-",
            color=color,
            mfc="none",
            capsize=3,
            label=line.label,
        )
    axes.set(xscale="log", xlabel="number of weights P")


def share_and_ratio(shares: Sequence[Line], ratios: Sequence[Line]) -> Picture:
    """Draw the penalty's share of the cost, and of its gradient's norm to the data gradient's.

    Points are means over seeds, bars go from the smallest to the largest seed. The line at
    one is where the penalty's gradient would be as long as the data gradient.
    """
    figure, (left, right) = subplots(2, height=3.5)
    _draw_lines(left, shares)
    left.set(ylabel="penalty's share of the total cost", ylim=(0, 1.02))
    left.legend(fontsize="small")
    _draw_lines(right, ratios)
    right.axhline(1, color="0.15", linestyle=":")
    right.set(yscale="log", ylabel="norm of penalty gradient\nover norm of data gradient")
    top = max(one.values.max() for one in ratios)
    right.set_ylim(min(one.values.min() for one in ratios) / 2, max(2.0, 2 * top))
    told = "; ".join(
        f"{share.label}: share {share.values[0].mean():.2f} to {share.values[-1].mean():.3f}, "
        f"ratio {ratio.values[0].mean():.3f} to {ratio.values[-1].mean():.3f}"
        for share, ratio in zip(shares, ratios, strict=True)
    )
    return Picture(figure, f"From the smallest to the largest network, {told}.")


def ratios_by_start(panels: Sequence[tuple[str, Sequence[Line]]]) -> Picture:
    """Draw the ratio of gradient norms against P for several initialisers, a panel a depth."""
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    told = []
    for axes, (name, lines) in zip(all_axes, panels, strict=True):
        _draw_lines(axes, lines)
        axes.axhline(1, color="0.15", linestyle=":")
        axes.set(yscale="log", xlabel=f"number of weights P ({name})")
        ends = (f"{one.label} {one.values[0].mean():.2g} to {one.values[-1].mean():.2g}" for one in lines)
        told.append(f"{name}: {', '.join(ends)}")
    all_axes[0].set_ylabel("norm of penalty gradient\nover norm of data gradient")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize="small")
    return Picture(
        figure, f"Ratio of gradient norms from the smallest to the largest network. {'; '.join(told)}."
    )
