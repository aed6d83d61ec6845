"""What λ means in each library, and exact conversion to and from the penalty coefficient c.

c multiplies a weight in the gradient of the *mean* loss. Three families of penalties do
not convert into each other: ``l2`` (a pull c·w in the gradient), ``l1`` (a pull of fixed
size) and ``decoupled`` (a share of the weight taken off beside the optimiser's own step).
"""

import difflib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from l2scaling.floats import SIZES, is_held

FAMILIES = {
    "l2": "a pull c·w, part of the gradient",
    "l1": "a pull of one size, c·sign(w), part of the gradient",
    "decoupled": "a share η·λ of the weight taken off at each step, beside the gradient's own step",
}
"""The families of penalties, and what a coefficient multiplies in each."""


class ConventionError(ValueError):
    """A conversion that cannot be done as asked: what was asked, and what is allowed."""


@dataclass(frozen=True)
class Setting:
    """What some conventions divide or multiply by; ``None`` where it was not said.

    ``samples`` is N of the whole data loss, ``batch_size`` that of one step,
    ``learning_rate`` η, ``l1_ratio`` the share of L1 in an elastic net. Raises
    ``ConventionError`` for a count below 1, a rate that is not positive and finite, or a
    share outside 0 to 1.
    """

    samples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    l1_ratio: float | None = None

    def __post_init__(self) -> None:
        for name in ("samples", "batch_size"):
            count = getattr(self, name)
            if count is not None and not 1 <= count <= sys.float_info.max:
                raise ConventionError(
                    f"{name} cannot be {count}; allowed: a whole number, 1 or more, that fits into a float"
                )
        rate, share = self.learning_rate, self.l1_ratio
        if rate is not None and not (math.isfinite(rate) and rate > 0):
            raise ConventionError(f"learning_rate cannot be {rate}; allowed: a finite number above 0")
        if share is not None and not 0 <= share <= 1:
            raise ConventionError(f"l1_ratio cannot be {share}; allowed: 0 to 1")
        for name, number in (("learning_rate", rate), ("l1_ratio", share)):
            if number is not None and not is_held(number):
                raise ConventionError(f"{name} {number} is beyond what a float can express; allowed: {SIZES}")

    def get(self, name: str, needed_by: str) -> float:
        """Return one quantity, or raise ``ConventionError`` naming it and who needs it."""
        value = getattr(self, name)
        if value is None:
            raise ConventionError(
                f"{needed_by} needs {name}, which is missing; allowed: --{name.replace('_', '-')} "
                f"{_ALLOWED[name]}"
            )
        return float(value)


_ALLOWED = {
    "samples": "N, the number of samples in the data loss",
    "batch_size": "B, the samples of one step (all of them for the solver lbfgs)",
    "learning_rate": "η, above 0",
    "l1_ratio": "between 0 and 1, as given to the estimator",
}


