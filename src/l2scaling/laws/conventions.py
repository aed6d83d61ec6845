"""What λ means in each library, and exact conversion to and from the penalty coefficient c.

c multiplies a weight in the gradient of the *mean* loss. Three families of penalties do
not convert into each other: ``l2`` (a pull c·w in the gradient), ``l1`` (a pull of fixed
size) and ``decoupled`` (a share of the weight taken off beside the optimiser's own step).
"""

import difflib
import math
import sys
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Literal

from l2scaling.floats import SIZES, is_held

Family = Literal["l2", "l1", "decoupled"]
FAMILIES = {"l2": "c", "l1": "coefficient of sign(w)", "decoupled": "λ in the share η·λ"}
"""The families of penalties, and what the coefficient of each is called."""


class ConventionError(ValueError):
    """A conversion that cannot be done as asked: what was asked, and what is allowed."""


@dataclass(frozen=True)
class Usage:
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
        whole = (1, sys.float_info.max, "a whole number, 1 or more, that fits into a float")
        for name, least, most, allowed in (
            ("samples", *whole),
            ("batch_size", *whole),
            ("learning_rate", 5e-324, sys.float_info.max, "a finite number above 0"),
            ("l1_ratio", 0, 1, "0 to 1"),
        ):
            number = getattr(self, name)
            if number is not None and not least <= number <= most:
                raise ConventionError(f"{name} cannot be {number}; allowed: {allowed}")
            if number is not None and not is_held(number):
                raise ConventionError(f"{name} {number} is beyond what a float can express; allowed: {SIZES}")

    def get(self, name: str, needed_by: str) -> float:
        """Return one quantity, or raise ``ConventionError`` naming it and who needs it.

        Besides the four there is ``l2_ratio``, what ``l1_ratio`` leaves.

        >>> Usage(l1_ratio=0.25).get("l2_ratio", "an elastic net")
        0.75
        """
        if name == "l2_ratio":
            return 1.0 - self.get("l1_ratio", needed_by)
        if (value := getattr(self, name)) is None:
            option = f"--{name.replace('_', '-')} {_ALLOWED[name]}"
            raise ConventionError(f"{needed_by} needs {name}, which is missing; allowed: {option}")
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

    The coefficient is ``factor * times / per * value**power``, where ``times`` and ``per`` name
    quantities of the ``Usage`` (nothing if ``None``) and ``power`` is -1 where a larger value is a
    weaker penalty. In the family ``l2`` it is c. ``formula`` says what the library does with a value
    called ``symbol``.

    ``placement`` is where the penalty stands: in the ``loss``, in the ``optimizer``, where the user
    puts it in a ``chain`` of transforms, or inside an estimator, which goes by ``descent`` or has a
    ``solver`` for its optimum. ``optimizers`` are those it can be meant for. ``biases`` says in words
    whether they are penalised, ``decays_biases`` whether they are unless somebody takes them out.
    ``tolerance`` is the relative agreement that a measured coefficient must reach, 1e-6 unless the
    library computes in less.
    """

    name: str
    family: Family
    formula: str
    _: KW_ONLY
    argument: str
    symbol: str = "λ"
    factor: float = 1.0
    times: Literal["l1_ratio", "l2_ratio"] | None = None
    per: Literal["samples", "batch_size", "learning_rate"] | None = None
    power: Literal[1, -1] = 1
    placement: Literal["loss", "optimizer", "chain", "descent", "solver"]
    optimizers: tuple[str, ...] = ("sgd", "momentum", "adam")
    biases: str = "no"
    decays_biases: bool = False
    tolerance: float = 1e-6
    source: str
    note: str = ""

    @property
    def path(self) -> str:
        """The import path, which two parts of one API share."""
        return self.name.partition(":")[0]

    @property
    def library(self) -> str:
        """The library to import; empty for a convention of our own."""
        return self.name.partition(".")[0] if "." in self.name else ""

    @property
    def meaning(self) -> str:
        """The coefficient as a formula.

        >>> find("sklearn.linear_model.LogisticRegression").meaning, find("keras.regularizers.L2").meaning
        ('1/(C·N)', '2λ')
        """
        share = {None: "", "l1_ratio": "·l1_ratio", "l2_ratio": "(1−l1_ratio)"}[self.times]
        over = {"samples": "N", "batch_size": "B", "learning_rate": "η"}.get(self.per or "", "")
        if self.power < 0:
            return f"{self.factor:g}{share}/" + (f"({self.symbol}·{over})" if over else self.symbol)
        number = "" if self.factor == 1 else f"{self.factor:g}" + "·" * (len(self.symbol) > 1)
        return f"{number}{self.symbol}{share}" + f"/{over}" * bool(over)

    @property
    def needs(self) -> tuple[str, ...]:
        """The quantities of a ``Usage`` that must be given."""
        return tuple("l1_ratio" if one == "l2_ratio" else one for one in (self.times, self.per) if one)

    @property
    def divides(self) -> str:
        """In words: whether the coefficient falls with the samples of the data or of the mini-batch."""
        return {"samples": "in effect", "batch_size": "by the mini-batch"}.get(self.per or "", "no")

    def coefficient(self, value: float, usage: Usage) -> float:
        """Return the family's coefficient that ``value`` stands for.

        >>> find("keras.regularizers.L2").coefficient(0.01, Usage())
        0.02
        """
        self._check(value)
        return self._held(self.scale(usage) * self._powered(value), value)

    def value(self, coefficient: float, usage: Usage) -> float:
        """Return what to pass to the API for a coefficient of its family.

        >>> find("sklearn.linear_model.Ridge").value(0.01, Usage(samples=500))
        5.0
        """
        if self.power < 0 and coefficient == 0:
            raise ConventionError(
                f"coefficient 0 has no finite {self.argument} in {self.name}; allowed: above 0"
            )
        ratio = self._held(coefficient / self.scale(usage), coefficient)
        return self._held(self._powered(ratio), coefficient)

    def scale(self, usage: Usage) -> float:
        """Return what multiplies a value, to its ``power``, in the coefficient.

        >>> find("sklearn.linear_model.Ridge").scale(Usage(samples=500))
        0.002
        """
        times = usage.get(self.times, self.name) if self.times else 1.0
        if times == 0:
            what = f"l1_ratio {usage.l1_ratio} leaves nothing of this part of {self.name}"
            raise ConventionError(f"{what}; allowed: a share that leaves some")
        scale = self.factor * times / (usage.get(self.per, self.name) if self.per else 1.0)
        return self._held(scale, scale)

    def _powered(self, value: float) -> float:
        try:
            return float(value**self.power)
        except OverflowError:  # Python has this for powers, and an infinity for products
            return math.inf

    def _check(self, value: float) -> None:
        fine, lowest = (value > 0, "above 0") if self.power < 0 else (value >= 0, "0 or more")
        if not (math.isfinite(value) and fine):
            what = f"{self.argument} of {self.name} cannot be {value}"
            raise ConventionError(f"{what}; allowed: a finite number, {lowest}")
        if not is_held(value):
            what = f"{self.argument} {value} is beyond what a float can express"
            raise ConventionError(f"{what}; allowed: {SIZES}")

    def _held(self, result: float, given: float) -> float:
        """Refuse a result that overflows, or comes to 0 or to fewer digits because it is too small."""
        if not is_held(result) or (result == 0) != (given == 0):
            what = f"{given} is beyond what {self.name} can express here"
            raise ConventionError(f"{what}; allowed: a result from {SIZES}")
        return result + 0.0  # which takes the sign off a zero


_HALF = "c is against the mean of half the squared error"
_BATCH = "B is the mini-batch of the solvers sgd and adam, and all N samples for lbfgs"
_LEAF = "a weight is a leaf, and λ counts as samples that ask it for 0"
_ADAM = ("adam",)

_torch = partial(Convention, argument="weight_decay", placement="optimizer", decays_biases=True,
                 biases="all parameters of the group")  # fmt: skip
_layer = partial(Convention, placement="loss", biases="only by bias_regularizer",
                 source="keras/src/regularizers/regularizers.py")  # fmt: skip
_keras = partial(Convention, formula="w −= ηλw, before the step", argument="weight_decay",
                 placement="optimizer", decays_biases=True, biases="yes, unless excluded",
                 source="keras/src/optimizers/base_optimizer.py, _apply_weight_decay")  # fmt: skip
_optax = partial(Convention, argument="weight_decay", decays_biases=True, biases="yes, unless masked")
_linear = partial(Convention, argument="alpha", symbol="α", placement="solver", note=_HALF,
                  source="sklearn/linear_model/_coordinate_descent.py")  # fmt: skip
_sgd = partial(Convention, family="l2", formula="w *= 1 − ηα", argument="alpha", symbol="α",
               placement="descent", optimizers=("sgd",),
               source="sklearn/linear_model/_sgd_fast.pyx.tp")  # fmt: skip
_mlp = partial(Convention, family="l2", formula="½αΣ‖W‖² / size of the mini-batch", argument="alpha",
               symbol="α", per="batch_size", placement="descent",
               source="sklearn/neural_network/_multilayer_perceptron.py, _compute_loss_grad")  # fmt: skip
_trees = partial(Convention, family="l2", formula="leaf = −G/(H+λ)", argument="reg_lambda", per="samples",
                 placement="solver", biases="leaves only", tolerance=1e-4)  # fmt: skip

REGISTRY: tuple[Convention, ...] = (
    Convention("penalty_coefficient", "l2", "mean loss + c/2 Σw²", argument="c", symbol="c",
               placement="loss", biases="as the model says", source="the convention of this book"),
    Convention("lambda_over_2m", "l2", "mean loss + λ/(2m) Σθ²", argument="λ", per="samples",
               placement="loss", biases="yes, as written", decays_biases=True,
               source="the formula of thread 1, with m = N"),
    _torch("torch.optim.SGD", "l2", "g += λw, before momentum", optimizers=("sgd", "momentum"),
           source="torch/optim/sgd.py"),
    _torch("torch.optim.Adam", "l2", "g += λw, before the preconditioner", optimizers=_ADAM,
           source="torch/optim/adam.py",
           note="the optimiser rescales this pull together with the data gradient"),
    _torch("torch.optim.AdamW", "decoupled", "w *= 1 − ηλ", optimizers=_ADAM, source="torch/optim/adamw.py"),
    _layer("keras.regularizers.L2", "l2", "λΣw² in the loss", argument="l2", factor=2.0),
    _layer("keras.regularizers.L1", "l1", "λΣ|w| in the loss", argument="l1"),
    _layer("keras.regularizers.L1L2:l1", "l1", "l1·Σ|w| in the loss", argument="l1", symbol="l1"),
    _layer("keras.regularizers.L1L2:l2", "l2", "l2·Σw² in the loss", argument="l2", symbol="l2", factor=2.0),
    _keras("keras.optimizers.SGD", "l2", optimizers=("sgd",),  # with momentum it stands for another c
           note="equal to a penalty without momentum only; with momentum the decay is decoupled"),
    _keras("keras.optimizers.Adam", "decoupled", optimizers=_ADAM),
    _keras("keras.optimizers.AdamW", "decoupled", optimizers=_ADAM),
    _optax("optax.add_decayed_weights", "l2", "g += λw, where it stands in the chain", placement="chain",
           source="optax/transforms/_adding.py",
           note="c if it stands first in the chain; after a preconditioner it is decoupled decay"),
    _optax("optax.adamw", "decoupled", "w −= ηλw, with the step", placement="optimizer", optimizers=_ADAM,
           source="optax/_src/alias.py"),
    _linear("sklearn.linear_model.Ridge", "l2", "‖y−Xw‖² + α‖w‖²", per="samples",
            source="sklearn/linear_model/_ridge.py"),
    _linear("sklearn.linear_model.Lasso", "l1", "‖y−Xw‖²/(2N) + α‖w‖₁"),
    _linear("sklearn.linear_model.ElasticNet:l1", "l1", "α·l1_ratio‖w‖₁", times="l1_ratio"),
    _linear("sklearn.linear_model.ElasticNet:l2", "l2", "α(1−l1_ratio)/2·‖w‖²", times="l2_ratio"),
    _linear("sklearn.linear_model.LogisticRegression", "l2", "½‖w‖² + CΣ loss", argument="C", symbol="C",
            per="samples", power=-1, source="sklearn/linear_model/_logistic.py",
            note="a larger C is a weaker penalty; the solver liblinear penalises the intercept too"),
    _sgd("sklearn.linear_model.SGDClassifier", note="with the default penalty, l2"),
    _sgd("sklearn.linear_model.SGDRegressor", note=f"with the default penalty, l2; {_HALF}"),
    _mlp("sklearn.neural_network.MLPClassifier", note=_BATCH),
    _mlp("sklearn.neural_network.MLPRegressor", note=f"{_BATCH}; {_HALF}"),
    _trees("xgboost.XGBRegressor", note=f"{_LEAF}; boosters of trees only",
           source="the documentation of XGBoost, introduction to boosted trees"),
    _trees("lightgbm.LGBMRegressor", note=_LEAF, source="the documentation of LightGBM, parameter lambda_l2"),
    Convention("share_per_step", "decoupled", "w *= 1 − share", argument="share", symbol="share",
               per="learning_rate", placement="optimizer", biases="as the rule says",
               source="the knob of thread 2: any share, 5% of w for one"),
)  # fmt: skip
"""Every convention the book knows, the two of the threads and the book's own included.

