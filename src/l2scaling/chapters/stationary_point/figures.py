"""Figures of stationary points: pull against push, levelling layers, before and after, nats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn
from matplotlib.ticker import NullFormatter

from l2scaling.chapters.stationary_point.nats import EvidenceFit
from l2scaling.chapters.stationary_point.polishing import Minimum
from l2scaling.figures.theme import MARKERS, Picture, subplots


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
    color, other, third = seaborn.color_palette("colorblind", 3)
    strongest = np.abs(pulls[:, np.abs(pulls[0]).argmax()])
    half = 10 ** (np.log10(totals[-1] / totals[0]) / 2 + 0.4)
    left.loglog(sizes, totals, "o-", color=color)
    left.set_ylabel("total penalty (loss)")
    middle.loglog(sizes, strongest, "s-", color=other)
    middle.set_ylabel("pull on one weight\n(loss per weight unit)")
    for values, marker, shade, label in (
        (started, "o", color, "at the start"),
        (trained, "^", third, "after training"),
    ):
        mean = values.mean(axis=1)
        bars = np.stack([mean - values.min(axis=1), values.max(axis=1) - mean])
        right.errorbar(trained_sizes, mean, yerr=bars, fmt=marker + "-", color=shade, capsize=3, label=label)
    right.set(xscale="log", yscale="log", ylabel="total penalty (loss)")
    right.legend(fontsize="small")
    shown = (totals, strongest, np.concatenate([started, trained]))
    for axes, values in zip((left, middle, right), shown, strict=True):
        centre = np.sqrt(values.min() * values.max())
        axes.set(xlabel="number of weights P", ylim=(centre / half, centre * half))
    growth, moved = totals[-1] / totals[0], np.ptp(strongest)
    before, after = (values.mean(axis=1) for values in (started, trained))
    return Picture(
        figure,
        f"From {sizes[0]:,} to {sizes[-1]:,} weights the total penalty grows {growth:,.0f}-fold; the pull on "
        f"one and the same weight changes by {moved:g}. In networks of {trained_sizes[0]:,} to "
        f"{trained_sizes[-1]:,} weights the total is {before[0]:.2g} to {before[-1]:.2g} at the start and "
        f"{after[0]:.3g} to {after[-1]:.3g} after training.",
    )


def pull_against_push(panels: Sequence[tuple[str, Minimum]]) -> Picture:
    """Draw for each minimum the pull on every weight against minus its data gradient.

    The dotted diagonal is where the two are equal. Both axes are in units of the largest pull.
    """
    figure, all_axes = subplots(len(panels), height=3.4, share_y=True)
    color = seaborn.color_palette("colorblind")[0]
    for axes, (label, minimum) in zip(all_axes, panels, strict=True):
        largest = max(np.abs(minimum.pull).max(), np.finfo(float).tiny)
        axes.plot([-1, 1], [-1, 1], ":", color="0.15", label="equal")
        # thousands of points: drawn as an image, so that the page stays light
        axes.plot(
            minimum.pull / largest, minimum.push / largest, ".", color=color, ms=3, alpha=0.5,
            rasterized=True, label="each weight",
        )  # fmt: skip
        axes.set(xlabel="pull of the penalty\n(largest pull is one)", aspect="equal")
        axes.text(0.96, 0.04, label, transform=axes.transAxes, ha="right", fontsize="small")
    all_axes[0].set_ylabel("minus data gradient\n(same unit)")
    all_axes[0].legend(fontsize="small", loc="upper left")
    told = "; ".join(
        f"{label}: largest departure {minimum.residual:.1e} of the largest pull" for label, minimum in panels
    )
    return Picture(
        figure, f"Minus data gradient against pull, with the diagonal on which both agree. {told}."
    )


@dataclass(frozen=True)
class Levelled:
    """Networks of one task after training: ``demand`` ``(networks,)``, ``levels`` ``(networks, L)``.

    Both are in loss units; ``levels`` holds ``c |W_l|^2`` of each layer.
    """

    label: str
    demand: np.ndarray
    levels: np.ndarray


def levelling(
    times: np.ndarray, squares: np.ndarray, rates: Sequence[tuple[str, float]], groups: Sequence[Levelled]
) -> Picture:
    """Draw how the layers of one network come level, and where those of many networks end.

    ``times`` ``(T,)`` is in learning times, ``c * learning rate * steps / (1 - momentum)``;
    ``squares`` ``(T, L)`` holds the sum of squared weights of each layer. ``rates`` are
    predicted rates of decay of their spread, named, each drawn as a line.
    """
    figure, (left, middle, right) = subplots(3, height=3.5)
    colors = seaborn.color_palette("colorblind", max(squares.shape[1], len(groups)))
    for layer, values in enumerate(squares.T):
        left.semilogy(
            times, values, MARKERS[layer] + "-", color=colors[layer], mfc="none", ms=4,
            label=f"weight layer {layer + 1}",
        )  # fmt: skip
    left.set(xlabel="learning times", ylabel="sum of squared weights of a layer")
    left.legend(fontsize="small")
    spread = np.ptp(squares, axis=1)
    for (label, rate), dash in zip(rates, ("--", ":"), strict=True):
        middle.semilogy(times, spread[0] * np.exp(-rate * times), dash, color="0.15", label=label)
    middle.semilogy(times, spread, "o", color=colors[0], mfc="none", ms=5, label="measured")
    middle.set(xlabel="learning times", ylabel="largest minus smallest layer")
    middle.legend(fontsize="small")
    ends = np.array([[group.demand.min(), group.demand.max()] for group in groups])
    line = np.array([ends.min() * 0.95, ends.max() * 1.05])
    right.plot(line, line, ":", color="0.15", label="equal")
    for group, color, marker in zip(groups, colors, MARKERS, strict=False):
        demands = np.repeat(group.demand, group.levels.shape[1])
        right.plot(demands, group.levels.ravel(), marker, color=color, mfc="none", ms=6, label=group.label)
    right.set(xlabel="what the data demand (loss)", ylabel="$c$ times a layer's squares (loss)")
    right.legend(fontsize="small")
    worst = max(np.abs(group.levels / group.demand[:, None] - 1).max() for group in groups)
    return Picture(
        figure,
        f"Layers start between {squares[0].min():.0f} and {squares[0].max():.0f} and end between "
        f"{squares[-1].min():.2f} and {squares[-1].max():.2f}; their spread shrinks "
        f"from {spread[0]:.0f} to {spread[-1]:.2g}. "
        f"In all networks each layer ends within {100 * worst:.2g} percent of what the data demand.",
    )


@dataclass(frozen=True)
class BeforeAfter:
    """Sums of squared weights of one task, by size; ``start`` and ``after`` are ``(sizes, seeds)``.

    ``expected``, shape ``(sizes,)``, is the exact expectation at the start.
    """

    label: str
    sizes: Sequence[int]
    expected: np.ndarray
    start: np.ndarray
    after: np.ndarray


def before_and_after(panels: Sequence[BeforeAfter]) -> Picture:
    """Draw the sum of squared weights against P, at the start and after training, a panel a task.

    Every seed is a point. Dashed: the exact expectation at the start; dotted: no growth, through
    the geometric mean of what training leaves.
    """
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    color, _, other = seaborn.color_palette("colorblind", 3)
    for axes, one in zip(all_axes, panels, strict=True):
        points = np.repeat(one.sizes, one.start.shape[1])
        axes.loglog(one.sizes, one.expected, "--", color="0.15", label="predicted start")
        axes.loglog(points, one.start.ravel(), "o", color=color, mfc="none", label="at the start")
        level = np.exp(np.log(one.after).mean())
        axes.loglog(one.sizes, np.full(len(one.sizes), level), ":", color="0.15", label="predicted: no slope")
        axes.loglog(points, one.after.ravel(), "^", color=other, mfc="none", label="after training")
        axes.set_xlabel(f"number of weights P ({one.label})")
        axes.xaxis.set_minor_formatter(NullFormatter())  # they would overlap
    all_axes[0].set_ylabel("sum of squared weights")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize="small")
    told = "; ".join(
        f"{one.label}: {one.start[0].mean():.0f} to {one.start[-1].mean():.0f} at the start, "
        f"{one.after[0].mean():.2f} to {one.after[-1].mean():.2f} after training"
        for one in panels
    )
    return Picture(figure, f"Sum of squared weights from the smallest to the largest network. {told}.")


@dataclass(frozen=True)
class Nats:
    """Penalties in nats of one growing regression: draws from the prior, and fits.

    ``prior`` has shape ``(sizes, draws)``; ``fits`` and ``bounds`` have one entry a size, the
    latter ``min(N, P)``.
    """

    label: str
    sizes: Sequence[int]
    prior: np.ndarray
    fits: Sequence[EvidenceFit]
    bounds: Sequence[int]


def nats(panels: Sequence[Nats]) -> Picture:
    """Draw against P what the penalty costs in nats, for draws from the prior and for the best fit.

    Circles are means over draws, their bars hold 95% of the draws.
    """
    figure, all_axes = subplots(len(panels), height=3.7, share_y=True)
    color, _, other = seaborn.color_palette("colorblind", 3)
    told = []
    for axes, one in zip(all_axes, panels, strict=True):
        mean, sizes = one.prior.mean(axis=1), np.asarray(one.sizes)
        low, high = np.quantile(one.prior, [0.025, 0.975], axis=1)
        fitted = [fit.nats for fit in one.fits]
        axes.loglog(sizes, sizes / 2, "--", color="0.15", label="predicted draw, P/2")
        axes.errorbar(
            sizes, mean, yerr=[mean - low, high - mean], fmt="o", color=color, mfc="none", capsize=3,
            label="draws from the prior",
        )  # fmt: skip
        axes.loglog(sizes, np.asarray(one.bounds) / 2, "-.", color="0.45", label="bound, min(N, P)/2")
        gammas = np.array([fit.effective for fit in one.fits])
        axes.loglog(sizes, gammas / 2, ":", color="0.15", label="predicted fit, γ/2")
        axes.loglog(sizes, fitted, "^", color=other, mfc="none", ms=6, label="fit of largest evidence")
        axes.set(xscale="log", yscale="log", xlabel=f"number of weights P ({one.label})")
        told.append(
            f"{one.label}: draws cost {mean[0]:.1f} to {mean[-1]:.0f} nats, fits "
            f"{fitted[0]:.2f} to {fitted[-1]:.2f}"
        )
    all_axes[0].set_ylabel("penalty (nats)")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
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