@dataclass(frozen=True)
class Convention:
    """What one argument of one API means.

    The coefficient is ``scale(setting) * value**power``; ``power`` is -1 where a larger
    value is a weaker penalty. In the family ``l2`` it is c. ``needs`` names the quantities
    of the ``Setting`` that ``scale`` reads. ``tolerance`` is the relative agreement that a
    measured coefficient must reach, 1e-6 unless the library computes in less.
    """

    name: str
    argument: str
    family: str
    formula: str
    meaning: str
    scale: Callable[[Setting], float]
    biases: str
    source: str
    needs: tuple[str, ...] = ()
    power: int = 1
    divides: str = "no"
    tolerance: float = 1e-6
    note: str = ""

    @property
    def decays_biases(self) -> bool:
        """Whether biases are penalised unless somebody takes them out."""
        return self.biases.startswith(("all", "yes"))

    @property
    def divides_by_samples(self) -> bool:
        """Whether the coefficient falls with the samples of the data or of the mini-batch."""
        return self.divides != "no"

    def coefficient(self, value: float, setting: Setting) -> float:
        """Return the family's coefficient that ``value`` stands for.

        >>> find("keras.regularizers.L2").coefficient(0.01, Setting())
        0.02
        """
        self._check(value)
        return self._held(self._scale(setting) * self._powered(value), value)

    def value(self, coefficient: float, setting: Setting) -> float:
        """Return what to pass to the API for a coefficient of its family.

        >>> find("sklearn.linear_model.Ridge").value(0.01, Setting(samples=500))
        5.0
        """
        if self.power < 0 and coefficient == 0:
            raise ConventionError(
                f"coefficient 0 has no finite {self.argument} in {self.name}; allowed: above 0"
            )
        ratio = self._held(coefficient / self._scale(setting), coefficient)
        return self._held(self._powered(ratio) if ratio else 0.0, coefficient)

    def _powered(self, value: float) -> float:
        try:
            return float(value**self.power)
        except OverflowError:  # Python has this for powers, and an infinity for products
            return math.inf

    def _scale(self, setting: Setting) -> float:
        for name in self.needs:
            setting.get(name, self.name)
        scale = self.scale(setting)
        if not scale > 0:
            raise ConventionError(
                f"l1_ratio {setting.l1_ratio} leaves nothing of this part of {self.name}; allowed: a share "
                "that leaves some"
            )
        return self._held(scale, scale)

    def _check(self, value: float) -> None:
        lowest = "above 0" if self.power < 0 else "0 or more"
        fine = value > 0 if self.power < 0 else value >= 0
        if not (math.isfinite(value) and fine):
            raise ConventionError(
                f"{self.argument} of {self.name} cannot be {value}; allowed: a finite number, {lowest}"
            )
        if not is_held(value):
            raise ConventionError(
                f"{self.argument} {value} is beyond what a float can express; allowed: {SIZES}"
            )

    def _held(self, result: float, given: float) -> float:
        """Refuse a result that overflows, or comes to 0 or to fewer digits because it is too small."""
        if not is_held(result) or (result == 0) != (given == 0):
            raise ConventionError(
                f"{given} is beyond what {self.name} can express here; allowed: a result from {SIZES}"
            )
        return result


def _one(setting: Setting) -> float:
    return 1.0


def _two(setting: Setting) -> float:
    return 2.0


def _per_sample(setting: Setting) -> float:
    return 1.0 / setting.get("samples", "this convention")


def _per_batch(setting: Setting) -> float:
    return 1.0 / setting.get("batch_size", "this convention")


def _per_rate(setting: Setting) -> float:
    return 1.0 / setting.get("learning_rate", "this convention")


def _l1_share(setting: Setting) -> float:
    return setting.get("l1_ratio", "this convention")


def _l2_share(setting: Setting) -> float:
    return 1.0 - setting.get("l1_ratio", "this convention")


_ALL = "all parameters of the group"
_EVERY = "yes, unless excluded"
_REGULARIZER = "only by bias_regularizer"
_HALF = "c is against the mean of half the squared error"
_PRECONDITIONED = "the optimiser rescales this pull together with the data gradient"
_PLAIN = "equal to a penalty without momentum only; with momentum the decay is decoupled"
_LAYERS = "keras/src/regularizers/regularizers.py"
_KERAS = "keras/src/optimizers/base_optimizer.py, _apply_weight_decay"
_MLP = "sklearn/neural_network/_multilayer_perceptron.py, _compute_loss_grad"

