"""What one argument of one API means: its family, what it counts, where it stands, what it reaches.

c multiplies a weight in the gradient of the *mean* loss. Four families of penalties do not convert into
each other: ``l2`` (a pull c·w in the gradient), ``l1`` (a pull of fixed size), ``group`` (a pull of fixed
size on a whole group of weights) and ``decoupled`` (a share of the weight taken off beside the optimiser's
own step).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, get_args

from l2scaling.atlas.quantities import QUANTITIES, RESTS, ConventionError, Usage, symbol
from l2scaling.floats import SIZES, is_held

Family = Literal["l2", "l1", "group", "decoupled"]
FAMILIES = {
    "l2": "c",
    "l1": "coefficient of sign(w)",
    "group": "coefficient of ‖w‖ of a group",
    "decoupled": "λ in the share η·λ",
}
"""The families of penalties, and what the coefficient of each is called."""

Kind = Literal["network", "linear", "leaf", "factor", "spline", "kernel", "prior", "embedding", "formula"]
"""What is penalised: weights of a network, of a linear model, values of a tree's leaves, and so on."""

Placement = Literal["loss", "optimizer", "chain", "descent", "solver"]
"""Where a penalty stands: in the ``loss``, in the ``optimizer``, where the user puts it in a ``chain`` of
transforms, or inside an estimator, which goes by ``descent`` or has a ``solver`` for its optimum."""

Stage = Literal[
    "in the loss", "before momentum", "after momentum", "before the preconditioner",
    "after the preconditioner", "beside the step", "in the trust ratio", "before orthogonalisation",
    "at another iterate", "in the solver",
]  # fmt: skip
"""Where in an optimiser's step, or in an estimator, the penalty enters."""

Loss = Literal["half-squared", "cross-entropy", "own"]
"""What data loss an estimator has: the mean of half the squared error, of the cross-entropy, or another."""

_LOSSES: dict[Loss, re.Pattern[str]] = {
    "own": re.compile(
        r"Huber|Poisson|Gamma|Tweedie|Generali[sz]ed|GLM|SV[CMR]|SGDC|Quantile|Cox|PH|Surviv|covariance|sqrt"
    ),
    "half-squared": re.compile(
        r"Regressor|LinearRegression|Ridge|ridge|Lasso|ElasticNet|[OWG]LS|ALS|SVD|NMF"
    ),
    "cross-entropy": re.compile(r"Classifi|Logisti|Logit|logreg"),
}


