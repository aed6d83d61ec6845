"""Figures of what λ means in each library, and of what a nominal λ does there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import seaborn

from l2scaling.figures.theme import MARKERS, Picture, subplots
from l2scaling.laws.conventions import FAMILIES, Convention


def coefficients(
    rows: Sequence[Convention], settings: Sequence[str], predicted: np.ndarray, measured: np.ndarray
) -> Picture:
    """Draw the coefficient of each API for one and the same λ: formula and real call, in each setting.

    ``predicted`` and ``measured`` have shape ``(rows, settings)``. Rows are grouped by family.
    """
    order = sorted(range(len(rows)), key=lambda row: list(FAMILIES).index(rows[row].family))
    figure, (axes,) = subplots(1, height=0.27 * len(rows) + 1.5)
    colors = seaborn.color_palette("colorblind", len(settings))
    places = np.arange(len(rows))
    for column, (setting, color, marker) in enumerate(zip(settings, colors, MARKERS, strict=False)):
        axes.plot(
            predicted[order, column], places, marker, mfc="none", mec="0.25", ms=11 - 3 * column, ls="",
            label=f"formula, {setting}",
        )  # fmt: skip
        axes.plot(
            measured[order, column], places, marker, color=color, ms=5 - column, ls="",
            label=f"measured, {setting}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yticks(places, [f"{rows[row].name}  [{rows[row].family}]" for row in order], fontsize="x-small")
    axes.set(xlabel="coefficient of the family (L2: c)")
    axes.invert_yaxis()
    figure.legend(loc="outside upper center", ncols=2, fontsize="small")
    moved = sum(np.ptp(row) > 1e-3 * row.max() for row in predicted)
    worst = np.abs(measured / predicted - 1).max()
    return Picture(
        figure,
        f"{len(rows)} APIs given the same number. Their coefficients run from {measured.min():.2g} to "
        f"{measured.max():.2g}; every measured point lies on its formula within a relative {worst:.0e}; "
        f"{moved} of them move with the number of samples or the batch.",
    )


def ridge_solutions(converted: Mapping[str, float], nominal: Mapping[str, float], margin: float) -> Picture:
    """Draw one ridge problem in many libraries: distances after conversion, and c without it.

    ``converted`` maps API names to the relative distance from the exact solution, ``nominal`` to the c
    that explains the solution for one and the same number.
    """
    rows = list(nominal)
    figure, (left, right) = subplots(2, height=0.3 * len(rows) + 1.2, share_y=True)
    color, other = seaborn.color_palette("colorblind", 2)
    shown = {name: max(value, 1e-16) for name, value in converted.items()}
    left.semilogx(
        list(shown.values()), [rows.index(name) for name in shown], "o", color=color, label="converted"
    )
    left.axvline(margin, linestyle="--", color="0.25", linewidth=1, label="margin of the prediction")
    left.set(xlabel="relative distance from the exact solution")
    figure.legend(loc="outside upper center", ncols=2, fontsize="small")
    right.semilogx(list(nominal.values()), np.arange(len(rows)), "s", color=other)
    right.set(xlabel="c found in the solution, λ not converted")
    left.set_yticks(np.arange(len(rows)), rows, fontsize="x-small")
    left.invert_yaxis()
    low, high = min(nominal.values()), max(nominal.values())
    return Picture(
        figure,
        f"Left: {len(converted)} converted solutions, the farthest {max(converted.values()):.0e} from the "
        f"exact one. Right: without conversion the c found runs from {low:.1e} to {high:.1e}.",
    )


def mini_batches(
    batches: Sequence[int], same: np.ndarray, converted: np.ndarray, alpha: float, coefficient: float
) -> Picture:
    """Draw accuracy and Σw² of scikit-learn's MLP against its batch size, α kept and α converted.

    ``same`` and ``converted`` have shape ``(batches, seeds, 2)``: accuracy, then Σw².
    """
    figure, panels = subplots(2)
    colors = seaborn.color_palette("colorblind", 2)
    kinds = [(same, f"α = {alpha:g}", "o-"), (converted, f"c = {coefficient:g}, α = c·batch", "s--")]
    labels = ("accuracy on its own data", "Σw²")
    for column, (axes, label) in enumerate(zip(panels, labels, strict=True)):
        for (values, name, style), color in zip(kinds, colors, strict=True):
            axes.plot(batches, values[:, :, column].mean(1), style, color=color, mfc="none", label=name)
            axes.plot(
                np.repeat(batches, values.shape[1]), values[:, :, column].ravel(), ".", color=color, alpha=0.5
            )
        axes.set_xscale("log")
        axes.set_xticks(batches, [str(batch) for batch in batches])
        axes.minorticks_off()
        axes.set(xlabel="batch size (samples)", ylabel=label)
    panels[0].set_ylim(0, 1.05)
    panels[1].set_yscale("log")
    panels[0].legend(loc="lower right", fontsize="small")
    means, fixed = same.mean(1), converted.mean(1)
    words = "; ".join(
        f"batch {batch}: accuracy {one[0]:.2f} and {two[0]:.2f}, Σw² {one[1]:.2g} and {two[1]:.2g}"
        for batch, one, two in zip(batches, means, fixed, strict=True)
    )
    return Picture(figure, f"With α kept and with α converted, {words}.")


@dataclass(frozen=True)
class Curve:
    """Validation losses at each coefficient, ``(splits, coefficients)``, and where a λ lands by its reader.

    ``marks`` maps words to coefficients.
    """

    label: str
    coefficients: np.ndarray
    losses: np.ndarray
    marks: Mapping[str, float]


def nominal_values(curves: Sequence[Curve]) -> Picture:
    """Draw validation loss against c, one panel a data set, with lines where a nominal λ lands."""
    figure, panels = subplots(len(curves), height=4.4)
    colors = seaborn.color_palette("colorblind", 6)
    styles = ("-", "--", ":", "-.", (0, (1, 3)), (0, (5, 1, 1, 1, 1, 1)))
    best = []
    for axes, one in zip(panels, curves, strict=True):
        mean = one.losses.mean(0)
        axes.loglog(one.coefficients, one.losses.T, "-", color="0.8", linewidth=0.7)
        axes.loglog(one.coefficients, mean, "o-", color="0.2", mfc="none", ms=4)
        for (words, place), color, style in zip(one.marks.items(), colors, styles, strict=False):
            axes.axvline(place, linestyle=style, color=color, label=words)
        best.append(f"{one.label}: lowest at c = {one.coefficients[mean.argmin()]:.1e}")
        axes.set(xlabel="c", ylabel=f"validation cross-entropy, {one.label} (nats)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize="x-small")
    places = ", ".join(f"{words} at {place:.0e}" for words, place in curves[0].marks.items())
    return Picture(
        figure, f"Validation loss against c, a grey line each split. {'; '.join(best)}. Lines: {places}."
    )
