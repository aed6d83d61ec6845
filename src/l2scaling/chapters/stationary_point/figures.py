"""Figures of stationary points: pull against push, levelling layers, before and after, nats."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn

from l2scaling.chapters.stationary_point.nats import EvidenceFit
from l2scaling.figures.series import (
    COLORS,
    PREDICTED,
    Series,
    bars,
    guide,
    legend,
    predict,
    same_decades,
    scatter,
    spread,
    styled,
    ticks,
)
from l2scaling.figures.theme import MARKERS, Picture, subplots
from l2scaling.measuring.intervals import LEVEL


def answer(
    sizes: Sequence[int],
    totals: np.ndarray,
    pulls: np.ndarray,
    trained_sizes: Sequence[int],
    started: np.ndarray,
    trained: np.ndarray,
) -> Picture:
    """Draw the answer of the book: the total grows, the pull on a weight does not, training levels it.

    ``totals`` has shape ``(sizes,)``, ``pulls`` ``(sizes, tracked)``. ``started`` and ``trained``,
    shape ``(trained sizes, seeds)``, are total penalties before and after training; their bars go
    from the smallest to the largest seed. All three panels span the same number of decades.
    """
    figure, (left, middle, right) = subplots(3)
    strongest = np.abs(pulls[:, np.abs(pulls[0]).argmax()])
    left.plot(sizes, totals, "o-", color=COLORS[0])
    left.set_ylabel("total penalty (loss)")
    middle.plot(sizes, strongest, "s-", color=COLORS[1])
    middle.set_ylabel("pull on one weight\n(loss per weight unit)")
    for values, marker, color, label in (
        (started, "o", COLORS[0], "at the start"),
        (trained, "^", COLORS[2], "after training"),
    ):
        bars(right, trained_sizes, spread(values), marker=marker, color=color, linestyle="-", label=label)
    right.set_ylabel("total penalty (loss)")
    right.legend(fontsize="small")
    for axes in (left, middle, right):
        axes.set(xscale="log", yscale="log", xlabel="number of weights P")
    same_decades((left, middle, right), (totals, strongest, np.concatenate([started, trained])))
    ticks(right, [trained_sizes[0], trained_sizes[-1]])
    growth, moved = totals[-1] / totals[0], np.ptp(strongest)
    before, after = (values.mean(axis=1) for values in (started, trained))
    return Picture(
        figure,
        f"From {sizes[0]:,} to {sizes[-1]:,} weights the total penalty grows {growth:,.0f}-fold; the pull on "
        f"one and the same weight changes by {moved:g}. In networks of {trained_sizes[0]:,} to "
        f"{trained_sizes[-1]:,} weights the total is {before[0]:.2g} to {before[-1]:.2g} at the start and "
        f"{after[0]:.3g} to {after[-1]:.3g} after training.",
    )


def levelling(
    times: np.ndarray, squares: np.ndarray, rates: Sequence[tuple[str, float]], groups: Sequence[Series]
) -> Picture:
    """Draw how the layers of one network come level, and where those of many networks end.

    ``times`` ``(T,)`` is in learning times, ``c * learning rate * steps / (1 - momentum)``;
    ``squares`` ``(T, L)`` holds the sum of squared weights of each layer. ``rates`` are
    predicted rates of decay of their spread, named, each drawn as a line. Each group holds
    ``c |W_l|^2`` of each layer, ``(networks, L)``, at what the data demand of the network.
    """
    figure, (left, middle, right) = subplots(3, height=3.5)
    for (layer, values), look in styled(enumerate(squares.T), ms=4, linestyle="-"):
        left.semilogy(times, values, **look, label=f"weight layer {layer + 1}")
    left.set(xlabel="learning times", ylabel="sum of squared weights of a layer")
    left.legend(fontsize="small")
    width = np.ptp(squares, axis=1)
    for (label, rate), dash in zip(rates, ("--", ":"), strict=True):
        middle.semilogy(times, width[0] * np.exp(-rate * times), dash, color="0.15", label=label)
    middle.semilogy(times, width, "o", color=COLORS[0], mfc="none", ms=5, label="measured")
    middle.set(xlabel="learning times", ylabel="largest minus smallest layer")
    middle.legend(fontsize="small")
    demands = np.concatenate([group.x for group in groups])
    line = np.array([demands.min() * 0.95, demands.max() * 1.05])
    right.plot(line, line, ":", color="0.15", label="equal")
    for group, look in styled(groups):
        scatter(right, group.x, group.values, **look, label=group.label)
    right.set(xlabel="what the data demand (loss)", ylabel="$c$ times a layer's squares (loss)")
    right.legend(fontsize="small")
    worst = max(np.abs(group.values / np.asarray(group.x)[:, None] - 1).max() for group in groups)
    return Picture(
        figure,
        f"Layers start between {squares[0].min():.0f} and {squares[0].max():.0f} and end between "
        f"{squares[-1].min():.2f} and {squares[-1].max():.2f}; their spread shrinks "
        f"from {width[0]:.0f} to {width[-1]:.2g}. "
        f"In all networks each layer ends within {100 * worst:.2g} percent of what the data demand.",
    )


def before_and_after(panels: Mapping[str, tuple[Series, Series]]) -> Picture:
    """Draw the sum of squared weights against P, at the start and after training, a panel a task.

    Every seed is a point. Dashed: the exact expectation at the start; dotted: no growth, through
    the geometric mean of what training leaves.
    """
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    for axes, (task, (start, after)) in zip(all_axes, panels.items(), strict=True):
        predict(axes, start, label="predicted start")
        scatter(axes, start.x, start.values, marker="o", color=COLORS[0], label="at the start")
        guide(axes, after.x, after.values, 0, linestyle=":", label="predicted: no slope")
        scatter(axes, after.x, after.values, marker="^", color=COLORS[2], label="after training")
        axes.set(xscale="log", yscale="log", xlabel=f"number of weights P ({task})")
        ticks(axes, start.x)
    all_axes[0].set_ylabel("sum of squared weights")
    legend(figure, 4)
    told = "; ".join(
        f"{task}: {start.mean[0]:.0f} to {start.mean[-1]:.0f} at the start, "
        f"{after.mean[0]:.2f} to {after.mean[-1]:.2f} after training"
        for task, (start, after) in panels.items()
    )
    return Picture(figure, f"Sum of squared weights from the smallest to the largest network. {told}.")


def nats(panels: Sequence[tuple[Series, Sequence[EvidenceFit], Sequence[int]]]) -> Picture:
    """Draw against P what the penalty costs in nats, for draws from the prior and for the best fit.

    Each panel holds draws ``(sizes, draws)``, and a fit and the bound ``min(N, P)`` of each size.
    Circles are means over draws, their bars hold 95% of the draws.
    """
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    told = []
    for axes, (one, fits, bounds) in zip(all_axes, panels, strict=True):
        fitted = [fit.nats for fit in fits]
        look = {"marker": "o", "color": COLORS[0], "mfc": "none", "linestyle": "none"}
        axes.plot(one.x, np.asarray(one.x) / 2, **PREDICTED, label="predicted draw, P/2")
        bars(axes, one.x, spread(one.values, LEVEL), **look, label="draws from the prior")
        axes.plot(one.x, np.asarray(bounds) / 2, "-.", color="0.45", label="bound, min(N, P)/2")
        axes.plot(one.x, [fit.effective / 2 for fit in fits], ":", color="0.15", label="predicted fit, γ/2")
        axes.plot(one.x, fitted, "^", color=COLORS[2], mfc="none", label="fit of largest evidence")
        axes.set(xscale="log", yscale="log", xlabel=f"number of weights P ({one.label})")
        told.append(
            f"{one.label}: draws cost {one.mean[0]:.1f} to {one.mean[-1]:.0f} nats, fits "
            f"{fitted[0]:.2f} to {fitted[-1]:.2f}"
        )
    all_axes[0].set_ylabel("penalty (nats)")
    legend(figure, 3)
    return Picture(figure, f"From the smallest to the largest number of features. {'; '.join(told)}.")


def towards_minimum(
    times: np.ndarray, rests: np.ndarray, sizes: Sequence[int], offsets: np.ndarray, costs: np.ndarray
) -> Picture:
    """Draw what training leaves of the two gradients' sum, and why: a cost with a kink at its minimum.

    ``rests``, ``(sizes, seeds, T)``, is the norm of the sum over that of the pull at ``times``, ``(T,)``;
    bands go from the smallest to the largest seed. ``costs`` is the cost at the settled minimum while one
    neuron's weights move by ``offsets``, both ``(offsets,)``.
    """
    figure, (left, right) = subplots(2, height=3.5)
    colors = seaborn.color_palette("viridis", len(sizes))
    for one, P, color, marker in zip(rests, sizes, colors, MARKERS, strict=False):
        left.semilogy(times, one.mean(0), marker + "-", color=color, mfc="none", ms=5, label=f"P = {P:,}")
        left.fill_between(times, one.min(0), one.max(0), color=color, alpha=0.15)
    left.set(xlabel="learning times", ylabel="norm of the gradients' sum\n(share of the pull's norm)")
    left.legend(fontsize="x-small")
    right.plot(offsets, costs - costs.min(), "-", color=seaborn.color_palette("colorblind")[0])
    right.axvline(0, linestyle=":", color="0.25")
    right.set(xlabel="move of one neuron's weights\n(weight units)", ylabel="cost above the minimum (loss)")
    last = rests[:, :, -1]
    return Picture(
        figure,
        f"Left: the share falls from {rests[:, :, 0].min():.2g} or more at the start to {last.min():.2g} to "
        f"{last.max():.2g} at the end, in networks of {min(sizes):,} to {max(sizes):,} weights. Right: the "
        "cost has its lowest point at a corner, where one sample meets one neuron at zero.",
    )
