"""Penalties on a weight vector: value, pull on each weight, exponents in P.

The *pull* of a penalty on weight i is its partial derivative there, in loss units
per weight unit; gradient descent moves the weight against it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch

GROUP_SIZE = 4
"""Consecutive weights that share one group of the group lasso."""

ELASTIC_NET_L1_SHARE = 0.5
"""Share of the L1 term in the elastic net."""


class Exponents(NamedTuple):
    """Powers of P in a penalty's value, mean absolute pull and gradient norm.

    They hold for independent weights of one fixed variance. The gradient norm is
    the root-mean-square pull times the square root of P, so ``norm = pull + 1/2``
    wherever the pulls have one scale.
    """

    value: Fraction
    pull: Fraction
    norm: Fraction


@dataclass(frozen=True)
class Penalty:
    """A penalty R(w) with its gradient in closed form.

    ``value(w, c)`` takes a NumPy array or a torch tensor of shape ``(P,)`` and returns
    a scalar of the same kind, so that autograd can go through it. ``pull(w, c)`` takes
    and returns NumPy arrays of shape ``(P,)``. ``radial(sum_squares, P, c)`` returns the
    value and the factor k of ``pull = k * w`` from the sum of squares alone; it is
    ``None`` for a penalty whose pull is not a multiple of w.

    >>> squared = find("squared-l2")
    >>> float(squared.value(np.array([3.0, 4.0]), 0.1))
    1.25
    >>> squared.pull(np.array([3.0, 4.0]), 0.5).tolist()
    [1.5, 2.0]
    """

    name: str
    formula: str
    exponents: Exponents
    value: Callable[[Any, float], Any]
    pull: Callable[[np.ndarray, float], np.ndarray]
    radial: Callable[[float, int, float], tuple[float, float]] | None = None


def _groups(weights: Any) -> Any:
    if len(weights) % GROUP_SIZE:
        raise ValueError(f"{len(weights)} weights: the group lasso needs a multiple of {GROUP_SIZE}")
    return weights.reshape(-1, GROUP_SIZE)


def _group_lasso_value(weights: Any, c: float) -> Any:
    return c * GROUP_SIZE**0.5 * ((_groups(weights) ** 2).sum(1) ** 0.5).sum()


def _group_lasso_pull(weights: np.ndarray, c: float) -> np.ndarray:
    groups = _groups(weights)
    norms = np.linalg.norm(groups, axis=1, keepdims=True)
    return (c * GROUP_SIZE**0.5 * groups / norms).reshape(-1)


def _exponents(value: str, pull: str, norm: str) -> Exponents:
    return Exponents(Fraction(value), Fraction(pull), Fraction(norm))


_SUM = _exponents("1", "0", "1/2")
_RHO = ELASTIC_NET_L1_SHARE

PENALTIES: tuple[Penalty, ...] = (
    Penalty(
        name="squared-l2",
        formula=r"\tfrac{c}{2}\sum_i w_i^2",
        exponents=_SUM,
        value=lambda w, c: 0.5 * c * (w**2).sum(),
        pull=lambda w, c: c * w,
        radial=lambda sum_squares, P, c: (0.5 * c * sum_squares, c),
    ),
    Penalty(
        name="l1",
        formula=r"c\sum_i |w_i|",
        exponents=_SUM,
        value=lambda w, c: c * abs(w).sum(),
        pull=lambda w, c: c * np.sign(w),
    ),
    Penalty(
        name="elastic-net",
        formula=r"c\sum_i \bigl(\rho|w_i| + \tfrac{1-\rho}{2} w_i^2\bigr),\ \rho=\tfrac12",
        exponents=_SUM,
        value=lambda w, c: c * (_RHO * abs(w) + (1 - _RHO) / 2 * w**2).sum(),
        pull=lambda w, c: c * (_RHO * np.sign(w) + (1 - _RHO) * w),
    ),
    Penalty(
        name="group-lasso",
        formula=r"c\sqrt{4}\sum_g \lVert w_g\rVert,\ |g|=4",
        exponents=_SUM,
        value=_group_lasso_value,
        pull=_group_lasso_pull,
    ),
    Penalty(
        name="l2-norm",
        formula=r"c\,\lVert w\rVert",
        exponents=_exponents("1/2", "-1/2", "0"),
        value=lambda w, c: c * (w**2).sum() ** 0.5,
        pull=lambda w, c: c * w / np.linalg.norm(w),
        radial=lambda sum_squares, P, c: (c * sum_squares**0.5, c / sum_squares**0.5),
    ),
    Penalty(
        name="mean-of-squares",
        formula=r"\tfrac{c}{2P}\sum_i w_i^2",
        exponents=_exponents("0", "-1", "-1/2"),
        value=lambda w, c: 0.5 * c * (w**2).sum() / len(w),
        pull=lambda w, c: c * w / len(w),
        radial=lambda sum_squares, P, c: (0.5 * c * sum_squares / P, c / P),
    ),
)
"""The six penalties of chapter penalty-and-pull, in the order of its table."""


def find(name: str) -> Penalty:
    """Return the penalty called ``name``.

    Raises ``ValueError`` naming the allowed values.

    >>> find("l1").exponents.pull
    Fraction(0, 1)
    >>> find("l3")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: penalty 'l3' is unknown; allowed: squared-l2, l1, elastic-net, group-lasso, l2-norm, ...
    """
    for penalty in PENALTIES:
        if penalty.name == name:
            return penalty
    allowed = ", ".join(penalty.name for penalty in PENALTIES)
    raise ValueError(f"penalty {name!r} is unknown; allowed: {allowed}")


def autograd_pull(penalty: Penalty, weights: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Differentiate ``penalty.value`` by automatic differentiation.

    ``weights`` has shape ``(P,)``; so has the result, in the dtype of ``weights``.
    It is the independent witness for the closed form in ``penalty.pull``.

    >>> autograd_pull(find("squared-l2"), np.array([3.0, 4.0]), 0.5).tolist()
    [1.5, 2.0]
    """
    tensor = torch.tensor(weights, requires_grad=True)
    (gradient,) = torch.autograd.grad(penalty.value(tensor, penalty_coefficient), tensor)
    return gradient.numpy()


def hessian(penalty: Penalty, weights: np.ndarray, penalty_coefficient: float) -> np.ndarray:
    """Return the matrix of second derivatives of ``penalty.value``, by autograd.

    ``weights`` has shape ``(P,)``, the result ``(P, P)``: entry (i, j) says how the pull on
    weight i answers to weight j.

    >>> hessian(find("squared-l2"), np.array([3.0, 4.0]), 0.5).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    tensor = torch.tensor(weights)
    matrix = torch.autograd.functional.hessian(lambda w: penalty.value(w, penalty_coefficient), tensor)
    return matrix.numpy()
