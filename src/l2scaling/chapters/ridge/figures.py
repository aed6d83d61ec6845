"""Figures of ridge regression: double descent, asymptotic risks, the best penalty, rules and regrets."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.figures.series import DASHES, PREDICTED, bars, guide, legend, spread, styled, ticks
from l2scaling.figures.theme import Picture, subplots
from l2scaling.measuring.intervals import LEVEL


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
    named = ((samples, ridgeless, "no penalty"), (samples, best, "best λ"), (*tuned, "λ by leave-one-out"))
    (_, second), *_ = list(styled(named))[1:]
    for ((sizes, risks, label), look), dash in zip(styled(named, ms=7), ("-", "-", "none"), strict=True):
        left.loglog(sizes, np.median(risks, 1), **look | {"linestyle": dash}, label=label)
        if dash == "-":
            band = (risks.min(1), risks.max(1))
            left.fill_between(sizes, *band, color=look["color"], alpha=0.15, linewidth=0)
    left.set(xlabel="number of samples N", ylabel="risk (squared target units)")
    left.legend(loc="upper right", fontsize="x-small")
    right.semilogx(samples, alphas, **second, label="best λ, all seeds together")
    right.axhline(predicted, **PREDICTED, label="predicted at every N")
    right.set(
        xlabel="number of samples N", ylabel="best λ (sum convention)", ylim=(0, max(2 * predicted, 1e-9))
    )
    right.legend(loc="lower right", fontsize="x-small")
    for axes in (left, right):
        ticks(axes, samples)
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
    for ((name, curve), look), dash in zip(styled(curves.items(), ms=8), DASHES, strict=False):
        axes.loglog(gammas, curve, dash, color=look["color"], label=f"{name}: limit")
        axes.loglog(measured_at, points[name], **look, label=f"{name}: measured")
    axes.set(xlabel="features per sample, φ = P/N", ylabel="risk beyond the noise\n(squared target units)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    ticks(axes, [0.1, 0.5, 1, 2, 5])
    told = "; ".join(
        f"{name}: {values[0]:.3f} at φ = {measured_at[0]:g}, largest {max(values):.3f}, "
        f"{values[-1]:.3f} at φ = {measured_at[-1]:g}"
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
    dodges = 1 + 0.05 * np.linspace(-1, 1, len(best))
    for ((name, values), look), dodge in zip(styled(best.items()), dodges, strict=True):
        left.plot(features, predicted[name], **PREDICTED)
        bars(left, np.asarray(features) * dodge, spread(values, LEVEL), **look, label=name)
    left.plot([], [], **PREDICTED, label="predicted")
    left.set(xscale="log", xlabel="number of weights P", yscale="log", ylabel="best λ (sum convention)")
    left.legend(loc="best", fontsize="x-small")
    others = [look for _, look in styled([*best, *shares])][len(best) :]  # than those of the left panel
    for (name, values), look, dash in zip(shares.items(), others, DASHES, strict=False):
        right.semilogx(features, values.mean(1), **look | {"linestyle": dash}, label=name)
    right.set(xlabel="number of weights P", ylabel="share, with λ kept", ylim=(0, 1))
    right.legend(loc="best", fontsize="x-small")
    for axes in (left, right):
        ticks(axes, features)
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
    for axes, (setting, rules) in zip(axes_row, panels.items(), strict=True):
        for ((rule, values), look), limit in zip(styled(rules.items()), theory[setting], strict=True):
            axes.plot(features, limit, **PREDICTED | {"color": look["color"]})
            bars(axes, features, values.T, **look, label=rule)
        axes.set_xscale("log")
        axes.set_yscale("symlog", linthresh=1e-3)
        ticks(axes, [features[0], features[len(features) // 2], features[-1]])
        axes.set(xlabel="number of weights P", ylim=(-2e-4, None))
        axes.set_title(setting, fontsize="medium")
    axes_row[0].set_ylabel("regret (share of the best risk)")
    axes_row[0].plot([], [], **PREDICTED, label="random-matrix limit")
    legend(figure, 4)
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
    for (name, values), look in styled(best.items()):
        guide(left, features, values.mean(1), 1)
        bars(left, features, spread(values, LEVEL), **look, label=name)
    left.plot([], [], **PREDICTED, label="slope one")
    left.set(xscale="log", xlabel="number of random features P")
    left.set(yscale="log", ylabel="λ by leave-one-out (sum convention)")
    left.legend(loc="upper left", fontsize="small")
    ticks(left, features)
    for (number, (name, values)), look in styled(enumerate(regrets.items())):
        places = np.arange(len(rules)) + 0.15 * (number - 0.5)
        bars(right, places, values.T, **look, label=f"{name}, 95% interval")
    right.set_xticks(np.arange(len(rules)), rules)
    right.set(xlabel="rule", ylabel="regret (share of the best test error)", xlim=(-0.5, len(rules) - 0.5))
    right.legend(loc="best", fontsize="small")
    told = "; ".join(
        f"{name}: λ from {best[name][0].mean():.3g} to {best[name][-1].mean():.3g}, regrets "
        + ", ".join(f"{rule} {value:.3f}" for rule, value in zip(rules, values[:, 0], strict=True))
        for name, values in regrets.items()
    )
    return Picture(figure, f"From P = {features[0]} to {features[-1]} random features. {told}.")
