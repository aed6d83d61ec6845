"""What the coefficient behind an argument may depend on besides its value: counts, rates, scales."""

import sys
from dataclasses import dataclass, fields

from l2scaling.floats import SIZES, is_held


class ConventionError(ValueError):
    """A conversion that cannot be done as asked: what was asked, and what is allowed."""


@dataclass(frozen=True)
class Quantity:
    """One quantity: its symbol in a formula, what it is in words, its least value, whether it is a count."""

    symbol: str
    words: str
    least: float = 5e-324
    most: float = sys.float_info.max
    whole: bool = False

    @property
    def allowed(self) -> str:
        """What values it may have, in words."""
        if self.whole:
            return "a whole number, 1 or more, that fits into a float"
        return "0 to 1" if self.most == 1 else "a finite number above 0"


def _count(symbol: str, words: str) -> Quantity:
    return Quantity(symbol, words, least=1, whole=True)


QUANTITIES = {
    "samples": _count("N", "N, the number of samples in the data loss"),
    "batch_size": _count("B", "B, the samples of one step (all of them for the solver lbfgs)"),
    "learning_rate": Quantity("η", "η, above 0"),
    "peak_rate": Quantity("η₀", "η₀, the learning rate given to the constructor, or the largest so far"),
    "steps": _count("t", "t, steps done, the one in question included"),
    "l1_ratio": Quantity("l1_ratio", "between 0 and 1, as given to the estimator", least=0, most=1),
    "features": _count("F", "F, the features of a sample"),
    "weights": _count("n", "n, the numbers in the tensor that is penalised"),
    "group_size": _count("g", "g, the weights of the group"),
    "outputs": _count("K", "K, outputs or classes"),
    "ratings": _count("r", "r, the ratings of the user or item"),
    "dimensions": _count("d", "d, the dimensions of an embedding or factor"),
    "width_ratio": Quantity("m", "m, the width over that of the base model"),
    "accumulated": _count("a", "a, the mini-batches gathered for one step"),
    "mean_weight": Quantity("w̄", "w̄, the mean of the samples' weights ω, in a loss Σωℓ/N"),
    "feature_variance": Quantity("var x", "var x, the variance of the feature"),
    "target_deviation": Quantity("sd y", "sd y, the standard deviation of the target"),
    "working_weight": Quantity("ω", "ω, the mean working weight of the last step of the fit"),
    "fitted_scale": Quantity("σ̂", "σ̂, the scale or dispersion that the fit found"),
    "gradient_norm": Quantity("‖g₁‖", "‖g₁‖, the norm of the first gradient"),
    "weight_rms": Quantity("rms w", "rms w, the root mean square of the tensor"),
    "distance": Quantity("D", "D, the distance that the optimiser estimates"),
    "trust": Quantity("τ", "τ, the trust coefficient"),
    "momentum": Quantity("β", "β, the momentum, 0 to 1", least=0, most=1),
}
"""All of them, by the name of the option that gives them."""


@dataclass(frozen=True)
class Usage:
    """What some conventions divide or multiply by; ``None`` where it was not said.

    Each field is a key of ``QUANTITIES``. Raises ``ConventionError`` for a count below 1, a rate that is
    not positive and finite, or a share outside 0 to 1.
    """

    samples: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    peak_rate: float | None = None
    steps: int | None = None
    l1_ratio: float | None = None
    features: int | None = None
    weights: int | None = None
    group_size: int | None = None
    outputs: int | None = None
    ratings: int | None = None
    dimensions: int | None = None
    width_ratio: float | None = None
    accumulated: int | None = None
    mean_weight: float | None = None
    feature_variance: float | None = None
    target_deviation: float | None = None
    working_weight: float | None = None
    fitted_scale: float | None = None
    gradient_norm: float | None = None
    weight_rms: float | None = None
    distance: float | None = None
    trust: float | None = None
    momentum: float | None = None

    def __post_init__(self) -> None:
        for name in (one.name for one in fields(self)):
            number, quantity = getattr(self, name), QUANTITIES[name]
            if number is not None and not quantity.least <= number <= quantity.most:
                raise ConventionError(f"{name} cannot be {number}; allowed: {quantity.allowed}")
            if number is not None and not is_held(number):
                raise ConventionError(f"{name} {number} is beyond what a float can express; allowed: {SIZES}")

    def get(self, name: str, needed_by: str) -> float:
        """Return one quantity, or raise ``ConventionError`` naming it and who needs it.

        Besides the fields there are ``l2_ratio``, what ``l1_ratio`` leaves, and ``rest_of_momentum``.

        >>> Usage(l1_ratio=0.25).get("l2_ratio", "an elastic net")
        0.75
        """
        if name in RESTS:
            return 1.0 - self.get(RESTS[name], needed_by)
        if (value := getattr(self, name)) is None:
            option = f"--{name.replace('_', '-')} {QUANTITIES[name].words}"
            raise ConventionError(f"{needed_by} needs {name}, which is missing; allowed: {option}")
        return float(value)

    def mean_batch(self) -> float:
        """Return the size of a mini-batch, as the harmonic mean over an epoch if the samples are said.

        >>> Usage(batch_size=200).mean_batch(), round(1 / Usage(samples=1601, batch_size=200).mean_batch(), 4)
        (200.0, 0.1156)
        """
        size = self.get("batch_size", "the mean of a batch's size")
        if self.samples is None or not (rest := self.last_batch):
            return size
        full = self.samples // int(size)
        return (full + 1) / (full / size + 1 / rest)

    @property
    def last_batch(self) -> int:
        """The size of an epoch's last mini-batch if it is shorter than the others, otherwise 0.

        >>> Usage(samples=1601, batch_size=200).last_batch
        1
        """
        return self.samples % self.batch_size if self.samples and self.batch_size else 0


RESTS = {"l2_ratio": "l1_ratio", "rest_of_momentum": "momentum"}
"""Quantities that are one minus another."""


def symbol(name: str) -> str:
    """Return what a quantity is called in a formula.

    >>> symbol("samples"), symbol("l2_ratio")
    ('N', '(1−l1_ratio)')
    """
    return f"(1−{QUANTITIES[RESTS[name]].symbol})" if name in RESTS else QUANTITIES[name].symbol
