"""Tables for the λ explorer: what its page in the browser takes from the package instead of typing."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from l2scaling.laws.conventions import LIBRARIES, REGISTRY, Convention, ConventionError, Setting, convert
from l2scaling.laws.shapes import FIXED_SCALE, INITIALIZERS, Layer, expected_sums, normal_initializer

PLACEMENTS = {
    "penalty_coefficient": "loss",
    "lambda_over_2m": "loss",
    "share_per_step": "optimizer",
    "torch.optim": "optimizer",
    "keras.regularizers": "loss",
    "keras.optimizers": "optimizer",
    "optax.add_decayed_weights": "chain",
    "optax.adamw": "optimizer",
    "sklearn": "none",
    "xgboost": "none",
    "lightgbm": "none",
}
"""Where a penalty stands when gradients are clipped, by the beginning of the convention's name.

In the ``loss`` it is clipped with the data gradient, in the ``optimizer`` it is added after
clipping, in a ``chain`` where the user puts it; ``none`` means a library that does not clip.
"""

OPTIMIZERS = {
    "torch.optim.SGD": ("sgd", "momentum"),
    "torch.optim.Adam": ("adam",),
    "keras.optimizers.SGD": ("sgd",),  # with momentum its decay is decoupled and stands for another c
    "keras.optimizers.Adam": ("adam",),
    "optax.adamw": ("adam",),
    "sklearn.linear_model.SGD": ("sgd",),
    "": ("sgd", "momentum", "adam"),
}
"""Optimisers that a convention can be meant for, by the beginning of its name; first match counts."""

_SOLVED = (
    "Ridge", "Lasso", "ElasticNet", "LogisticRegression", "XGBRegressor", "LGBMRegressor",
)  # fmt: skip
_LAWS = {"normal": stats.norm(), "uniform": stats.uniform(-1, 2), "truncated": stats.truncnorm(-2, 2)}


def tables() -> dict[str, Any]:
    """Return conventions, refusals between families, initialisers and their laws, limits of formats.

    Each convention's coefficient is ``factor * value**power``, where ``form`` says what is done to
    ``factor`` with the ``quantity`` of the setting: ``none``, ``over`` (divided by it), ``times``, or
    ``times-rest`` (multiplied by one minus it).

    >>> ridge = next(one for one in tables()["conventions"] if one["name"].endswith("Ridge"))
    >>> ridge["form"], ridge["quantity"], ridge["factor"]
    ('over', 'samples', 1.0)
    """
    largest = np.finfo(np.float16).max
    return {
        "conventions": [_convention(one) for one in REGISTRY],
        "refusals": _refusals(),
        "initializers": [
            {"name": one.name, "torch": one.distribution, "keras": one.keras_distribution}
            for one in INITIALIZERS
        ],
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
    library, _, rest = one.name.partition(".")
    solved = rest.rpartition(".")[2].partition(":")[0] in _SOLVED
    return {
        "name": one.name,
        "library": library if library in LIBRARIES else "",
        "argument": one.argument,
        "family": one.family,
        "formula": one.formula,
        "meaning": one.meaning,
        "note": one.note,
        "biases": one.decays_biases,
        "biasesInWords": one.biases,
        "power": one.power,
        **_scale(one),
        "placement": _by_prefix(PLACEMENTS, one.name),
        "optimizers": _by_prefix(OPTIMIZERS, one.name),
        "solved": solved,
    }


def _by_prefix(table: dict[str, Any], name: str) -> Any:
    return next(value for prefix, value in table.items() if name.startswith(prefix))


def _scale(one: Convention) -> dict[str, Any]:
    """Say what the function ``one.scale`` does, by asking it, and check the answer elsewhere."""
    if not one.needs:
        return {"form": "none", "quantity": None, "factor": one.scale(Setting())}
    (quantity,) = one.needs
    places: tuple[Any, ...] = (0.25, 0.5, 0.875) if quantity == "l1_ratio" else (1, 8, 40)
    forms = {"over": lambda q: 1 / q, "times": lambda q: q, "times-rest": lambda q: 1 - q}
    for form, shape in forms.items():
        factors = [one.scale(Setting(**{quantity: q})) / shape(q) for q in places]
        if math.isclose(min(factors), max(factors), rel_tol=1e-12):
            return {"form": form, "quantity": quantity, "factor": factors[0]}
    raise ValueError(f"scale of {one.name} has another form; allowed: {', '.join(forms)}")


def _refusals() -> dict[str, str]:
    """Return why two families do not convert, in the words of ``convert``, by their names joined."""
    of_family = {one.family: one.name for one in reversed(REGISTRY)}
    everything = Setting(samples=10, batch_size=10, learning_rate=0.1, l1_ratio=0.5)
    reasons = {}
    for source in of_family:
        for target in of_family:
            if source != target:
                try:
                    convert(1.0, of_family[source], of_family[target], everything)
                except ConventionError as refusal:
                    reason = str(refusal).partition(": ")[2].rpartition("; allowed: ")[0]
                    reasons[f"{source} {target}"] = reason
    return reasons


def _law(name: str) -> dict[str, float | None]:
    """Return E|w| and E w⁴ of a law of unit variance; for orthogonal they depend on the layer."""
    if name not in _LAWS:
        return {"meanAbsolute": None, "kurtosis": None}
    unit = expected_sums([Layer(1, 1)], normal_initializer(1.0), name)
    return {"meanAbsolute": unit.sum_absolute, "kurtosis": 3 + float(_LAWS[name].stats("k"))}
