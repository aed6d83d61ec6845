"""Train many networks of one shape side by side, each with its own seed, penalty and learning rate.

Networks are dense, without biases: weight matrices of shape ``(fan_out, fan_in)``, and ReLU or
nothing between them. One batched matrix product serves all members of a group, so that small
networks cost little more than their arithmetic. The penalty of a member is
``c/2 * sum(w**2)`` beside the mean data loss. What is kept of a network is what ``measure``
returns, so memory does not grow with the number of members.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from l2scaling.laws.shapes import Layer
from l2scaling.training.losses import as_targets, error_signal, mean_loss
from l2scaling.training.recipe import DTYPES, Recipe, denormals_as_zeros, find_device
from l2scaling.training.steps import Cohort, Members, member_bytes

_CHECK_EVERY = 50  # steps between two looks for members that diverged
_CACHE = 32 * 2**20  # bytes a group may use; larger groups fall out of the cache and run slower


@dataclass(frozen=True)
class Trained:
    """What an ensemble left: ``values[name]`` of shape ``(M, steps measured, ...)``, NaN once a
    member has diverged, and ``diverged`` of shape ``(M,)``, the step at which a member was found to
    have, or -1.
    """

    values: dict[str, np.ndarray]
    diverged: np.ndarray


@dataclass(frozen=True)
class Networks:
    """A group of ``m`` networks at one moment of training, as ``measure`` receives it.

    ``weights`` holds one tensor a layer, of shape ``(m, fan_out, fan_in)``. The tensors are
    those of the training itself: clone what is to be kept.
    """

    weights: list[Tensor]
    members: Members
    loss: str
    activation: str

    def outputs(self, X: Any) -> Tensor:
        """Return the outputs for inputs ``X`` of shape ``(N, d)``; shape ``(m, N, K)``."""
        X = torch.as_tensor(X).to(self.weights[0])
        return torch.stack([self._forward(X, member)[-1] for member in range(len(self.members))])

    def data_loss(self, X: Any, y: Any) -> Tensor:
        """Return the mean data loss, without the penalty; shape ``(m,)``."""
        outputs = self.outputs(X)
        targets = as_targets(y, outputs.shape[2], self.loss).to(outputs)
        return torch.stack([mean_loss(one, targets, self.loss) for one in outputs])

    def data_gradients(self, X: Any, y: Any) -> list[Tensor]:
        """Return the gradient of the mean data loss, one tensor a layer, shaped as ``weights``."""
        X = torch.as_tensor(X).to(self.weights[0])
        targets = as_targets(y, self.weights[-1].shape[1], self.loss).to(X)
        gradients = [torch.empty_like(weight) for weight in self.weights]
        for member in range(len(self.members)):
            layers = self._forward(X, member)
            signal = error_signal(layers[-1], targets, self.loss, classes=1) / len(X)
            for number in reversed(range(len(self.weights))):
                torch.mm(signal.T, layers[number], out=gradients[number][member])
                signal = signal @ self.weights[number][member]
                if number and self.activation == "relu":
                    signal = signal * (layers[number] > 0)
        return gradients

    def sum_squares(self) -> Tensor:
        """Return the sum of squared weights of each layer; shape ``(m, L)``."""
        return torch.stack([weight.square().sum((1, 2)) for weight in self.weights], 1)

    def _forward(self, X: Tensor, member: int) -> list[Tensor]:
        layers = [X]
        for number, weight in enumerate(self.weights, 1):
            inner = self.activation == "relu" and number < len(self.weights)
            outputs = layers[-1] @ weight[member].T
            layers.append(outputs.relu_() if inner else outputs)
        return layers


Measure = Callable[[Networks], dict[str, Tensor]]
"""Takes a group of ``m`` networks and returns named tensors of shape ``(m, ...)``."""

_Seen = tuple[np.ndarray, dict[str, np.ndarray]]  # the members alive, and what was measured of them


def train(
    X: Any, y: Any, layers: Sequence[Layer], members: Members, recipe: Recipe, measure: Measure, *,
    memory: float = 2**30, progress: bool = True,
) -> Trained:  # fmt: skip
    """Train every member by the recipe and return what ``measure`` saw at the recipe's moments.

    Minimises ``mean data loss + c/2 * sum(w**2)``. ``X`` has shape ``(N, d)``; ``y`` holds class
    numbers ``(N,)`` for ``softmax``, zeros and ones for ``binary``, real targets ``(N,)`` or
    ``(N, K)`` for the squared losses. Batches come from each member's own order.
    Trajectories are those of ``torch.optim`` on ``torch.nn`` modules.

    A member that diverged is taken out; the others train on as if it had not been there.
    ``memory`` bounds, in bytes, the weights, buffers and activations held at once, whatever the
    number of members; what ``measure`` returns comes on top. Torch's threads share each operation;
    the bar on standard error shows on a terminal only.

    Raises ``ValueError`` naming the value and what is allowed, before anything is computed.

    >>> from l2scaling.laws import shapes as networks
    >>> pair = Members(seeds=0, penalty_coefficients=[0.1, 10.0])
    >>> line = np.linspace(-1, 1, 8)[:, None]
    >>> recipe = Recipe(500, learning_rate=0.1, loss="half-squared")
    >>> one_weight = networks.dense_layers([1, 1])
    >>> left = train(line, 3 * line, one_weight, pair, recipe, lambda nets: {"w": nets.weights[0]})
    >>> mean_square = np.mean(line**2)
    >>> bool(np.allclose(left.values["w"].ravel(), 3 * mean_square / (mean_square + [0.1, 10.0]), rtol=1e-5))
    True
    """
    inputs = torch.as_tensor(X).to(find_device(recipe.device), DTYPES[recipe.dtype])
    _fitting(inputs, layers, recipe)
    targets = as_targets(y, layers[-1].outputs, recipe.loss).to(inputs)
    if len(targets) != len(inputs):
        raise ValueError(f"{len(targets)} targets for {len(inputs)} inputs: allowed one each")
    if recipe.batch_size is not None and not 1 <= recipe.batch_size <= len(inputs):
        raise ValueError(
            f"batch_size {recipe.batch_size}: allowed 1 to the {len(inputs)} samples, or None for all"
        )
    if members.learning_rates is None:
        members = replace(members, learning_rates=recipe.learning_rate)
    common = inputs, targets, layers, recipe
    size = _group_size(inputs, targets, member_bytes(*common), len(members), memory)
    groups = [members[start : start + size] for start in range(0, len(members), size)]
    total = len(members) * recipe.steps
    with (
        tqdm(total=total, unit="step", leave=False, disable=None if progress else True) as bar,
        denormals_as_zeros(),
    ):
        parts = [_train_cohort(common, group, measure, bar) for group in groups]
    values = {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]}
    return Trained(values, np.concatenate([diverged for _, diverged in parts]))


_Common = tuple[Tensor, Tensor, Sequence[Layer], Recipe]  # inputs, targets and what all members share
_Part = tuple[dict[str, np.ndarray], np.ndarray]  # what a cohort leaves: values, and who diverged when


def _train_cohort(common: _Common, members: Members, measure: Measure, bar: Any) -> _Part:
    cohort = Cohort(*common, members)
    steps, moments = cohort.recipe.steps, cohort.recipe.moments
    seen: list[_Seen] = []
    if moments[0] == 0:
        seen.append(_seen(cohort, measure))
    shown = 0
    for step in range(1, steps + 1):
        if len(cohort.alive):
            cohort.step(step)
        if step % _CHECK_EVERY == 0 or step in moments or step == steps:
            cohort.drop_diverged(step)
            bar.update(len(members) * (step - shown))
            shown = step
            if step in moments:
                seen.append(_seen(cohort, measure))
    # where nobody lived to be measured, the start tells names and shapes
    example = (
        next((values for _, values in seen if values), None) or _seen(Cohort(*common, members), measure)[1]
    )
    return {name: _filled(name, like, seen, len(members)) for name, like in example.items()}, cohort.diverged


def _seen(cohort: Cohort, measure: Measure) -> _Seen:
    if not len(cohort.alive):
        return cohort.alive, {}
    recipe = cohort.recipe
    networks = Networks(cohort.weights, cohort.members[cohort.alive], recipe.loss, recipe.activation)
    seen = measure(networks)
    return cohort.alive.copy(), {name: value.numpy(force=True).copy() for name, value in seen.items()}


def _filled(name: str, like: np.ndarray, seen: list[_Seen], count: int) -> np.ndarray:
    """Stack what was seen of all members over the moments; NaN for those no longer alive."""
    kind = like.dtype if like.dtype.kind == "f" else float
    stacked = np.full((count, len(seen), *like.shape[1:]), np.nan, kind)
    for moment, (alive, values) in enumerate(seen):
        if len(alive):
            stacked[alive, moment] = values[name]
    return stacked


def _group_size(X: Tensor, targets: Tensor, each: int, count: int, memory: float) -> int:
    """Return how many members, of ``each`` bytes, train at once."""
    shared = sum(tensor.numel() * tensor.element_size() for tensor in (X, targets))
    room = int((memory - shared) // each)
    if room < 1:
        raise ValueError(
            f"memory {memory:.0f} bytes: one network and its data need {shared + each}; allowed that or more"
        )
    most = min(room, max(1, _CACHE // each)) if X.device.type == "cpu" else room
    return -(-count // -(-count // most))  # in groups alike


def _fitting(X: Tensor, layers: Sequence[Layer], recipe: Recipe) -> None:
    widths = [layer.inputs for layer in layers] + [layers[-1].outputs] if layers else []
    chained = all(a.outputs == b.inputs for a, b in pairwise(layers))
    if not layers or not chained or any(layer.kernel != 1 for layer in layers):
        raise ValueError(f"layers {list(layers)}: allowed dense layers, each as wide as the next expects")
    if X.ndim != 2 or X.shape[1] != widths[0] or not len(X):
        raise ValueError(f"inputs of shape {tuple(X.shape)}: allowed (samples, {widths[0]})")
    for factors in (recipe.rate_factors, recipe.decay_factors):
        if factors is not None and len(factors) != len(layers):
            raise ValueError(f"factors {list(factors)} for {len(layers)} layers: allowed one a layer")
