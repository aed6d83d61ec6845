"""Figures of linear models, convolutions counted, and clones."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn

from l2scaling.figures.series import DASHES, PREDICTED, Series, guide, scatter, styled
from l2scaling.figures.theme import MARKERS, Picture, subplots


def growths(panels: Sequence[tuple[str, Sequence[Series]]]) -> Picture:
    """Draw one log–log panel a way of growing, in it every sum and its predicted slope.

    Each panel is a label of the horizontal axis and its sums over weights that grow in number.
    """
    figure, axes_row = subplots(len(panels), height=4.3, share_y=True)
    for axes, (xlabel, sums) in zip(axes_row, panels, strict=True):
        for one, look in styled(sums, ms=6):
            guide(axes, one.x, one.values, one.predicted_exponent)
            label = f"{one.label}, slope {round(one.exponent, 2) + 0:.2f}"
            scatter(axes, one.x, one.values, **look, label=label)
        axes.plot([], [], **PREDICTED, label="slopes predicted")
        axes.set(xscale="log", yscale="log", xlabel=xlabel)
        axes.legend(loc="upper left", fontsize="x-small")
        axes.margins(y=0.3)
    axes_row[0].set_ylabel("sum over the kernel\n(weight units, or their square)")
    slopes = "; ".join(
        f"{xlabel}, {one.label}: measured {round(one.exponent, 2) + 0:.2f}, "
        f"predicted {one.predicted_exponent:g}"
        for xlabel, sums in panels
        for one in sums
    )
    return Picture(figure, f"Log-log panels of sums over the weights of a convolution. {slopes}.")


def survivors(pulls: np.ndarray, weights: np.ndarray, original: int, coefficient: float) -> Picture:
    """Draw the pull of the data on every feature of a lasso solution, and the bar it must reach.

    ``pulls`` are ``|X'(y - Xw)|/N`` and ``weights`` the solution, both ``(P,)``; the first
    ``original`` features are real, the rest noise.
    """
    figure, (axes,) = subplots(1)
    real = np.arange(pulls.size) < original
    kinds = [
        (f"{owner}, weight {fate}", own & chosen)
        for owner, own in (("noise", ~real), ("real", real))
        for fate, chosen in (("zero", weights == 0), ("kept", weights != 0))
    ]
    rank = np.empty(pulls.size, int)
    rank[np.argsort(-pulls, kind="stable")] = np.arange(1, pulls.size + 1)
    for (label, chosen), look in styled(kinds, ms=7):
        if chosen.any():
            axes.semilogx(rank[chosen], pulls[chosen], **look, label=f"{label} ({chosen.sum()})")
    axes.axhline(coefficient, **PREDICTED, label="pull of the penalty, λ")
    axes.set(
        xlabel="features, by falling pull of the data", ylabel="pull of the data\n(loss per weight unit)"
    )
    axes.legend(loc="lower left", fontsize="small")
    kept = "; ".join(f"{label}: {int(chosen.sum())}" for label, chosen in kinds)
    return Picture(
        figure,
        f"Pull of the data on each of {pulls.size} features against a dashed line at {coefficient:g}. "
        f"The largest pull exceeds the line by {max(pulls.max() - coefficient, 0):.0e}. "
        f"Number of features: {kept}.",
    )


def clone_drifts(drifts: Mapping[str, np.ndarray], margin: float) -> Picture:
    """Draw the relative difference of predictions against training steps, a line each rule for λ.

    ``drifts`` have shape ``(steps,)``, relative to the size of the predictions. ``margin`` is the
    difference up to which the prediction calls two networks the same.
    """
    figure, (axes,) = subplots(1)
    for ((rule, values), look), dash in zip(styled(drifts.items()), DASHES, strict=False):
        axes.semilogy(np.maximum(values, 1e-17), **look | {"linestyle": dash}, markevery=0.1, label=rule)
    axes.axhline(margin, **PREDICTED, label="margin of the prediction")
    axes.set(xlabel="step of gradient descent", ylabel="relative difference\nof predictions")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    worst = "; ".join(f"{rule}: at most {values.max():.1e}" for rule, values in drifts.items())
    return Picture(
        figure, f"Difference between a network and its clones during training, on a log axis. {worst}."
    )


def best_coefficients(
    coefficients: np.ndarray, risks: np.ndarray, features: np.ndarray, best: np.ndarray, floor: float
) -> Picture:
    """Draw risk curves of the lasso, one a number of features, and the best λ against that number.

    ``coefficients`` ``(grid,)``, falling; ``risks`` ``(sizes, seeds, grid)``; ``features`` ``(sizes,)``;
    ``best`` ``(sizes, seeds)``; ``floor`` is the risk of the truth. The right panel also draws
    the two laws on trial, proportional to ``sqrt(log p)`` and to ``1/p``, from the first size.
    """
    figure, (left, right) = subplots(2, height=3.8)
    colors = seaborn.color_palette("viridis", len(features))
    middle = np.exp(np.log(best).mean(1))
    for index, (count, color) in enumerate(zip(features, colors, strict=True)):
        mean = risks[index].mean(0)
        marker = MARKERS[index % len(MARKERS)]
        left.semilogx(coefficients, mean, "-", color=color, label=f"p = {count}")
        left.semilogx(coefficients[mean.argmin()], mean.min(), marker, color=color, ms=7)
    left.axhline(floor, linestyle=":", color="0.25", label="noise alone")
    left.set(
        xlabel="λ",
        ylabel="test risk (squared target units)",
        ylim=(0.9 * floor, 1.3 * risks[:, :, -1].mean(1).max()),
    )
    left.legend(loc="upper left", fontsize="x-small")
    scatter(right, features, best, marker="o", color="0.65", ms=4, label="each seed")
    right.loglog(features, middle, "s-", color=seaborn.color_palette("colorblind")[0], label="geometric mean")
    root = np.sqrt(np.log(features))
    right.loglog(features, middle[0] * root / root[0], "--", color="0.25", label="law √log p")
    right.loglog(features, middle[0] * features[0] / features, ":", color="0.25", label="rule 1/p")
    right.set(xlabel="number of features p", ylabel="best λ")
    right.legend(loc="lower left", fontsize="x-small")
    return Picture(
        figure,
        f"Left: test risk against λ for {len(features)} numbers of features, each curve with its lowest "
        f"point. Right: the best λ goes from {middle[0]:.3f} at p = {features[0]} to {middle[-1]:.3f} at "
        f"p = {features[-1]}; the rule 1/p would have it fall {features[-1] / features[0]:g}-fold.",
    )


def ways_of_cloning(copies: int = 4) -> Picture:
    """Draw a small network and three clones of it, with what each layer has to do with c.

    A line is as thick as the weight it stands for. The clones: neurons with both layers divided by
    the root of ``copies``, neurons with the second layer alone divided by ``copies``, and inputs.
    """
    k, root = copies, copies**0.5
    ways = [
        ("original", 2, 2, 1.0, 1.0, "c", "c"),
        ("neurons, balanced", 2, 2 * k, 1 / root, 1 / root, "c", "c"),
        ("neurons, lopsided", 2, 2 * k, 1.0, 1 / k, "c / k", "c k"),
        ("inputs", 2 * k, 2, 1 / k, 1.0, "c k", "c"),
    ]
    figure, panels = subplots(len(ways), height=3.0)
    colors = dict(zip(("c", "c / k", "c k"), seaborn.color_palette("colorblind", 3), strict=True))
    for axes, (label, inputs, hidden, first, second, below, above) in zip(panels, ways, strict=True):
        rows = [np.linspace(-1, 1, inputs), np.linspace(-1, 1, hidden), np.zeros(1)]
        for level, (weight, coefficient) in enumerate(((first, below), (second, above))):
            ends = np.stack(np.meshgrid(rows[level], rows[level + 1]), -1).reshape(-1, 2)
            axes.plot(ends.T, [level, level + 1], "-", color=colors[coefficient], lw=2.6 * weight, zorder=1)
            axes.text(1.2, level + 0.5, coefficient, va="center", fontsize="small")
        for level, row in enumerate(rows):
            axes.plot(row, np.full(row.size, level), "o", color="0.15", mfc="white", ms=7, zorder=2)
        axes.set(xlim=(-1.3, 1.9), ylim=(-0.3, 2.3), xlabel=label)
        axes.set_xticks([])
        axes.set_yticks([0, 1, 2], ["inputs", "hidden", "output"] if label == "original" else [""] * 3)
        axes.grid(visible=False)
        for spine in axes.spines.values():
            spine.set_visible(False)
    told = "; ".join(
        f"{label}: first layer {below}, second layer {above}" for label, *_, below, above in ways[1:]
    )
    return Picture(
        figure, f"A network and three clones of it by {k} copies. Coefficients that keep training: {told}."
    )