An API whose one call sets two penalties stands here as two parts, ``NAME:l1`` and ``NAME:l2``.
"""


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
    parts = [one.name for one in REGISTRY if one.path == name]
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
    return [one for one in REGISTRY if one.library]


@dataclass(frozen=True)
class Conversion:
    """A converted value, the c that both stand for (``None`` outside the family l2), and a note."""

    value: float
    penalty_coefficient: float | None
    note: str


REFUSALS = {
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
"""Why two families do not convert into each other."""


def convert(value: float, source: str, target: str, usage: Usage | None = None) -> Conversion:
    """Return the value that means in ``target`` what ``value`` means in ``source``, exactly.

    The value goes to the coefficient of its family and back, by the formulas of the two
    conventions. Raises ``ConventionError`` for an unknown API, a value that is negative or not
    finite, a quantity of ``usage`` that is needed and missing, and for two families, between
    which no exact conversion exists; it then says why.

    >>> convert(0.01, "keras.regularizers.L2", "torch.optim.SGD").value
    0.02
    >>> convert(1.0, "sklearn.linear_model.Ridge", "penalty_coefficient", Usage(samples=50)).value
    0.02
    >>> convert(0.01, "torch.optim.AdamW", "torch.optim.SGD")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    l2scaling.laws.conventions.ConventionError: 0.01 of torch.optim.AdamW has no equivalent in ...
    """
    usage = usage or Usage()
    first, last = find(source), find(target)
    first._check(value)
    if first.family != last.family:
        allowed = ", ".join(one.name for one in REGISTRY if one.family == first.family)
        reason = REFUSALS[frozenset((first.family, last.family))]
        what = f"{value} of {source} has no equivalent in {target}"
        raise ConventionError(f"{what}: {reason}; allowed: {allowed}")
    coefficient = first.coefficient(value, usage)
    what = FAMILIES[first.family]
    words = [f"{what} = {one.meaning} in {one.name} ({one.argument}: {one.formula})" for one in (first, last)]
    words += [one.note for one in (first, last) if one.note]
    known = coefficient if first.family == "l2" else None
    return Conversion(last.value(coefficient, usage), known, "; ".join(dict.fromkeys(words)))


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
        found = [f"{measured[one.name]:.6g}" if one.name in measured else "" for one in library_conventions()]
        head, rows = [*head, "measured"], [[*row, last] for row, last in zip(rows, found, strict=True)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *rows])