REGISTRY: tuple[Convention, ...] = (
    Convention(
        "penalty_coefficient", "c", "l2", "mean loss + c/2 Σw²", "c", _one,
        "as the model says", "the convention of this book",
    ),
    Convention(
        "lambda_over_2m", "λ", "l2", "mean loss + λ/(2m) Σθ²", "λ/N", _per_sample,
        "yes, as written", "the formula of thread 1, with m = N",
        needs=("samples",), divides="by N",
    ),
    Convention(
        "torch.optim.SGD", "weight_decay", "l2", "g += λw, before momentum", "λ", _one, _ALL,
        "torch/optim/sgd.py",
    ),
    Convention(
        "torch.optim.Adam", "weight_decay", "l2", "g += λw, before the preconditioner", "λ", _one, _ALL,
        "torch/optim/adam.py", note=_PRECONDITIONED,
    ),
    Convention(
        "torch.optim.AdamW", "weight_decay", "decoupled", "w *= 1 − ηλ", "λ", _one, _ALL,
        "torch/optim/adamw.py",
    ),
    Convention(
        "keras.regularizers.L2", "l2", "l2", "λΣw² in the loss", "2λ", _two, _REGULARIZER, _LAYERS,
    ),
    Convention(
        "keras.regularizers.L1", "l1", "l1", "λΣ|w| in the loss", "λ", _one, _REGULARIZER, _LAYERS,
    ),
    Convention(
        "keras.regularizers.L1L2:l1", "l1", "l1", "l1·Σ|w| in the loss", "l1", _one, _REGULARIZER, _LAYERS,
    ),
    Convention(
        "keras.regularizers.L1L2:l2", "l2", "l2", "l2·Σw² in the loss", "2·l2", _two, _REGULARIZER, _LAYERS,
    ),
    Convention(
        "keras.optimizers.SGD", "weight_decay", "l2", "w −= ηλw, before the step", "λ", _one, _EVERY, _KERAS,
        note=_PLAIN,
    ),
    Convention(
        "keras.optimizers.Adam", "weight_decay", "decoupled", "w −= ηλw, before the step", "λ", _one,
        _EVERY, _KERAS,
    ),
    Convention(
        "keras.optimizers.AdamW", "weight_decay", "decoupled", "w −= ηλw, before the step", "λ", _one,
        _EVERY, _KERAS,
    ),
    Convention(
        "optax.add_decayed_weights", "weight_decay", "l2", "g += λw, where it stands in the chain", "λ", _one,
        "yes, unless masked", "optax/transforms/_adding.py",
        note="c if it stands first in the chain; after a preconditioner it is decoupled decay",
    ),
    Convention(
        "optax.adamw", "weight_decay", "decoupled", "w −= ηλw, with the step", "λ", _one,
        "yes, unless masked", "optax/_src/alias.py",
    ),
    Convention(
        "sklearn.linear_model.Ridge", "alpha", "l2", "‖y−Xw‖² + α‖w‖²", "α/N", _per_sample, "no",
        "sklearn/linear_model/_ridge.py", needs=("samples",), divides="in effect", note=_HALF,
    ),
    Convention(
        "sklearn.linear_model.Lasso", "alpha", "l1", "‖y−Xw‖²/(2N) + α‖w‖₁", "α", _one, "no",
        "sklearn/linear_model/_coordinate_descent.py", note=_HALF,
    ),
    Convention(
        "sklearn.linear_model.ElasticNet:l1", "alpha", "l1", "α·l1_ratio‖w‖₁", "α·l1_ratio", _l1_share, "no",
        "sklearn/linear_model/_coordinate_descent.py", needs=("l1_ratio",), note=_HALF,
    ),
    Convention(
        "sklearn.linear_model.ElasticNet:l2", "alpha", "l2", "α(1−l1_ratio)/2·‖w‖²", "α(1−l1_ratio)",
        _l2_share, "no", "sklearn/linear_model/_coordinate_descent.py", needs=("l1_ratio",), note=_HALF,
    ),
    Convention(
        "sklearn.linear_model.LogisticRegression", "C", "l2", "½‖w‖² + CΣ loss", "1/(C·N)", _per_sample, "no",
        "sklearn/linear_model/_logistic.py", needs=("samples",), power=-1, divides="in effect",
        note="a larger C is a weaker penalty; the solver liblinear penalises the intercept too",
    ),
    Convention(
        "sklearn.linear_model.SGDClassifier", "alpha", "l2", "w *= 1 − ηα", "α", _one, "no",
        "sklearn/linear_model/_sgd_fast.pyx.tp", note="with the default penalty, l2",
    ),
    Convention(
        "sklearn.linear_model.SGDRegressor", "alpha", "l2", "w *= 1 − ηα", "α", _one, "no",
        "sklearn/linear_model/_sgd_fast.pyx.tp", note=f"with the default penalty, l2; {_HALF}",
    ),
    Convention(
        "sklearn.neural_network.MLPClassifier", "alpha", "l2", "½αΣ‖W‖² / size of the mini-batch", "α/B",
        _per_batch, "no", _MLP, needs=("batch_size",), divides="by the mini-batch",
        note="B is the mini-batch of the solvers sgd and adam, and all N samples for lbfgs",
    ),
    Convention(
        "sklearn.neural_network.MLPRegressor", "alpha", "l2", "½αΣ‖W‖² / size of the mini-batch", "α/B",
        _per_batch, "no", _MLP, needs=("batch_size",), divides="by the mini-batch",
        note=f"B is the mini-batch of the solvers sgd and adam, and all N samples for lbfgs; {_HALF}",
    ),
    Convention(
        "xgboost.XGBRegressor", "reg_lambda", "l2", "leaf = −G/(H+λ)", "λ/N", _per_sample,
        "leaves only", "the documentation of XGBoost, introduction to boosted trees",
        needs=("samples",), divides="in effect", tolerance=1e-4,
        note="a weight is a leaf, and λ counts as samples that ask it for 0; boosters of trees only",
    ),
    Convention(
        "lightgbm.LGBMRegressor", "reg_lambda", "l2", "leaf = −G/(H+λ)", "λ/N", _per_sample,
        "leaves only", "the documentation of LightGBM, parameter lambda_l2",
        needs=("samples",), divides="in effect", tolerance=1e-4,
        note="a weight is a leaf, and λ counts as samples that ask it for 0",
    ),
    Convention(
        "share_per_step", "share", "decoupled", "w *= 1 − share", "share/η", _per_rate,
        "as the rule says", "the knob of thread 2: any share, 5% of w for one",
        needs=("learning_rate",),
    ),
)  # fmt: skip
"""Every convention the book knows, the two of the threads and the book's own included.

An API whose one call sets two penalties stands here as two parts, ``NAME:l1`` and ``NAME:l2``.
"""

