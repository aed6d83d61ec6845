"""What decays a weight: shares of it, from closed forms or read off steps with a gradient of zero."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from l2scaling.floats import unfelt_share


@dataclass(frozen=True)
class Finding:
    """What a step does to a tensor whose data gradient is zero, at the learning rate ``rate``.

    ``decay`` is the λ that stands beside the optimiser's own step, ``coefficient`` the c of a pull c·w in the
    gradient. ``first`` and ``share`` are the parts of a weight that the first step and one in the long run
    take; ``None`` where no fixed share is taken, because a preconditioner rescales the pull. ``every`` counts
    the calls from one decay to the next. ``per_rate`` times the sum of the rates gives κ, ``constant`` says
    that the rate has no part in the share. ``wall`` is 1/λ where the step has one size whatever the gradient.
    ``row`` names the row of the atlas that says so; empty where it was measured only. ``total`` is κ where
    the plan of all steps was summed for it; ``swings`` says that momentum makes weights swing about zero.
    """

    rate: float | None = None
    decay: float = 0.0
    coefficient: float = 0.0
    first: float | None = 0.0
    share: float | None = 0.0
    every: int = 1
    per_rate: float | None = 0.0
    constant: bool = False
    wall: float | None = None
    row: str = ""
    total: float | None = None
    swings: bool = False

    @property
    def decays(self) -> bool:
        """Whether anything pulls at the tensor."""
        return self.share is None or self.share != 0 or self.coefficient != 0

    @property
    def half_life(self) -> float | None:
        """Calls after which half of the weight is left, ``ln 2 / -ln|1 - share|`` times ``every``.

        ``None`` without a share that shrinks it.

        >>> round(Finding(share=1e-3).half_life)
        693
        """
        if self.share is None or not 0 < self.share < 2:
            return None
        if self.share == 1:
            return 0.0
        kept = math.log1p(-self.share) if self.share < 1 else math.log(self.share - 1)
        return math.log(0.5) / kept * self.every

    def repeated(self, times: int) -> "Finding":
        """Return the same for a weight that each step decays several times, beside the optimiser's own step.

        A pull in the gradient is left as it is.

        >>> Finding(1.0, 0.5, share=0.5, first=0.5, per_rate=0.5).repeated(2).share
        0.75
        """
        if times == 1 or not self.share or self.first is None or self.coefficient:
            return self
        share, first = (1 - (1 - one) ** times for one in (self.share, self.first))
        grown = share / self.share
        return replace(
            self, share=share, first=first, per_rate=self.per_rate and self.per_rate * grown,
            total=self.total and self.total * grown, wall=None,
        )  # fmt: skip

    def at(self, rate: float) -> "Finding":
        """Return the same at another learning rate, where the share is proportional to it or does not mind.

        >>> Finding(0.5, share=0.25, first=0.25, per_rate=0.5).at(0.25).share
        0.125
        """
        if not self.rate or not self.per_rate or self.share is None or self.first is None:
            return replace(self, rate=rate)
        return replace(self, rate=rate, share=self.per_rate * rate, first=self.first * rate / self.rate)


def momentum_share(
    rate: float, coefficient: float, momentum: float = 0.0, dampening: float = 0.0, *,
    nesterov: bool = False, decay: float = 0.0,
) -> float:  # fmt: skip
    """Return the share of a weight that one step of SGD takes in the long run.

    A step is linear in weight and momentum buffer, ``v' = βv + (1 - d)cw`` and ``w' = (1 - ηλ)w - ηv'``, or
    ``w' = (1 - ηλ)w - η(cw + βv')`` with Nesterov's momentum; the share is one minus the larger modulus of
    the two eigenvalues. For small ηc it is ``ηλ + ηc(1 - d)/(1 - β)``. Without momentum, dampening has no
    part. (Sutskever et al. 2013, and the code of ``torch.optim.SGD``.)

    >>> momentum_share(0.1, 0.01), round(momentum_share(0.01, 0.01, 0.9), 6)
    (0.001, 0.001009)
    """
    if momentum == 0:
        return rate * (coefficient + decay)
    trace, product, apart = _recursion(rate, coefficient, momentum, dampening, nesterov, decay)
    if apart < 0:
        return 1 - math.sqrt(product)
    root = math.sqrt(apart)
    return 1 - max(abs(trace + root), abs(trace - root)) / 2


def momentum_swings(
    rate: float, coefficient: float, momentum: float = 0.0, dampening: float = 0.0, *,
    nesterov: bool = False, decay: float = 0.0,
) -> bool:  # fmt: skip
    """Say whether weights swing about zero as they shrink: without Nesterov's, where ``ηc > (1 - √β)²``.

    >>> momentum_swings(0.1, 0.1, 0.9), momentum_swings(0.1, 0.01, 0.9)
    (True, False)
    """
    return momentum > 0 and _recursion(rate, coefficient, momentum, dampening, nesterov, decay)[2] < 0


def _recursion(
    rate: float, coefficient: float, momentum: float, dampening: float, nesterov: bool, decay: float
) -> tuple[float, float, float]:
    """Return trace and determinant of a step, and the square of the distance of its eigenvalues."""
    kept, fed = 1 - rate * decay, (1 - dampening) * coefficient
    if nesterov:
        first, second = kept - rate * coefficient - rate * momentum * fed, -rate * momentum**2
    else:
        first, second = kept - rate * fed, -rate * momentum
    return first + momentum, first * momentum - second * fed, (first - momentum) ** 2 + 4 * second * fed


def unfelt(share: float, dtype: str) -> bool:
    """Say whether ``1 - share`` rounds to 1 in a data type, so that no weight of it loses anything.

    The limit is ``floats.unfelt_share``: 2⁻⁹ in bfloat16, 2⁻²⁵ in float32. ``False`` for an unknown type.

    >>> unfelt(1e-3, "bfloat16"), unfelt(3e-3, "bfloat16"), unfelt(1e-8, "float32")
    (True, False, True)
    """
    return 0 < share <= unfelt_share(dtype)


def partly_felt(share: float, dtype: str) -> bool:
    """Say whether a share is lost by some weights only, the others rounding back to what they were.

    Above a power of two the numbers lie twice as far apart for their size as below: the share acts on all
    weights from 2⁻⁸ on in bfloat16, from 2⁻²⁴ on in float32, and on some from half of that.

    >>> partly_felt(3e-3, "bfloat16"), partly_felt(4e-3, "bfloat16"), partly_felt(4e-8, "float32")
    (True, False, True)
    """
    return unfelt_share(dtype) < share < 2 * unfelt_share(dtype)


@dataclass(frozen=True)
class Reading:
    """What steps with a gradient of zero showed: see ``Finding``. ``settled`` once the share stays."""

    first: float | None
    share: float | None
    every: int
    settled: bool
    swings: bool = False


def read(shares: np.ndarray) -> Reading:
    """Read what was taken from weights of several sizes, shape ``(steps, weights)``, step by step.

    All weights must lose one share, whatever their size, or it is none: ``None``. Steps that take
    nothing between those that do tell of a decay that acts once in ``every`` calls.

    >>> read(np.array([[0.0, 0.0], [0.1, 0.1], [0.0, 0.0], [0.1, 0.1]]))
    Reading(first=0.1, share=0.1, every=2, settled=True, swings=False)
    >>> read(np.array([[0.1, 0.05], [0.1, 0.05]])).share is None
    True
    """
    if not np.isfinite(shares).all():
        return Reading(None, None, 1, settled=True)
    active = np.flatnonzero(np.abs(shares).max(axis=1) > 1e-15)
    if not active.size:
        return Reading(0.0, 0.0, 1, settled=True)
    first, last = shares[active[0]], shares[active[-1]]
    before = shares[active[-2]] if active.size > 1 else last
    every = int(active[-1] - active[-2]) if active.size > 1 else 1
    settled = bool(np.allclose(before, last, rtol=1e-3, atol=1e-12))
    if not settled and every == 1 and (swing := _swing(shares[active[0] :])) is not None:
        return Reading(_common(first), swing, 1, settled=True, swings=True)
    return Reading(_common(first), _common(last), every, settled)


def _swing(shares: np.ndarray) -> float | None:
    """Return the share of weights that follow ``w'' = Tw' - Dw`` with complex eigenvalues, ``1 - √D``."""
    path = np.cumprod(1 - shares.astype(float), axis=0)
    if len(path) < 6 or not np.isfinite(path).all():
        return None
    before, now, after = (path[start : len(path) - 2 + start].ravel() for start in range(3))
    size = np.hypot(before, now) + 1e-30  # each step counts alike, however small the weights became
    known = np.stack([now / size, -before / size], axis=1)
    (trace, product), *_ = np.linalg.lstsq(known, after / size, rcond=None)
    if np.abs(known @ [trace, product] - after / size).max() > 1e-4:
        return None
    return 1 - math.sqrt(product) if trace**2 < 4 * product * (1 - 1e-4) and product < 1 else None


