"""Tables for the λ explorer: what its page in the browser takes from the package instead of typing."""

import json
from dataclasses import asdict
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from l2scaling.atlas.conventions import FAMILIES, REGISTRY, Convention
from l2scaling.atlas.convert import LOSSES, REFUSALS, SMALLEST_SHARES, is_beside
from l2scaling.atlas.quantities import QUANTITIES, RESTS
from l2scaling.laws.shapes import FIXED_SCALE, INITIALIZERS, Layer, expected_sums, normal_initializer

_LAWS = {"normal": stats.norm(), "uniform": stats.uniform(-1, 2), "truncated": stats.truncnorm(-2, 2)}


def tables() -> dict[str, Any]:
    """Return conventions, refusals between families, initialisers and their laws, limits of formats.

    Each convention's coefficient is ``factor * value**power`` times the quantities in ``counts``, each to
    its exponent; ``rests`` are quantities that are one minus another. The ``placement`` says where a
    penalty stands when gradients are clipped: in the ``loss`` it is clipped with the data gradient, in the
    ``optimizer`` it is added after clipping, in a ``chain`` where the user puts it; ``none`` does not clip.

    >>> ridge = next(one for one in tables()["conventions"] if one["name"].endswith("Ridge"))
    >>> ridge["counts"], ridge["factor"]
    ({'samples': -1}, 1.0)
    """
    largest = np.finfo(np.float16).max
    return {
        "conventions": [_convention(one) for one in REGISTRY if one.family != "group"],
        "quantities": [{"key": key, **asdict(one)} for key, one in QUANTITIES.items()],
        "rests": RESTS,
        "refusals": {
            f"{one} {two}": REFUSALS[frozenset((one, two))] for one, two in permutations(FAMILIES, 2)
        },
        "initializers": [
            {"name": one.name, "torch": one.distribution, "keras": one.keras_distribution}
            for one in INITIALIZERS
        ],
        "losses": LOSSES,
        "smallestShares": SMALLEST_SHARES,
        "fixedScale": FIXED_SCALE,
        "laws": {name: _law(name) for name in [*_LAWS, "orthogonal"]},
        # half a spacing above the largest number, a sum is rounded to infinity
        "halfOverflow": float(largest) + (float(largest) - float(np.nextafter(largest, np.float16(0)))) / 2,
    }


def write_tables(folder: Path) -> None:
    """Write the tables as a script that sets a variable: a page opened as a file may not read files."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(tables(), ensure_ascii=False, allow_nan=False, indent=1)
    (folder / "tables.js").write_text(f"// generated from l2scaling\nvar explorerTables = {text};\n")


def _convention(one: Convention) -> dict[str, Any]:
    as_it_is = (
        "name", "library", "argument", "family", "formula", "meaning", "note", "power", "factor", "counts",
        "needs", "least", "decays", "normalised",
    )  # fmt: skip
    return {name: getattr(one, name) for name in as_it_is} | {
        # what has no other name on the page goes as an adaptive optimiser
        "optimizers": [name for name in ("sgd", "momentum", "adam") if name in one.optimizers] or ["adam"],
        "loss": one.own_loss,
        "eachBatch": one.each_batch,
        "beside": is_beside(one),
        "alone": one.stage == "beside the step",
        "biases": one.decays_biases,
        "biasesInWords": one.biases,
        "placement": "none" if one.placement in ("descent", "solver") else one.placement,
        "solved": one.placement == "solver",
    }


def _law(name: str) -> dict[str, float | None]:
    """Return E|w| and E w⁴ of a law of unit variance; for orthogonal they depend on the layer."""
    if name not in _LAWS:
        return {"meanAbsolute": None, "kurtosis": None}
    unit = expected_sums([Layer(1, 1)], normal_initializer(1.0), name)
    return {"meanAbsolute": unit.sum_absolute, "kurtosis": 3 + float(_LAWS[name].stats("k"))}