LIBRARIES = ("torch", "keras", "optax", "sklearn", "xgboost", "lightgbm")
"""Libraries whose conventions are in the registry."""


def names() -> list[str]:
    """Return the names of all conventions: import paths, and three of our own.

    >>> names()[0], len(names()) > 20
    ('penalty_coefficient', True)
    """
    return [one.name for one in REGISTRY]


def find(name: str) -> Convention:
    """Return the convention called ``name``, an import path such as ``torch.optim.SGD``.

    Raises ``ConventionError`` naming the nearest and all allowed values, and, for an API that
    sets two penalties at once, its two parts.

    >>> find("sklearn.linear_model.Ridge").meaning
    'α/N'
    >>> find("sklearn.linear_model.ElasticNet")
    Traceback (most recent call last):
        ...
    l2scaling.laws.conventions.ConventionError: API 'sklearn.linear_model.ElasticNet' sets two penalties \
at once; allowed: sklearn.linear_model.ElasticNet:l1 or sklearn.linear_model.ElasticNet:l2
    """
    for one in REGISTRY:
        if one.name == name:
            return one
    parts = [one.name for one in REGISTRY if one.name.startswith(f"{name}:")]
    if parts:
        raise ConventionError(f"API {name!r} sets two penalties at once; allowed: {' or '.join(parts)}")
    near = difflib.get_close_matches(name, names(), n=1, cutoff=0.5)
    hint = f" (nearest: {near[0]!r})" if near else ""
    raise ConventionError(f"unknown API {name!r}{hint}; allowed: {', '.join(names())}")


