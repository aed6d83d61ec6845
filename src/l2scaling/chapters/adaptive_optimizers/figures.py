"""Figures of adaptive optimisers: what the penalty moves, what noise leaves, what rescaling keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.theme import MARKERS, Picture, subplots


@dataclass(frozen=True)
class Shift:
    """How far the penalty moves a weight per step, measured and predicted, shape ``(noises,)``."""

    label: str
    measured: np.ndarray
    predicted: np.ndarray


def shifts_by_noise(noises: np.ndarray, shifts: Sequence[Shift]) -> Picture:
    """Draw shifts over learning rate times pull against the gradient noise of the weight, log–log.

    At one the optimiser does what plain gradient descent does; dashed lines are predictions.
    """
    figure, (axes,) = subplots(1, height=3.7)
    colors = seaborn.color_palette("colorblind", len(shifts))
    for shift, color, marker in zip(shifts, colors, MARKERS, strict=False):
        axes.loglog(noises, shift.predicted, "--", color=color)
        axes.loglog(noises, shift.measured, marker, color=color, mfc="none", ms=7, label=shift.label)
    axes.plot([], [], "--", color="0.25", label="predicted")
    axes.set(
        xlabel="standard deviation of the data gradient (loss per weight unit)",
        ylabel="shift by the penalty\nover learning rate times pull",
    )
    axes.legend(fontsize="small")
    told = "; ".join(f"{one.label}: from {one.measured[0]:.3g} to {one.measured[-1]:.3g}" for one in shifts)
    return Picture(
        figure,
        f"Shift over learning rate times pull as the gradient noise grows from {noises[0]:g} to "
        f"{noises[-1]:g}. {told}.",
    )


def unfed_weights(panels: Sequence[tuple[str, Sequence[tuple[float, np.ndarray]]]]) -> Picture:
    """Draw the mean size of weights without data gradient over steps, a panel an optimiser.

    Each panel holds ``(coefficient, weights)`` with weights of shape ``(steps + 1, count)``.
    """
    figure, all_axes = subplots(len(panels), share_y=True)
    styles, told = ("-", "--", ":", "-."), []
    for axes, (name, runs) in zip(all_axes, panels, strict=True):
        colors = seaborn.color_palette("colorblind", len(runs))
        for (coefficient, weights), color, style in zip(runs, colors, styles, strict=False):
            axes.plot(np.abs(weights).mean(axis=1), style, color=color, lw=2, label=f"{coefficient:.2g}")
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
    first, second, third = seaborn.color_palette("colorblind", 3)
    P = np.asarray(sizes, float)
    middle = np.exp(np.log(starts).mean() + 0.5 * (np.log(P) - np.log(P).mean()))
    left.loglog(P, learning_rate * P / 4, "--", color="0.15", label="predicted: ηP/4")
    left.loglog(P, middle, ":", color="0.15", label="slope ½")
    left.loglog(P, starts.mean(1), "s", color=second, mfc="none", ms=7, label="He start")
    left.loglog(P, ends.mean(1), "o", color=first, mfc="none", ms=7, label="after AdamW on noise")
    left.set(xlabel="number of weights P", ylabel="total λ/2·Σw² (loss)")
    right.semilogx(decays, np.ones(len(decays)), "--", color="0.15", label="predicted: ηP/4")
    right.semilogx(decays, exact, "-", color="0.55", label="with the momentum's correction")
    spread = np.stack([ratios.mean(1) - ratios.min(1), ratios.max(1) - ratios.mean(1)])
    right.errorbar(
        decays, ratios.mean(1), yerr=spread, fmt="D", color=third, mfc="none", capsize=3, label="measured"
    )
    right.set(xlabel="decoupled λ (loss per squared weight unit)", ylabel="total over ηP/4")
    right.set_ylim(0, 1.6)
    left.legend(fontsize="small")
    right.legend(fontsize="small", loc="lower left")
    growth = np.polyfit(np.log(P), np.log(np.stack([starts.mean(1), ends.mean(1)], 1)), 1)[0]
    return Picture(
        figure,
        f"Left: slopes of the total in P are {growth[0]:.2f} at the start and {growth[1]:.3f} after noise. "
        f"Right: total over its law from {ratios.mean(1)[0]:.3f} at the smallest λ to "
        f"{ratios.mean(1)[-1]:.3f} at the largest.",
    )


@dataclass(frozen=True)
class Ratios:
    """Totals over the noise law: ``places`` of shape ``(settings,)``, ``values`` ``(settings, seeds)``."""

    label: str
    places: Sequence[float]
    values: np.ndarray


def noise_law_on_data(by_size: Sequence[Ratios], by_decay: Sequence[Ratios]) -> Picture:
    """Draw totals of trained networks over ηP/4 against P and against λ, log–log.

    Bars go from the smallest to the largest seed.
    """
    figure, (left, right) = subplots(2, height=3.8, share_y=True)
    told = []
    for axes, lines, name in ((left, by_size, "number of weights P"), (right, by_decay, "decoupled λ")):
        colors = seaborn.color_palette("colorblind", len(lines))
        for line, color, marker in zip(lines, colors, MARKERS, strict=False):
            middle = line.values.mean(1)
            spread = np.stack([middle - line.values.min(1), line.values.max(1) - middle])
            axes.errorbar(
                line.places, middle, yerr=spread, fmt=marker + "-", color=color, mfc="none", capsize=3,
                label=line.label,
            )  # fmt: skip
            told.append(f"{line.label} against {name}: {middle[0]:.2g} to {middle[-1]:.2g}")
        axes.axhline(1, color="0.15", linestyle="--", label="noise law")
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.set_xticks(lines[0].places, [f"{place:g}" for place in lines[0].places])
        axes.minorticks_off()
    left.set_ylabel("total over ηP/4")
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="small")
    return Picture(figure, f"Total over the noise law. {'; '.join(told)}.")


@dataclass(frozen=True)
class Rescaled:
    """Relative differences by step between a run and its rescaled twins, one a rule."""

    optimizer: str
    differences: dict[str, np.ndarray]


def rescaled_runs(panels: Sequence[Rescaled]) -> Picture:
    """Draw how far outputs of a rescaled run lie from the original's, a panel an optimiser.

    Differences below 1e-17, zero included, stand on the floor of the axis.
    """
    figure, all_axes = subplots(len(panels), height=3.4, share_y=True)
    told = []
    for axes, panel in zip(all_axes, panels, strict=True):
        colors = seaborn.color_palette("colorblind", len(panel.differences))
        for (rule, values), color, marker in zip(panel.differences.items(), colors, MARKERS, strict=False):
            axes.semilogy(
                np.maximum(values, 1e-17), marker + "-", color=color, mfc="none", ms=4,
                markevery=max(1, len(values) // 8), label=rule,
            )  # fmt: skip
        axes.set(xlabel=f"steps ({panel.optimizer})", ylim=(1e-18, 30))
        ends = ", ".join(f"{rule} {values.max():.2g}" for rule, values in panel.differences.items())
        told.append(f"{panel.optimizer}: {ends}")
    all_axes[0].set_ylabel("difference of outputs\nrelative to the outputs")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize="small")
    return Picture(figure, f"Largest relative difference of outputs by rule. {'; '.join(told)}.")
