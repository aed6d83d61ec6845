"""Figures of gradients: signals over steps, laws by layer, and value against gradient."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.figures.series import Series, bars, draw, guide, legend, spread, styled, ticks
from l2scaling.figures.theme import Picture, subplots

LAYERS = ("input layer", "hidden layer", "output layer")


def signals_by_step(differences: np.ndarray) -> Picture:
    """Draw how far error signals with and without the penalty lie apart, a line a layer.

    ``differences`` has shape ``(steps, layers)``, relative to the signal without the penalty;
    row 0 is before the first step.
    """
    figure, (axes,) = subplots(1)
    steps = np.arange(len(differences))
    layers = [Series(f"weight layer {k + 1}", steps, 100 * one) for k, one in enumerate(differences.T)]
    draw(axes, layers, linestyle="-")
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


def layer_laws(
    widths: Sequence[int],
    laws: Mapping[str, np.ndarray],
    fits: Mapping[str, Sequence[Sequence[float]]],
    predicted: Sequence[float],
    ylabel: str,
) -> Picture:
    """Draw one log–log panel a task: means over seeds by layer, with the predicted slopes dashed.

    ``laws`` hold values ``(widths, seeds, 3)`` of a task, ``fits`` its measured slopes in the width,
    the estimate first; input layer first. Bars go from the smallest to the largest seed.
    """
    figure, panels = subplots(len(laws), height=3.6, share_y=True)
    for axes, (task, values) in zip(panels, laws.items(), strict=True):
        for (layer, name), look in styled(enumerate(LAYERS), ms=5):
            bars(axes, widths, spread(values[:, :, layer]), **look, label=name)
            slope = predicted[layer]
            guide(axes, widths, values[:, :, layer], slope, label=f"predicted slope {slope:g}")
        axes.set(xscale="log", yscale="log", xlabel=f"width n ({task})")
        ticks(axes, widths)
    panels[0].set_ylabel(ylabel)
    legend(figure, 3)
    told = "; ".join(f"{task}: " + ", ".join(f"{fit[0]:.2f}" for fit in fits[task]) for task in laws)
    asked = ", ".join(f"{one:g}" for one in predicted)
    return Picture(
        figure,
        f"Slopes in the width for input, hidden and output layer, predicted {asked}. Measured: {told}.",
    )


def share_and_ratio(shares: Sequence[Series], ratios: Sequence[Series]) -> Picture:
    """Draw the penalty's share of the cost, and of its gradient's norm to the data gradient's.

    Points are means over seeds, bars go from the smallest to the largest seed. The line at
    one is where the penalty's gradient would be as long as the data gradient.
    """
    figure, (left, right) = subplots(2, height=3.5)
    draw(left, shares, linestyle="-")
    left.set(ylabel="penalty's share of the total cost", ylim=(0, 1.02))
    left.legend(fontsize="small")
    draw(right, ratios, linestyle="-")
    right.axhline(1, color="0.15", linestyle=":")
    right.set(yscale="log", ylabel="norm of penalty gradient\nover norm of data gradient")
    for axes in (left, right):
        axes.set(xscale="log", xlabel="number of weights P")
    top = max(one.values.max() for one in ratios)
    right.set_ylim(min(one.values.min() for one in ratios) / 2, max(2.0, 2 * top))
    told = "; ".join(
        f"{share.label}: share {share.mean[0]:.2f} to {share.mean[-1]:.3f}, "
        f"ratio {ratio.mean[0]:.3f} to {ratio.mean[-1]:.3f}"
        for share, ratio in zip(shares, ratios, strict=True)
    )
    return Picture(figure, f"From the smallest to the largest network, {told}.")


def ratios_by_start(panels: Sequence[tuple[str, Sequence[Series]]]) -> Picture:
    """Draw the ratio of gradient norms against P for several initialisers, a panel a depth."""
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    told = []
    for axes, (name, lines) in zip(all_axes, panels, strict=True):
        draw(axes, lines, linestyle="-")
        axes.axhline(1, color="0.15", linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel=f"number of weights P ({name})")
        told.append(f"{name}: {', '.join(one.ends('.2g', '') for one in lines)}")
    all_axes[0].set_ylabel("norm of penalty gradient\nover norm of data gradient")
    legend(figure, len(lines))
    return Picture(
        figure, f"Ratio of gradient norms from the smallest to the largest network. {'; '.join(told)}."
    )