@dataclass(frozen=True)
class Convention:
    """What one argument of one API means.

    The coefficient is ``factor * value**power`` times the product of the quantities of the ``Usage`` named
    in ``counts``, each to its exponent: ``{"samples": -1}`` divides by N. Where samples have weights ω, the
    mean loss is Σωℓ/N; ``normalised`` says that the library divides by Σω in its place, so that the
    coefficient is multiplied by the mean weight where that is said. ``least`` has the smallest quantities at
    which the formula holds. ``power`` is -1 where a larger value is a weaker penalty, and 0 where any value
    above zero has one effect. In the family ``l2`` the coefficient is c. ``formula`` says what the library
    does with a value called ``symbol``.

    ``stage`` is where in a step the penalty enters; ``optimizers`` are those it can be meant for.
    ``decays`` says what is penalised unless somebody takes it out: ``biases``, ``gains`` of
    normalisations, the ``intercept``, ``embeddings``; what is not named was not measured. ``biases`` says
    it in words. ``loss`` is the data loss of an estimator that brings its own, where its name does not say
    so. ``default`` is the value that holds if none is given, ``None`` where there is none.
    ``behaviour`` says in words what a schedule, accumulation, clipping and the like do to it.
    ``tolerance`` is the relative agreement that a measured coefficient must reach, 1e-6 unless the library
    computes in less; ``trial`` the values and quantities at which it is measured. ``shows`` names those of
    its quantities that are asked for as a size to aim at: the call turns out to have another, and shows it.
    """

    name: str
    family: Family
    formula: str
    _: KW_ONLY
    argument: str
    kind: Kind = "network"
    symbol: str = "λ"
    factor: float = 1.0
    counts: Mapping[str, float] = field(default_factory=dict)
    least: Mapping[str, float] = field(default_factory=dict)
    normalised: bool = False
    power: Literal[1, 0, -1] = 1
    placement: Placement
    stage: Stage | None = None
    loss: Loss | None = None
    optimizers: tuple[str, ...] = ("sgd", "momentum", "adam")
    biases: str = "no"
    decays: Mapping[str, bool] = field(default_factory=dict)
    default: float | str | None = None
    aliases: tuple[str, ...] = ()
    behaviour: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 1e-6
    trial: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shows: tuple[str, ...] = ()
    source: str
    note: str = ""
    trap: str = ""

    def __post_init__(self) -> None:
        for name, values in _WORDS.items():
            if getattr(self, name) not in (*values, None):
                what = f"{name} of {self.name} cannot be {getattr(self, name)!r}"
                raise ConventionError(f"{what}; allowed: {', '.join(map(str, values))}")
        for name in self.counts:
            if name not in QUANTITIES and name not in RESTS:
                known = ", ".join([*QUANTITIES, *RESTS])
                raise ConventionError(f"{self.name} counts {name!r}, which is unknown; allowed: {known}")
        if other := self.least.keys() - self.counts.keys():
            raise ConventionError(
                f"{self.name} does not count {min(other)!r}; allowed in least: what it counts"
            )
        if other := set(self.shows) - self.trial.keys():
            raise ConventionError(f"{self.name} is not asked for {min(other)!r}; allowed in shows: its trial")

    @property
    def path(self) -> str:
        """The import path, which several parts of one API share."""
        return self.name.partition(":")[0]

    @property
    def library(self) -> str:
        """The library to import; empty for a convention of our own."""
        return self.name.partition(".")[0] if "." in self.name else ""

    @property
    def own_loss(self) -> Loss | None:
        """The data loss that its coefficient is against; ``None`` where that is the user's own.

        >>> from l2scaling.atlas.conventions import find
        >>> find("sklearn.linear_model.Ridge").own_loss, find("torch.optim.SGD").own_loss
        ('half-squared', None)
        """
        if self.loss or self.placement not in ("solver", "descent"):
            return self.loss
        return next((one for one, words in _LOSSES.items() if words.search(self.name)), "own")

    @property
    def each_batch(self) -> bool:
        """Whether each mini-batch divides by its own size, a short last one too."""
        return self.counts.get("batch_size") == -1 and self.placement in ("loss", "descent")

    @property
    def decays_biases(self) -> bool:
        """Whether biases are penalised unless somebody takes them out."""
        return self.decays.get("biases", False)

    @property
    def on(self) -> bool:
        """Whether it acts where nobody gives it a value."""
        return isinstance(self.default, float | int) and (self.default > 0 or self.power < 0)

    @property
    def meaning(self) -> str:
        """The coefficient as a formula.

        >>> from l2scaling.atlas.conventions import find
        >>> find("sklearn.linear_model.LogisticRegression").meaning, find("keras.regularizers.L2").meaning
        ('1/(C·N)', '2λ')
        """
        powers = {self.symbol: self.power} | {symbol(name): one for name, one in self.counts.items()}
        over, under = (
            [_powered(text, sign * one) for text, one in powers.items() if sign * one > 0] for sign in (1, -1)
        )
        number = f"{self.factor:g}"
        if over:
            dot = "" if len(over) == 1 and len(over[0]) == 1 else "·"
            top = "·".join(over).replace("·(", "(")
            top = top if self.factor == 1 else number + dot + top
        else:
            top = number
        if not under:
            return top
        return f"{top}/{under[0]}" if len(under) == 1 else f"{top}/({'·'.join(under)})"

    @property
    def needs(self) -> tuple[str, ...]:
        """The quantities of a ``Usage`` that must be given."""
        return tuple(dict.fromkeys(RESTS.get(name, name) for name in self.counts))

    @property
    def divides(self) -> str:
        """In words: whether the coefficient falls with the samples of the data or of the mini-batch."""
        if self.counts.get("samples", 0) < 0:
            return "in effect"
        return "by the mini-batch" if self.counts.get("batch_size", 0) < 0 else "no"

    def coefficient(self, value: float, usage: Usage) -> float:
        """Return the family's coefficient that ``value`` stands for.

        >>> from l2scaling.atlas.conventions import find
        >>> find("keras.regularizers.L2").coefficient(0.01, Usage())
        0.02
        """
        self._check(value)
        if not self.power:
            return self.scale(usage) if value else 0.0
        if math.isinf(value):  # where a larger value is a weaker penalty, this is none
            return 0.0
        return self._held(self.scale(usage) * self._powered(value), value)

    def value(self, coefficient: float, usage: Usage) -> float:
        """Return what to pass to the API for a coefficient of its family.

        >>> from l2scaling.atlas.conventions import find
        >>> find("sklearn.linear_model.Ridge").value(0.01, Usage(samples=500))
        5.0
        """
        if not self.power:
            raise ConventionError(
                f"no value of {self.name} gives the coefficient {coefficient}: any above 0 gives "
                f"{self.meaning}; allowed: another API"
            )
        if self.power < 0 and coefficient == 0:
            raise ConventionError(
                f"coefficient 0 has no finite {self.argument} in {self.name}; allowed: above 0, or in its "
                f"place {self.argument}=inf, which switches the penalty off"
            )
        ratio = self._held(coefficient / self.scale(usage), coefficient)
        return self._held(self._powered(ratio), coefficient)

    def scale(self, usage: Usage) -> float:
        """Return what multiplies a value, to its ``power``, in the coefficient.

        >>> from l2scaling.atlas.conventions import find
        >>> find("sklearn.linear_model.Ridge").scale(Usage(samples=500))
        0.002
        """
        scale = self.factor * ((usage.mean_weight or 1.0) if self.normalised else 1.0)
        for name, least in self.least.items():
            if (given := usage.get(name, self.name)) < least:
                what = f"{self.formula} of {self.name} is measured from {name} {least:g} on, not at {given:g}"
                raise ConventionError(f"{what}; allowed: --{name.replace('_', '-')} {least:g} or more")
        for name, exponent in self.counts.items():
            quantity = self._counted(name, usage)
            if quantity == 0:
                what = (
                    f"{RESTS.get(name, name)} {usage.get(RESTS.get(name, name), self.name):g} leaves nothing"
                )
                raise ConventionError(
                    f"{what} of this part of {self.name}; allowed: a share that leaves some"
                )
            try:
                scale = scale / quantity if exponent == -1 else scale * quantity**exponent
            except OverflowError:
                scale = math.inf
        return self._held(scale, scale)

    def _counted(self, name: str, usage: Usage) -> float:
        quantity = usage.get(name, self.name)
        if name == "batch_size" and self.each_batch:
            return usage.mean_batch()
        return quantity

    def _powered(self, value: float) -> float:
        try:
            return float(value**self.power)
        except OverflowError:  # Python has this for powers, and an infinity for products
            return math.inf

    def _check(self, value: float) -> None:
        fine, lowest = (value > 0, "above 0") if self.power < 0 else (value >= 0, "0 or more")
        off = self.power < 0 and value == math.inf
        if not (fine and (off or math.isfinite(value))):
            what = f"{self.argument} of {self.name} cannot be {value}"
            rest = ", or inf, which switches the penalty off" if self.power < 0 else ""
            raise ConventionError(f"{what}; allowed: a finite number, {lowest}{rest}")
        if not (off or is_held(value)):
            what = f"{self.argument} {value} is beyond what a float can express"
            raise ConventionError(f"{what}; allowed: {SIZES}")

    def _held(self, result: float, given: float) -> float:
        """Refuse a result that overflows, or comes to 0 or to fewer digits because it is too small."""
        if not is_held(result) or (result == 0) != (given == 0):
            what = f"{given} is beyond what {self.name} can express here"
            raise ConventionError(f"{what}; allowed: a result from {SIZES}")
        return result + 0.0  # which takes the sign off a zero


_WORDS: dict[str, tuple[Any, ...]] = {
    "family": tuple(FAMILIES), "kind": get_args(Kind), "placement": get_args(Placement),
    "stage": get_args(Stage), "loss": get_args(Loss), "power": get_args(Literal[1, 0, -1]),
}  # fmt: skip


def _powered(text: str, exponent: float) -> str:
    if exponent == 1:
        return text
    if exponent == 0.5:
        return f"√{text}"
    return f"{text}²" if exponent == 2 else f"{text}^{exponent:g}"