def shares_of(weights: np.ndarray) -> np.ndarray:
    """Return the share that each step took, from the weights before, between and after, ``(steps + 1, n)``.

    >>> shares_of(np.array([[2.0], [1.0], [1.0]])).tolist()
    [[0.5], [0.0]]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shares: np.ndarray = 1 - weights[1:] / weights[:-1]
    shares[(weights[1:] == 0) & (weights[:-1] == 0)] = 1.0  # all of it is gone
    return shares


def bounded(still: np.ndarray, once: np.ndarray, twice: np.ndarray) -> bool:
    """Say whether a step has one length, for gradients of 1 and 2 and for weights twice as large.

    The arguments are the weights after a step with a gradient of 0, 1 and 2; their second half were
    twice the first.

    >>> bounded(np.array([1.0, 2.0]), np.array([0.9, 1.9]), np.array([0.9, 1.9]))
    True
    """
    one, two = (np.abs(pushed - still) for pushed in (once, twice))
    half = len(one) // 2
    return bool(
        one.max() > 0 and np.allclose(one, two, rtol=0.1) and np.allclose(one[:half], one[half:], 1e-3)
    )


def measured(reading: Reading, slower: Reading, rate: float, *, wall: bool) -> Finding:
    """Turn readings at ``rate`` and at half of it into a finding; ``wall`` says that steps have one size.

    A share that builds up over steps, as through a momentum, is that of a c in the gradient; one that is
    there at once is a λ beside the step.

    >>> fast, slow = (read(np.full((2, 3), share)) for share in (0.25, 0.125))
    >>> measured(fast, slow, 0.5, wall=True).decay
    0.5
    """
    share, first = reading.share, reading.first
    if share is None or first is None:
        return Finding(rate, 0.0, 0.0, None, None, reading.every, None)
    if share == 0 or rate == 0:
        return Finding(rate, share=share, first=first, every=reading.every)
    follows = slower.share is not None and math.isclose(share, 2 * slower.share, rel_tol=0.05)
    constant = slower.share is not None and math.isclose(share, slower.share, rel_tol=1e-3)
    through = not math.isclose(first, share, rel_tol=1e-3)
    per_rate = share / rate
    return Finding(
        rate, 0.0 if through else per_rate, first / rate if through else 0.0, first, share, reading.every,
        per_rate if follows else None, constant, None if through or not wall or share < 0 else 1 / per_rate,
        swings=reading.swings,
    )  # fmt: skip


def _common(shares: np.ndarray) -> float | None:
    mean = float(shares.mean())
    return mean if np.ptp(shares) <= 1e-4 * abs(mean) + 1e-13 else None


def kappa(finding: Finding, rates: Sequence[float]) -> float | None:
    """Return κ, the sum of the shares over the learning rates of all calls to come.

    ``κ = Σ ηλ``, with momentum about ``Σ ηc(1 - d)/(1 - β)``; about ``exp(-κ)`` of a weight is left. A decay
    that acts once in k calls has every k-th of them. ``None`` where no fixed share is taken.

    >>> kappa(Finding(share=1e-3, per_rate=0.1), [0.01] * 1000)
    1.0
    """
    if finding.total is not None:
        return finding.total
    acting = rates[finding.every - 1 :: finding.every]
    if finding.constant and finding.share is not None:
        return len(acting) * finding.share
    if finding.share is None or finding.per_rate is None:
        return None
    return finding.per_rate * math.fsum(acting)
