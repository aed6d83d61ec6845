"""Figures of what λ means in each library, and of what a nominal λ does there."""

from collections.abc import Mapping, Sequence

import numpy as np

from l2scaling.atlas.conventions import FAMILIES, Convention
from l2scaling.figures.series import PREDICTED, Series, legend, rows, scatter, styled, ticks
from l2scaling.figures.theme import Picture, subplots


def coefficients(
    apis: Sequence[Convention], settings: Sequence[str], predicted: np.ndarray, measured: np.ndarray
) -> Picture:
    """Draw the coefficient of each API for one and the same λ: formula and real call, in each setting.

    ``predicted`` and ``measured`` have shape ``(apis, settings)``. Rows are grouped by family.
    """
    order = sorted(range(len(apis)), key=lambda row: list(FAMILIES).index(apis[row].family))
    figure, (axes,) = subplots(1, height=0.27 * len(apis) + 1.5)
    for (column, setting), look in styled(enumerate(settings), ms=11, grow=-3):
        formula = look | {"mec": "0.25", "label": f"formula, {setting}"}
        found = look | {"mfc": look["color"], "ms": 5 - column, "label": f"measured, {setting}"}
        axes.semilogx(predicted[order, column], range(len(apis)), **formula)
        axes.semilogx(measured[order, column], range(len(apis)), **found)
    rows(axes, [f"{apis[row].name}  [{apis[row].family}]" for row in order], fontsize="x-small")
    axes.set(xlabel="coefficient of the family (L2: c)")
    legend(figure, 2)
    moved = sum(np.ptp(row) > 1e-3 * row.max() for row in predicted)
    worst = np.abs(measured / predicted - 1).max()
    return Picture(
        figure,
        f"{len(apis)} APIs given the same number. Their coefficients run from {measured.min():.2g} to "
        f"{measured.max():.2g}; every measured point lies on its formula within a relative {worst:.0e}; "
        f"{moved} of them move with the number of samples or the batch.",
    )


def ridge_solutions(converted: Mapping[str, float], nominal: Mapping[str, float], margin: float) -> Picture:
    """Draw one ridge problem in many libraries: distances after conversion, and c without it.

    ``converted`` maps API names to the relative distance from the exact solution, ``nominal`` to the c
    that explains the solution for one and the same number.
    """
    names = list(nominal)
    figure, (left, right) = subplots(2, height=0.3 * len(names) + 1.2, share_y=True)
    (_, first), (_, second) = styled((left, right), mfc=None)
    shown = [max(value, 1e-16) for value in converted.values()]
    left.semilogx(shown, [names.index(name) for name in converted], **first, label="converted")
    left.axvline(margin, **PREDICTED, label="margin of the prediction")
    left.set(xlabel="relative distance from the exact solution")
    legend(figure, 2)
    right.semilogx(list(nominal.values()), range(len(names)), **second)
    right.set(xlabel="c found in the solution, λ not converted")
    rows(left, names, fontsize="x-small")
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
    kinds = [(same, f"α = {alpha:g}", "-"), (converted, f"c = {coefficient:g}, α = c·batch", "--")]
    labels = ("accuracy on its own data", "Σw²")
    for column, (axes, label) in enumerate(zip(panels, labels, strict=True)):
        for (values, name, dash), look in styled(kinds):
            axes.plot(batches, values[:, :, column].mean(1), **look | {"linestyle": dash}, label=name)
            scatter(axes, batches, values[:, :, column], marker=".", color=look["color"], alpha=0.5)
        axes.set(xscale="log", xlabel="batch size (samples)", ylabel=label)
        ticks(axes, batches)
    panels[0].set_ylim(0, 1.05)
    panels[1].set_yscale("log")
    panels[0].legend(loc="lower right", fontsize="small")
    means, fixed = same.mean(1), converted.mean(1)
    words = "; ".join(
        f"batch {batch}: accuracy {one[0]:.2f} and {two[0]:.2f}, Σw² {one[1]:.2g} and {two[1]:.2g}"
        for batch, one, two in zip(batches, means, fixed, strict=True)
    )
    return Picture(figure, f"With α kept and with α converted, {words}.")


def nominal_values(panels: Sequence[tuple[Series, Mapping[str, float]]]) -> Picture:
    """Draw validation loss against c, one panel a data set, with lines where a nominal λ lands.

    Each panel is the losses ``(coefficients, splits)`` and a mapping of words to coefficients: where a
    λ lands by its reader.
    """
    figure, all_axes = subplots(len(panels), height=4.4)
    dashes = ("-", "--", ":", "-.", (0, (1, 3)), (0, (5, 1, 1, 1, 1, 1)))
    best = []
    for axes, (one, marks) in zip(all_axes, panels, strict=True):
        axes.loglog(one.x, one.values, "-", color="0.8", linewidth=0.7)
        axes.loglog(one.x, one.mean, "o-", color="0.2", mfc="none", ms=4)
        for ((words, place), look), dash in zip(styled(marks.items()), dashes, strict=False):
            axes.axvline(place, linestyle=dash, color=look["color"], label=words)
        best.append(f"{one.label}: lowest at c = {one.x[int(one.mean.argmin())]:.1e}")
        axes.set(xlabel="c", ylabel=f"validation cross-entropy, {one.label} (nats)")
    legend(figure, 3, fontsize="x-small")
    places = ", ".join(f"{words} at {place:.0e}" for words, place in panels[0][1].items())
    return Picture(
        figure, f"Validation loss against c, a grey line each split. {'; '.join(best)}. Lines: {places}."
    )
