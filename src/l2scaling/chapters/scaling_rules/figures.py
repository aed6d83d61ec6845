"""Figures of scaling-rules: best λ, slopes in P, the three rules, what moves λ, and its clock."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from l2scaling.chapters.scaling_rules.sweep_table import EXPONENTS, METRICS, Family, interval
from l2scaling.figures.series import bars, legend, rows, styled
from l2scaling.figures.theme import Picture, grid, subplots

_OPTIMIZERS = {"sgd": "SGD, c", "adamw": "AdamW, λ"}


def _look(family: Family) -> dict[str, Any]:
    """Tell depth by marker and colour, noise by an open marker and a dash."""
    _, noise, _, hidden = family
    looks = [look for _, look in styled(range(3), ms=5, linewidth=1)]
    open_mark = {"linestyle": "--"} if noise else {"mfc": None, "linestyle": "-"}
    return looks[hidden - 1] | open_mark | {"label": f"{hidden} hidden, {'noisy' if noise else 'clean'}"}


def _kind(one: tuple[Family, np.ndarray]) -> tuple[int, float]:
    """Return depth and noise, by which families look different."""
    return one[0][3], one[0][1]


def _in_order(found: Mapping[Family, np.ndarray]) -> list[tuple[Family, np.ndarray]]:
    return sorted(found.items(), key=_kind)


def _bands(values: Iterable[np.ndarray]) -> np.ndarray:
    return np.array([interval(one) for one in values]).T


def optima(sizes: Mapping[Family, np.ndarray], best: Mapping[Family, np.ndarray]) -> Picture:
    """Draw log10 of the best λ against P, a column a data set, a row an optimiser, a line a family.

    ``sizes`` hold P, ``(sizes,)``; ``best`` ``(sizes, B)``, the estimate first.
    """
    names = list(dict.fromkeys(data for data, *_ in best))
    figure, panels = grid(len(_OPTIMIZERS), len(names), 5.2, share_x="col", share_y="row")
    for row, (optimizer, words) in zip(panels, _OPTIMIZERS.items(), strict=True):
        for axes, name in zip(row, names, strict=True):
            for family, values in _in_order(best):
                if (family[0], family[2]) == (name, optimizer):
                    bars(axes, sizes[family], _bands(values), **_look(family))
            axes.set_xscale("log")
        row[0].set_ylabel(f"log10 of the best {words}")
    for axes, name in zip(panels[0], names, strict=True):
        axes.set_title(name, fontsize="medium")
    for axes in panels[-1]:
        axes.set_xlabel("number of weights P")
    for axes in panels.ravel():  # what the askers' rule would look like, from the middle of the panel
        low, high = axes.get_xlim()
        middle = np.mean(axes.get_ylim())
        reach = np.log10(high / low) / 2
        line = [middle + reach, middle - reach]
        axes.plot([low, high], line, ":", color="0.25", linewidth=1, zorder=0, label="slope −1")
    legend(figure, 4)
    told = "; ".join(
        f"{name} under {optimizer}: {min(found):.2f} to {max(found):.2f}"
        for name in names
        for optimizer in _OPTIMIZERS
        if (found := [v for f, one in best.items() if (f[0], f[2]) == (name, optimizer) for v in one[:, 0]])
    )
    return Picture(figure, f"Best λ of every network by loss, log10, smallest to largest. {told}.")


def slopes(panels: Mapping[str, Mapping[Family, np.ndarray]]) -> Picture:
    """Draw the slope of the best λ with its interval, a row a data set and optimiser.

    Each panel, named by what the slope is in and by which metric, maps families to ``(B,)``, the estimate
    first. Dotted lines stand at the five exponents that somebody has proposed.
    """
    pairs = list(dict.fromkeys((data, optimizer) for one in panels.values() for data, _, optimizer, _ in one))
    figure, row = subplots(len(panels), height=0.62 * len(pairs) + 1.4, share_y=True)
    for axes, (words, found) in zip(row, panels.items(), strict=True):
        for exponent in EXPONENTS:
            axes.axvline(exponent, color="0.25", linestyle=":", linewidth=1)
        for (hidden, noise), alike in groupby(_in_order(found), _kind):
            families, values = zip(*alike, strict=True)
            offset = (hidden - 2) * 0.24 + (0.1 if noise else -0.02)
            places = [pairs.index((data, optimizer)) + offset for data, _, optimizer, _ in families]
            look = _look(families[0]) | {"linestyle": "none"}
            bars(axes, places, _bands(values), across=True, **look)
        axes.set(xlabel=f"slope {words}", xticks=EXPONENTS[::2])
    rows(row[0], [", ".join(pair) for pair in pairs])
    legend(figure, 3)
    told = "; ".join(
        f"{words} under {optimizer} {np.mean(centres):.2f} on average over {len(centres)} families, "
        f"{min(centres):.2f} to {max(centres):.2f}"
        for words, found in panels.items()
        for optimizer in _OPTIMIZERS
        if (centres := [one[0] for family, one in found.items() if family[2] == optimizer])
    )
    return Picture(figure, f"Slopes of the best λ: {told}.")


def regrets(panels: Mapping[str, Mapping[str, Mapping[Family, np.ndarray]]]) -> Picture:
    """Draw what each rule costs at the widest network: a row a metric, a column an optimiser.

    ``panels[metric][rule][family]`` has shape ``(B,)``, the estimate first; families of one data set
    are averaged.
    """
    figure, all_axes = grid(len(panels), len(_OPTIMIZERS), 5.6, share_x="col", share_y="row")
    first = next(iter(panels[METRICS[0]].values()))
    names = list(dict.fromkeys(family[0] for family in first))
    told = []
    for row, (metric, rules) in zip(all_axes, panels.items(), strict=True):
        for axes, (optimizer, words) in zip(row, _OPTIMIZERS.items(), strict=True):
            for (number, (rule, found)), look in styled(enumerate(rules.items()), mfc=None):
                own = {family: one for family, one in found.items() if family[2] == optimizer}
                shown = [name for name in names if any(family[0] == name for family in own)]
                means = [np.mean([own[f] for f in own if f[0] == name], axis=0) for name in shown]
                places = np.array([names.index(name) for name in shown]) + 0.2 * (number - 1)
                bars(axes, places, _bands(means), **look, label=rule)
                mean = np.mean([one[0] for one in own.values()])
                told.append(f"{rule} by {metric} under {optimizer} {mean:.3f}")
            axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
            axes.set_title(words.split(",")[0] if metric == METRICS[0] else "", fontsize="medium")
        share = "share of the least loss" if metric == METRICS[0] else "difference in shares right"
        row[0].set_ylabel(f"regret by {metric}\n({share})")
    all_axes[0, 0].set_yscale("symlog", linthresh=0.1)
    all_axes[0, 0].set_ylim(bottom=-0.02)
    legend(figure, 3)
    return Picture(figure, f"Mean regret of three rules at the widest networks: {'; '.join(told)}.")


def movers(
    spans: Mapping[str, Mapping[str, Sequence[float]]],
    found: Mapping[str, Mapping[tuple[str, str], np.ndarray]],
) -> Picture:
    """Draw decades that the best λ moves a decade of each setting, and over all that was tried of it.

    ``found[what]`` maps data set and optimiser to slopes ``(B,)``; ``spans[what]`` maps an optimiser, or
    another word for what moved without one, to decades between the lowest and the highest best λ, one a
    data set.
    """
    figure, (left, right) = subplots(2, height=3.8)
    pairs = list(dict.fromkeys(pair for one in found.values() for pair in one))
    for (number, pair), look in styled(enumerate(pairs), ms=5):
        look |= {"mfc": "none" if pair[1] == "adamw" else None}
        places = np.array([place for place, one in enumerate(found.values()) if pair in one])
        places = places + 0.09 * (number - (len(pairs) - 1) / 2)
        bands = _bands(one[pair] for one in found.values() if pair in one)
        bars(left, places, bands, **look, label=", ".join(pair))
    left.axhline(0, color="0.25", linewidth=1)
    left.set_xticks(range(len(found)), list(found), rotation=45, ha="right")
    left.set(ylabel="slope of log best λ\nin the log of a setting")
    legend(figure, 1, loc="outside right upper", fontsize="x-small")
    flat = [(place, *one) for place, kinds in enumerate(spans.values()) for one in kinds.items()]
    for place, optimizer, values in flat:
        at = place + {"sgd": -0.2, "adamw": 0.2}.get(optimizer, 0.0)
        mfc = "none" if optimizer == "adamw" else "0.25"
        right.plot([at] * len(values), values, "o", color="0.25", mfc=mfc, ms=5)
        right.plot([at - 0.17, at + 0.17], [np.mean(values)] * 2, "-", color="0.25", linewidth=2)
    right.set_xticks(range(len(spans)), list(spans), rotation=45, ha="right")
    right.set(ylabel="decades over what was tried", ylim=(0, None))
    told = "; ".join(
        f"{name}{' under ' * bool(kind)}{kind} {np.mean(values):.1f}"
        for name, kinds in spans.items()
        for kind, values in kinds.items()
    )
    return Picture(figure, f"Mean decades that the best λ moves over what was tried: {told}.")


def clocks(panels: Mapping[str, Mapping[Family, np.ndarray]]) -> Picture:
    """Draw how far apart the best values of all networks are: as λ, and as time constants.

    ``panels`` map words for an axis to values, ``(sizes,)`` a family, in log10.
    """
    figure, row = subplots(len(panels), height=3.4)
    told = []
    for axes, (words, found) in zip(row, panels.items(), strict=True):
        names = list(dict.fromkeys((data, optimizer) for data, _, optimizer, _ in found))
        for family, values in _in_order(found):
            place = names.index((family[0], family[2]))
            look = _look(family) | {"linestyle": "none"}
            axes.plot(values, place + 0.1 * (family[3] - 2) * np.ones(len(values)), **look)
        rows(axes, [", ".join(pair) for pair in names])
        axes.set_xlabel(words)
        joined = np.concatenate(list(found.values()))
        told.append(f"{words}: {joined.min():.1f} to {joined.max():.1f}")
    for axes in row[1:]:
        axes.set_yticklabels([])
    legend(figure, 3)
    return Picture(figure, f"Best values of all networks. {'; '.join(told)}.")
