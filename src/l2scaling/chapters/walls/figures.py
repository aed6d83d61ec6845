"""Figures of the walls: where weights end, when a wall binds, singular values, cautious decay, fading."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.chapters.walls.networks import Fading
from l2scaling.figures.series import COLORS, PREDICTED, Series, draw, legend, predict, scatter, styled
from l2scaling.figures.theme import Picture, subplots


def walls(
    free: np.ndarray, ended: Mapping[str, np.ndarray], lam: float, networks: Sequence[Series], usual: float
) -> Picture:
    """Draw weights of a regression against their unpenalised values, and networks' largest against λ.

    ``free`` and each of ``ended`` have shape ``(P,)``; ``networks`` holds λ|w| by λ, of several starts.
    """
    figure, (left, right) = subplots(2, height=3.8)
    order = np.argsort(free)[:: max(1, len(free) // 150)]
    for (name, values), look in styled(ended.items(), ms=4):
        left.plot(free[order], values[order], **look, label=name)
    ends = np.array([free.min(), free.max()])
    places = np.sort(np.append(ends, [-1 / lam, 1 / lam]))
    left.plot(places, np.clip(places, -1 / lam, 1 / lam), **PREDICTED, label="wall")
    left.set(xlabel="weight at the unpenalised minimum", ylabel="weight after training")
    for (number, one), look in styled(enumerate(networks), ms=5):
        look["color"] = COLORS[number + 2]
        right.plot(one.x, one.mean, label=one.label, **look | {"linestyle": "-", "linewidth": 0.8})
    right.axhline(1, **PREDICTED)
    right.axvline(usual, color="0.25", linestyle=":", linewidth=1)
    right.set(xscale="log", yscale="log", xlabel="λ", ylabel="weight over its wall, λ|w|")
    legend(figure, 3)
    said = "; ".join(f"{name} at most {np.abs(values).max():.3g}" for name, values in ended.items())
    return Picture(
        figure,
        f"Largest weight with the wall at {1 / lam:.3g}: {said}. λ|w| in networks from the least to the "
        f"largest λ: {'; '.join(one.ends() for one in networks)}.",
    )


def binding(series: Sequence[Series]) -> Picture:
    """Draw the λ at which the wall first binds against the number of weights, with what a solver says."""
    figure, (axes,) = subplots(1, height=3.6)
    for one, look in styled(series):
        scatter(axes, one.x, one.values, color=look["color"], marker=look["marker"], label=one.label)
        predict(axes, one, color=look["color"])
    axes.plot([], [], **PREDICTED, label="solver")
    axes.set(xscale="log", yscale="log", xlabel="number of weights P", ylabel="λ at which the wall binds")
    legend(figure, 3)
    return Picture(figure, f"λ at which the wall first binds. {'; '.join(one.ends() for one in series)}.")


def spectra(wanted: np.ndarray, found: Mapping[str, np.ndarray], reach: tuple[float, float]) -> Picture:
    """Draw singular values after Muon against the target's, both in units of the wall, adjustment / λ."""
    figure, (axes,) = subplots(1, height=3.6)
    for (name, values), look in styled(found.items(), ms=5, grow=1):
        axes.plot(wanted, values, **look, label=name)
    axes.plot(wanted, np.minimum(wanted, 1), **PREDICTED, label="wall")
    axes.axhspan(*reach, color="0.9", zorder=0, label="reach of five Newton–Schulz steps")
    axes.set(xscale="log", yscale="log", xlabel="singular value of the target, over the wall")
    axes.set_ylabel("singular value after training, over the wall")
    legend(figure, 3)
    said = "; ".join(f"{name} {values.max():.3f}" for name, values in found.items())
    return Picture(figure, f"Largest singular value over the wall: {said}.")


def cautious(paths: Mapping[str, np.ndarray], shares: Mapping[int, np.ndarray]) -> Picture:
    """Draw the gradient left along training, with all data, and the share of λw that is left by batch."""
    figure, (left, right) = subplots(2, height=3.8)
    for number, (name, values) in enumerate(paths.items()):
        look = {"color": COLORS[number // 2], "linestyle": "-" if number % 2 else "--"}
        left.plot(np.maximum(values, 1e-8), **look, label=name)
    left.set(xlabel="steps", ylabel="largest gradient, over that at zero weights", yscale="log")
    sizes = list(shares)
    draw(right, [Series("cautious SGD on batches", sizes, np.array(list(shares.values())))])
    right.axhline(1, color="0.25", linestyle=":", linewidth=1)
    right.axhline(0.5, **PREDICTED)
    right.set(xscale="log", xlabel="batch size", ylabel="share of λw left in the gradient", ylim=(0, 1.1))
    legend(figure, 3)
    ends = "; ".join(f"{name} {values[-1]:.1e}" for name, values in paths.items())
    shown = "; ".join(f"batch {size} {values.mean():.2f}" for size, values in shares.items())
    return Picture(figure, f"Gradient left after training: {ends}. Share left by batch: {shown}.")


def fading(found: Mapping[int, Fading], after: Mapping[float, Series]) -> Picture:
    """Draw the typical weight against decay times, by number of weights, and what is left against P."""
    figure, (left, right) = subplots(2, height=3.8, share_y=True)
    for (P, one), look in styled(found.items()):
        clock = one.clock.numpy()
        left.plot(clock, one.used.mean(1), color=look["color"], label=f"{P:,} weights")
        left.axhline(P**-0.5, color=look["color"], linestyle=":", linewidth=1)
    left.plot(clock, np.exp(-clock), **PREDICTED, label="decay alone")
    left.set(yscale="log", xlabel="decay times κ", ylabel="root mean square of weights")
    draw(right, list(after.values()))
    sizes = np.array(list(found), float)
    right.plot(sizes, sizes**-0.5, color="0.25", linestyle=":", label="one over the root of P")
    right.set(xscale="log", xlabel="number of weights P")
    legend(figure, 3)
    said = "; ".join(one.ends() for one in after.values())
    return Picture(figure, f"Root mean square of weights where decay has tailed off. {said}.")
