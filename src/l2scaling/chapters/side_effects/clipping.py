"""The step of one weight in real optimisers that read a norm: clipping and trust ratios.

An *idle* weight is one that no sample uses: its data gradient is zero, so that only the
penalty moves it, as the row of an embedding whose token never occurs.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from l2scaling import frameworks, seeds
from l2scaling.datasets import Dataset, draw_batch
from l2scaling.laws.shapes import find_initializer, multilayer
from l2scaling.training.modules import torch_network

PLACEMENTS = ("loss", "optimizer")
"""Where the penalty is written, as a term of the loss, or as the optimiser's ``weight_decay``."""


def _check_placement(placement: str) -> None:
    if placement not in PLACEMENTS:
        raise ValueError(f"placement {placement!r} is unknown; allowed: {', '.join(PLACEMENTS)}")


def draw_tables(
    P: int, standard_deviation: float, tracked: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw ``P`` weights from N(0, standard_deviation**2) as two tables: five weights, and the rest.

    The first weight of the first table is set to ``tracked``. Both arrays are float64.
    Raises ``ValueError`` if ``P`` is below 10.

    >>> first, rest = draw_tables(10, 1.0, 2.0, np.random.default_rng(0))
    >>> float(first[0]), first.size + rest.size
    (2.0, 10)
    """
    if P < 10:
        raise ValueError(f"P {P}: allowed 10 weights or more")
    weights = rng.normal(0.0, standard_deviation, P)
    weights[0] = tracked
    return weights[:5], weights[5:]


def torch_step(
    weights: Sequence[torch.Tensor], data_loss: Callable[[], torch.Tensor], penalty_coefficient: float,
    learning_rate: float, clip_norm: float, placement: str,
) -> None:  # fmt: skip
    """Take one clipped step of ``torch.optim.SGD``; ``weights`` change in place.

    The lines of a training script: loss, ``backward``, ``clip_grad_norm_`` over all weights,
    ``step``. With ``placement`` ``loss`` the penalty ``c/2 * sum(w**2)`` is part of the loss, so
    its pull is clipped too; with ``optimizer`` it is ``weight_decay=c``, added after clipping.
    Raises ``ValueError`` for another placement.

    >>> w = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> torch_step([w], lambda: 0 * w.sum(), 1.0, 0.1, clip_norm=1.0, placement="loss")
    >>> [round(x, 3) for x in w.tolist()]  # a step of length 0.1
    [2.94, 3.92]
    """
    _check_placement(placement)
    decay = penalty_coefficient if placement == "optimizer" else 0.0
    optimizer = torch.optim.SGD(weights, learning_rate, weight_decay=decay)
    loss = data_loss()
    if placement == "loss":
        loss = loss + penalty_coefficient / 2 * sum(w.square().sum() for w in weights)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, clip_norm)
    optimizer.step()


def torch_moved(
    tables: Sequence[np.ndarray], data_gradient: float, penalty_coefficient: float, learning_rate: float,
    clip_norm: float, placement: str, device: str,
) -> float:  # fmt: skip
    """Return how far one ``torch_step`` moves the first weight of the first table.

    The data loss is ``data_gradient`` times the last weight of the last table, so that the
    data gradient has that norm and every other weight is idle.
    """
    weights = [torch.tensor(one, device=device, requires_grad=True) for one in tables]

    def data_loss() -> torch.Tensor:
        touched = torch.stack([w[0] for w in weights]).sum()  # torch.optim skips whom no gradient reaches
        return data_gradient * weights[-1][-1] + 0.0 * touched

    torch_step(weights, data_loss, penalty_coefficient, learning_rate, clip_norm, placement)
    return float(tables[0][0] - weights[0][0].item())


def network_moved(
    data: Dataset, width: int, *, penalty_coefficient: float, learning_rate: float, clip_norm: float,
    placement: str, seed: int, draw: int, device: str,
) -> float:  # fmt: skip
    """Return the clipped step of an idle weight of a real network, over rate times pull.

    Three weight layers from He's start and one batch of 256 samples. The idle weight leaves a
    feature of ``data`` that is zero for all samples. Raises ``ValueError`` if there is none.
    """
    dead = np.flatnonzero(~data.X.any(axis=0))
    if not dead.size:
        raise ValueError(f"data set {data.name!r} has no constant feature; allowed: digits")
    layers = multilayer(data.X.shape[1], width, int(data.classes or 1), 3)
    random = seeds.generator(seed, width, draw)
    model = torch_network(layers, find_initializer("he"), random).to(device)
    X, y = (part.to(device) for part in draw_batch(data, 256, np.random.default_rng([seed, width, draw])))
    weights = list(model.parameters())
    start = weights[0][0, dead[0]].item()

    def data_loss() -> torch.Tensor:
        return cross_entropy(model(X), y)

    torch_step(weights, data_loss, penalty_coefficient, learning_rate, clip_norm, placement)
    return (start - weights[0][0, dead[0]].item()) / (learning_rate * penalty_coefficient * start)


def trust_step(
    sizes: np.ndarray, norm: float, penalty_coefficient: float, standard_deviation: float,
    trust_coefficient: float,
) -> np.ndarray:  # fmt: skip
    """Return the expected step of an idle weight under a trust ratio, over rate times pull.

    It is ``trust * ||w|| / sqrt(norm**2 + c**2 ||w||**2)`` with ``||w|| = standard_deviation * sqrt(P)``;
    ``norm`` is that of the layer's data direction. ``sizes`` and the result have shape ``(sizes,)``.

    >>> trust_step(np.array([4]), 1.0, 0.0, 1.0, 1.0)
    array([2.])
    """
    length = standard_deviation * np.sqrt(sizes)
    return trust_coefficient * length / np.hypot(norm, penalty_coefficient * length)


def keras_moved(
    tables: Sequence[np.ndarray], data_gradient: float, penalty_coefficient: float, optimizer: Any,
    placement: str,
) -> float:  # fmt: skip
    """Return how far one step of a Keras optimiser moves the first weight of the first table.

    Each table becomes a ``keras.layers.Embedding`` of one column. With ``placement`` ``loss`` it
    has the regulariser ``L2(c / 2)``, whose gradient is ``c * w``; decay and clipping of the
    ``optimizer`` are as it was made. The data loss is as in ``torch_moved``.
    Raises ``ValueError`` for another placement.
    """
    _check_placement(placement)
    keras = frameworks.keras()
    regularizer = keras.regularizers.L2(penalty_coefficient / 2) if placement == "loss" else None
    with keras.device("cpu"):
        layers = [
            keras.layers.Embedding(one.size, 1, embeddings_regularizer=regularizer, dtype="float64")
            for one in tables
        ]
        for layer, one in zip(layers, tables, strict=True):
            layer.build()
            layer.embeddings.assign(one[:, None])
        variables = [layer.embeddings for layer in layers]
        loss = data_gradient * variables[-1].value[-1, 0] + sum(sum(layer.losses) for layer in layers)
        gradients = torch.autograd.grad(loss, [one.value for one in variables], allow_unused=True)
        filled = [
            torch.zeros_like(one.value) if gradient is None else gradient
            for one, gradient in zip(variables, gradients, strict=True)
        ]
        with torch.no_grad():
            optimizer.apply(filled, variables)
        return float(tables[0][0] - variables[0].value[0, 0].item())


def optax_moved(
    tables: Sequence[np.ndarray], data_gradient: float, transformation: Any, *, reached: str = "one"
) -> float:
    """Return how far one update by an optax ``transformation`` moves the first weight.

    The gradient handed to it is the data gradient of ``torch_moved``, or with ``reached`` ``all``
    has the entry ``data_gradient`` for every weight but the first. A penalty is whatever the
    transformation adds. Float32, as JAX has it. Raises ``ValueError`` for another ``reached``.
    """
    if reached not in ("one", "all"):
        raise ValueError(f"reached {reached!r} is unknown; allowed: one, all")
    weights = [one.astype(np.float32) for one in tables]
    gradients = [np.full_like(one, data_gradient if reached == "all" else 0.0) for one in weights]
    gradients[0][0], gradients[-1][-1] = 0.0, data_gradient
    return -float(_first_update(transformation)(gradients, weights))


@functools.cache
def _first_update(transformation: Any) -> Callable[..., Any]:
    import jax  # a second to import, so only where it is asked for

    def update(gradients: list[Any], weights: list[Any]) -> Any:
        return transformation.update(gradients, transformation.init(weights), weights)[0][0][0]

    return jax.jit(update)
