"""Figures of adaptive optimisers: what the penalty moves, what noise leaves, what rescaling keeps."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.figures.series import (
    DASHES,
    PREDICTED,
    Series,
    bars,
    draw,
    guide,
    legend,
    spread,
    styled,
    ticks,
)
from l2scaling.figures.theme import Picture, subplots


def shifts_by_noise(shifts: Sequence[Series]) -> Picture:
    """Draw shifts over learning rate times pull against the gradient noise of the weight, log–log.

    At one the optimiser does what plain gradient descent does; dashed lines are predictions.
    """
    figure, (axes,) = subplots(1, height=3.7)
    draw(axes, shifts, ms=7)
    axes.set(
        xscale="log", xlabel="standard deviation of the data gradient (loss per weight unit)",
        yscale="log", ylabel="shift by the penalty\nover learning rate times pull",
    )  # fmt: skip
    axes.legend(fontsize="small")
    noises = shifts[0].x
    return Picture(
        figure,
        f"Shift over learning rate times pull as the gradient noise grows from {noises[0]:g} to "
        f"{noises[-1]:g}. {'; '.join(one.ends(then=': from') for one in shifts)}.",
    )


def unfed_weights(panels: Sequence[tuple[str, Sequence[tuple[float, np.ndarray]]]]) -> Picture:
    """Draw the mean size of weights without data gradient over steps, a panel an optimiser.

    Each panel holds ``(coefficient, weights)`` with weights of shape ``(steps + 1, count)``.
    """
    figure, all_axes = subplots(len(panels), share_y=True)
    told = []
    for axes, (name, runs) in zip(all_axes, panels, strict=True):
        for ((coefficient, weights), look), dash in zip(styled(runs, marker=""), DASHES, strict=False):
            sizes = np.abs(weights).mean(axis=1)
            axes.plot(sizes, **look | {"linestyle": dash}, lw=2, label=f"{coefficient:.2g}")
        axes.set(xlabel=f"steps ({name})", ylim=(0, None))
        left = (np.abs(weights[-1]).mean() / np.abs(weights[0]).mean() for _, weights in runs)
        told.append(f"{name}: {', '.join(f'{one:.1%}' for one in left)}")
    all_axes[0].set_ylabel("mean absolute weight\nwithout data gradient")
    all_axes[-1].legend(title="coefficient", fontsize="small", title_fontsize="small")
    coefficients = ", ".join(f"{coefficient:.2g}" for coefficient, _ in panels[0][1])
    return Picture(
        figure,
        f"What is left of weights without data gradient, for coefficients {coefficients}. {'; '.join(told)}.",
    )


def totals_on_noise(
    sizes: Sequence[int], starts: np.ndarray, ends: np.ndarray, decays: Sequence[float],
    ratios: np.ndarray, exact: np.ndarray, learning_rate: float,
) -> Picture:  # fmt: skip
    """Draw the total before and after noise against P, and the total over its law against λ.

    ``starts`` and ``ends`` have shape ``(sizes, seeds)``, ``ratios`` ``(decays, seeds)``, ``exact``
    ``(decays,)``: the prediction with the momentum's correction.
    """
    figure, (left, right) = subplots(2, height=3.6)
    P = np.asarray(sizes, float)
    left.plot(P, learning_rate * P / 4, **PREDICTED, label="predicted: ηP/4")
    guide(left, P, starts, 0.5, linestyle=":", label="slope ½")
    named = [(ends, "after AdamW on noise"), (starts, "He start"), (ratios, "measured")]
    (after, before, measured) = (look | {"label": label} for (_, label), look in styled(named, ms=7))
    left.plot(P, starts.mean(1), **before)
    left.plot(P, ends.mean(1), **after)
    left.set(xscale="log", yscale="log", xlabel="number of weights P", ylabel="total λ/2·Σw² (loss)")
    right.plot(decays, np.ones(len(decays)), **PREDICTED, label="predicted: ηP/4")
    right.plot(decays, exact, "-", color="0.55", label="with the momentum's correction")
    bars(right, decays, spread(ratios), **measured)
    right.set(xscale="log", xlabel="decoupled λ (loss per squared weight unit)", ylabel="total over ηP/4")
    right.set_ylim(0, 1.6)
    ticks(right, decays)
    left.legend(fontsize="small")
    right.legend(fontsize="small", loc="lower left")
    growth = np.polyfit(np.log(P), np.log(np.stack([starts.mean(1), ends.mean(1)], 1)), 1)[0]
    return Picture(
        figure,
        f"Left: slopes of the total in P are {growth[0]:.2f} at the start and {growth[1]:.3f} after noise. "
        f"Right: total over its law from {ratios.mean(1)[0]:.3f} at the smallest λ to "
        f"{ratios.mean(1)[-1]:.3f} at the largest.",
    )


def noise_law_on_data(by_size: Sequence[Series], by_decay: Sequence[Series]) -> Picture:
    """Draw totals of trained networks over ηP/4 against P and against λ, log–log.

    Bars go from the smallest to the largest seed.
    """
    figure, (left, right) = subplots(2, height=3.8, share_y=True)
    told = []
    for axes, lines, name in ((left, by_size, "number of weights P"), (right, by_decay, "decoupled λ")):
        draw(axes, lines, linestyle="-")
        axes.axhline(1, color="0.15", linestyle="--", label="noise law")
        axes.set(xscale="log", yscale="log", xlabel=name)
        ticks(axes, lines[0].x)
        told += [one.ends(".2g", f" against {name}:") for one in lines]
    left.set_ylabel("total over ηP/4")
    legend(figure, 3)
    return Picture(figure, f"Total over the noise law. {'; '.join(told)}.")


def rescaled_runs(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Picture:
    """Draw how far outputs of a rescaled run lie from the original's, a panel an optimiser.

    Each panel maps rules to relative differences by step. Differences below 1e-17, zero included,
    stand on the floor of the axis.
    """
    figure, all_axes = subplots(len(panels), height=3.4, share_y=True)
    told = []
    for axes, (name, differences) in zip(all_axes, panels.items(), strict=True):
        for (rule, values), look in styled(differences.items(), linestyle="-", ms=4):
            shown = np.maximum(values, 1e-17)
            axes.semilogy(shown, **look, markevery=max(1, len(values) // 8), label=rule)
        axes.set(xlabel=f"steps ({name})", ylim=(1e-18, 30))
        ends = ", ".join(f"{rule} {values.max():.2g}" for rule, values in differences.items())
        told.append(f"{name}: {ends}")
    all_axes[0].set_ylabel("difference of outputs\nrelative to the outputs")
    legend(figure, len(differences))
    return Picture(figure, f"Largest relative difference of outputs by rule. {'; '.join(told)}.")