def library_conventions() -> list[Convention]:
    """Return the conventions that belong to a library, which a real call can measure.

    >>> all("." in one.name for one in library_conventions())
    True
    """
    return [one for one in REGISTRY if one.name.split(".")[0] in LIBRARIES]


@dataclass(frozen=True)
class Conversion:
    """A converted value, the c that both stand for (``None`` outside the family l2), and a note."""

    value: float
    penalty_coefficient: float | None
    note: str


_REFUSALS = {
    frozenset(("l2", "decoupled")): (
        "decoupled decay takes its share beside the optimiser's step, an L2 pull goes through it, so under "
        "Adam no coefficient makes them equal; under plain SGD without momentum they agree, and "
        "keras.optimizers.SGD or torch.optim.SGD take the same number"
    ),
    frozenset(("l2", "l1")): (
        "an L1 pull has one size for every weight and an L2 pull grows with the weight, so they agree at one "
        "size of weight only"
    ),
    frozenset(("l1", "decoupled")): (
        "an L1 pull has one size for every weight, decay takes a share of each, and beside the step at that"
    ),
}


def convert(value: float, source: str, target: str, setting: Setting | None = None) -> Conversion:
    """Return the value that means in ``target`` what ``value`` means in ``source``, exactly.

    The value goes to the coefficient of its family and back, by the formulas of the two
    conventions. Raises ``ConventionError`` for an unknown API, a value that is negative or not
    finite, a quantity of ``setting`` that is needed and missing, and for two families, between
    which no exact conversion exists; it then says why.

    >>> convert(0.01, "keras.regularizers.L2", "torch.optim.SGD").value
    0.02
    >>> convert(1.0, "sklearn.linear_model.Ridge", "penalty_coefficient", Setting(samples=50)).value
    0.02
    >>> convert(0.01, "torch.optim.AdamW", "torch.optim.SGD")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    l2scaling.laws.conventions.ConventionError: 0.01 of torch.optim.AdamW has no equivalent in ...
    """
    setting = setting or Setting()
    first, last = find(source), find(target)
    first._check(value)
    if first.family != last.family:
        allowed = ", ".join(one.name for one in REGISTRY if one.family == first.family)
        reason = _REFUSALS[frozenset((first.family, last.family))]
        raise ConventionError(
            f"{value} of {source} has no equivalent in {target}: {reason}; allowed: {allowed}"
        )
    coefficient = first.coefficient(value, setting)
    converted = last.value(coefficient, setting)
    what = {"l2": "c", "l1": "coefficient of sign(w)", "decoupled": "λ in the share η·λ"}[first.family]
    words = [f"{what} = {one.meaning} in {one.name} ({one.argument}: {one.formula})" for one in (first, last)]
    words += dict.fromkeys(one.note for one in (first, last) if one.note)
    return Conversion(
        converted, coefficient if first.family == "l2" else None, "; ".join(dict.fromkeys(words))
    )


def table(measured: Mapping[str, float] | None = None) -> str:
    """Return the conventions of all libraries as a Markdown table.

    ``measured`` maps names to the coefficients that real calls gave, for a last column.

    >>> table().splitlines()[2].split(" | ")[:2]
    ['| `torch.optim.SGD`', '`weight_decay`']
    """
    head = ["API", "argument", "what it does", "family", "coefficient", "biases too?", "÷ samples?"]
    rows = [
        [f"`{one.name}`", f"`{one.argument}`", one.formula.replace("|", "\\|"), one.family, one.meaning,
         one.biases, one.divides]
        for one in library_conventions()
    ]  # fmt: skip
    if measured is not None:
        head.append("measured")
        for row, one in zip(rows, library_conventions(), strict=True):
            row.append(f"{measured[one.name]:.6g}" if one.name in measured else "")
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])
