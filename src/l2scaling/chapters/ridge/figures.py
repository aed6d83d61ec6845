"""Figures of ridge regression: double descent, asymptotic risks, the best penalty, rules and regrets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn
from matplotlib.axes import Axes

from l2scaling.figures.theme import MARKERS, Picture, subplots

_DASHES = ("-", "--", "-.", ":")


def _sizes(axes: Axes, sizes: Sequence[int]) -> None:
    """Write a few sizes as whole numbers: a log axis of little more than a decade crowds its labels."""
    shown = sizes if len(sizes) <= 5 else [sizes[0], sizes[len(sizes) // 2], sizes[-1]]
    axes.set_xticks(shown, [str(one) for one in shown])
    axes.minorticks_off()


def _bars(axes: Axes, places: Any, values: Sequence[np.ndarray], style: Mapping[str, Any]) -> None:
    mean, low, high = values
    lengths = np.clip([mean - low, high - mean], 0, None)
    axes.errorbar(places, mean, yerr=lengths, mfc="none", capsize=3, **style)


def descent(
    samples: Sequence[int],
    ridgeless: np.ndarray,
    best: np.ndarray,
    tuned: tuple[Sequence[int], np.ndarray],
    alphas: np.ndarray,
    predicted: float,
) -> Picture:
    """Draw the risk against the number of samples, without a penalty and with two choices of it.

    ``ridgeless`` and ``best`` are risks ``(sizes, seeds)``; ``tuned`` holds sizes and the risks
    ``(sizes, seeds)`` at the leave-one-out choice. ``alphas`` ``(sizes,)`` are the best penalties,
    sum convention, beside the one that is ``predicted`` for all sizes. Lines are medians, bands all seeds.
    """
    figure, (left, right) = subplots(2, height=3.6)
    colors = seaborn.color_palette("colorblind", 3)
    named = ((samples, ridgeless, "no penalty"), (samples, best, "best λ"), (*tuned, "λ by leave-one-out"))
    for (sizes, risks, label), color, marker in zip(named, colors, MARKERS, strict=False):
        style = marker if label == named[2][2] else f"{marker}-"
        left.loglog(sizes, np.median(risks, 1), style, color=color, mfc="none", ms=7, label=label)
        if style != marker:
            left.fill_between(sizes, risks.min(1), risks.max(1), color=color, alpha=0.15, linewidth=0)
    left.set(xlabel="number of samples N", ylabel="risk (squared target units)")
    left.legend(loc="upper right", fontsize="x-small")
    right.semilogx(samples, alphas, "s", color=colors[1], mfc="none", label="best λ, all seeds together")
    right.axhline(predicted, linestyle="--", color="0.25", label="predicted at every N")
    right.set(
        xlabel="number of samples N", ylabel="best λ (sum convention)", ylim=(0, max(2 * predicted, 1e-9))
    )
    right.legend(loc="lower right", fontsize="x-small")
    for axes in (left, right):
        _sizes(axes, samples)
    middle = np.median(ridgeless, 1)
    return Picture(
        figure,
        f"Left: without a penalty the risk peaks at {middle.max():.3g} with {samples[middle.argmax()]} "
        f"samples; with the best λ it falls from {best[0].mean():.3g} to {best[-1].mean():.3g}. Right: "
        f"the best λ lies between {alphas.min():.1f} and {alphas.max():.1f}; {predicted:.1f} is predicted.",
    )


def limits(gammas: np.ndarray, curves: Mapping[str, np.ndarray], points: Mapping[str, np.ndarray],
           measured_at: Sequence[float]) -> Picture:  # fmt: skip
    """Draw limits of the excess risk against features per sample, and the risks of drawn spectra.

    ``curves`` hold the limits at ``gammas``; ``points`` of the same names the means over seeds at
    ``measured_at``.
    """
    figure, (axes,) = subplots(1, height=3.6)
    colors = seaborn.color_palette("colorblind", len(curves))
    for (name, curve), color, marker, dash in zip(curves.items(), colors, MARKERS, _DASHES, strict=False):
        axes.loglog(gammas, curve, dash, color=color, label=f"{name}: limit")
        axes.loglog(
            measured_at, points[name], marker, color=color, mfc="none", ms=8, label=f"{name}: measured"
        )
    axes.set(xlabel="features per sample, γ = P/N", ylabel="risk beyond the noise\n(squared target units)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    axes.set_xticks([0.1, 0.5, 1, 2, 5], ["0.1", "0.5", "1", "2", "5"])
    axes.minorticks_off()
    told = "; ".join(
        f"{name}: {values[0]:.3f} at γ = {measured_at[0]:g}, largest {max(values):.3f}, "
        f"{values[-1]:.3f} at γ = {measured_at[-1]:g}"
        for name, values in points.items()
    )
    return Picture(figure, f"Points of drawn spectra lie on the curves of the limits. {told}.")


def best_penalties(
    features: Sequence[int],
    best: Mapping[str, np.ndarray],
    predicted: Mapping[str, np.ndarray],
    shares: Mapping[str, np.ndarray],
) -> Picture:
    """Draw the best λ against P in several settings, and what one kept λ does as P grows.

    ``best`` holds ``(sizes, seeds)``, ``predicted`` ``(sizes,)`` a setting; ``shares`` hold
    ``(sizes, seeds)`` between zero and one.
    """
    figure, (left, right) = subplots(2, height=3.8)
    colors = seaborn.color_palette("colorblind", len(best))
    dodges = 1 + 0.05 * np.linspace(-1, 1, len(best))
    for (name, values), color, marker, dodge in zip(best.items(), colors, MARKERS, dodges, strict=False):
        left.loglog(features, predicted[name], "--", color="0.25", linewidth=1)
        style = {"fmt": marker, "color": color, "label": name}
        places = np.asarray(features) * dodge
        _bars(left, places, [values.mean(1), *np.quantile(values, [0.025, 0.975], axis=1)], style)
    left.plot([], [], "--", color="0.25", linewidth=1, label="predicted")
    left.set(xlabel="number of weights P", ylabel="best λ (sum convention)")
    left.legend(loc="best", fontsize="x-small")
    for (name, values), color, marker, dash in zip(
        shares.items(), colors[::-1], MARKERS, _DASHES, strict=False
    ):
        right.semilogx(features, values.mean(1), marker + dash, color=color, mfc="none", label=name)
    right.set(xlabel="number of weights P", ylabel="share, with λ kept", ylim=(0, 1))
    right.legend(loc="best", fontsize="x-small")
    for axes in (left, right):
        _sizes(axes, features)
    moves = "; ".join(
        f"{name}: {values[0].mean():.3g} to {values[-1].mean():.3g}" for name, values in best.items()
    )
    parts = "; ".join(
        f"{name}: {values[0].mean():.2f} to {values[-1].mean():.2f}" for name, values in shares.items()
    )
    return Picture(
        figure,
        f"From P = {features[0]} to {features[-1]}. Left, best λ with 95% of the seeds: {moves}. "
        f"Right, with λ kept, {parts}.",
    )


def regrets(
    features: Sequence[int], panels: Mapping[str, Mapping[str, np.ndarray]], theory: Mapping[str, np.ndarray]
) -> Picture:
    """Draw, a panel a setting, the regret of each rule for λ against P.

    ``panels[setting][rule]`` has shape ``(sizes, 3)``: mean, low and high; ``theory[setting]``
    has shape ``(rules, sizes)``. Regrets are shares of the best risk; the axis is linear up to a
    thousandth and logarithmic above.
    """
    figure, axes_row = subplots(len(panels), height=3.9, share_y=True)
    colors = seaborn.color_palette("colorblind", 3)
    for axes, (setting, rules) in zip(axes_row, panels.items(), strict=True):
        for number, (rule, values) in enumerate(rules.items()):
            style = {"fmt": MARKERS[number], "color": colors[number], "label": rule}
            axes.plot(features, theory[setting][number], "--", color=colors[number], linewidth=1)
            _bars(axes, features, list(values.T), style)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=1e-3)
        _sizes(axes, [features[0], features[len(features) // 2], features[-1]])
        axes.set(xlabel="number of weights P", ylim=(-2e-4, None))
        axes.set_title(setting, fontsize="medium")
    axes_row[0].set_ylabel("regret (share of the best risk)")
    axes_row[0].plot([], [], "--", color="0.25", linewidth=1, label="random-matrix limit")
    handles, labels = axes_row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, fontsize="small")
    told = "; ".join(
        f"{setting}: " + ", ".join(f"{rule} {values[-1, 0]:.3f}" for rule, values in rules.items())
        for setting, rules in panels.items()
    )
    return Picture(figure, f"Regret of three rules at P = {features[-1]}, a panel a setting. {told}.")


def real_penalties(
    features: Sequence[int],
    best: Mapping[str, np.ndarray],
    regrets: Mapping[str, np.ndarray],
    rules: Sequence[str],
) -> Picture:
    """Draw the leave-one-out choice of λ against P on real data, and the regret of each rule.

    ``best`` holds ``(sizes, seeds)`` a data set, ``regrets`` ``(rules, 3)``: mean, low and high.
    The dashed line through the centre of the first has slope one.
    """
    figure, (left, right) = subplots(2, height=3.8)
    colors = seaborn.color_palette("colorblind", len(best))
    log_size = np.log10(np.asarray(features, float))
    for (name, values), color, marker in zip(best.items(), colors, MARKERS, strict=False):
        centre = np.log10(values.mean(1)).mean()
        left.loglog(features, 10 ** (centre + log_size - log_size.mean()), "--", color="0.25", linewidth=1)
        style = {"fmt": marker, "color": color, "label": name}
        _bars(left, features, [values.mean(1), *np.quantile(values, [0.025, 0.975], axis=1)], style)
    left.plot([], [], "--", color="0.25", linewidth=1, label="slope one")
    left.set(xlabel="number of random features P", ylabel="λ by leave-one-out (sum convention)")
    left.legend(loc="upper left", fontsize="small")
    _sizes(left, features)
    for number, ((name, values), color, marker) in enumerate(
        zip(regrets.items(), colors, MARKERS, strict=False)
    ):
        style = {"fmt": marker, "color": color, "label": f"{name}, 95% interval"}
        _bars(right, np.arange(len(rules)) + 0.15 * (number - 0.5), list(values.T), style)
    right.set_xticks(np.arange(len(rules)), rules)
    right.set(xlabel="rule", ylabel="regret (share of the best test error)", xlim=(-0.5, len(rules) - 0.5))
    right.legend(loc="best", fontsize="small")
    told = "; ".join(
        f"{name}: λ from {best[name][0].mean():.3g} to {best[name][-1].mean():.3g}, regrets "
        + ", ".join(f"{rule} {value:.3f}" for rule, value in zip(rules, values[:, 0], strict=True))
        for name, values in regrets.items()
    )
    return Picture(figure, f"From P = {features[0]} to {features[-1]} random features. {told}.")
