"""Train many networks of one shape side by side, each with its own seed, penalty and learning rate.

Networks are dense, without biases: weight matrices of shape ``(fan_out, fan_in)``, and ReLU or
nothing between them. One batched matrix product serves all members of a group, so that small
networks cost little more than their arithmetic. The penalty of a member is
``c/2 * sum(w**2)`` beside the mean data loss. What is kept of a network is what ``measure``
returns, so memory does not grow with the number of members.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from l2scaling.laws.shapes import Initializer, Layer, find_initializer
from l2scaling.training.losses import LOSSES, as_targets, error_signal, mean_loss
from l2scaling.training.steps import Group, Members, Plan, column

OPTIMIZERS = ("sgd", "adam", "adamw")
"""``torch.optim``'s SGD (with momentum), Adam with L2 in its gradient, and AdamW."""

ACTIVATIONS = ("relu", "linear")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
_CHECK_EVERY = 50  # steps between two looks for members that diverged
_CACHE = 6 * 2**20  # bytes a group may use; larger groups fall out of the cache and run slower


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

    def stationarity(self, X: Any, y: Any) -> Tensor:
        """Return ``max |c w + dL/dw| / max |c w|`` over all weights, zero at a stationary point.

        Shape ``(m,)``. Infinite where c, or every weight, is zero.
        """
        c = column(self.members.penalty_coefficients, self.weights[0])
        pairs = [(c * w, g) for w, g in zip(self.weights, self.data_gradients(X, y), strict=True)]
        residuals = torch.stack([(pull + g).abs().amax((1, 2)) for pull, g in pairs])
        return residuals.amax(0) / torch.stack([pull.abs().amax((1, 2)) for pull, _ in pairs]).amax(0)

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
    X: Any,
    y: Any,
    layers: Sequence[Layer],
    members: Members,
    measure: Measure,
    *,
    steps: int,
    at: Sequence[int] | None = None,
    loss: str = "softmax",
    activation: str = "relu",
    optimizer: str = "sgd",
    momentum: float = 0.0,
    batch_size: int | None = None,
    initializer: Initializer | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    memory: float = 2**30,
    progress: bool = True,
) -> Trained:
    """Train every member for ``steps`` and return what ``measure`` saw at the steps ``at``.

    Minimises ``mean data loss + c/2 * sum(w**2)``. ``X`` has shape ``(N, d)``; ``y`` holds class
    numbers ``(N,)`` for ``softmax``, zeros and ones for ``binary``, real targets ``(N,)`` or
    ``(N, K)`` for the squared losses. Each step takes the whole data, or a batch of
    ``batch_size`` from the member's own order. Step 0 of ``at`` is the start; by default only the
    last step is measured. Trajectories are those of ``torch.optim`` on ``torch.nn`` modules.

    A member that diverged is taken out; the others train on as if it had not been there.
    ``memory`` bounds, in bytes, the weights, buffers and activations held at once, whatever the
    number of members; what ``measure`` returns comes on top. One thread of torch trains one group
    of members; the bar on standard error shows on a terminal only.

    Raises ``ValueError`` naming the value and what is allowed, before anything is computed.

    >>> from l2scaling.laws import shapes as networks
    >>> pair = Members(seeds=0, penalty_coefficients=[0.1, 10.0], learning_rates=0.1)
    >>> line = np.linspace(-1, 1, 8)[:, None]
    >>> left = train(line, 3 * line, networks.dense_layers([1, 1]), pair, lambda nets: {"w": nets.weights[0]},
    ...              steps=500, loss="half-squared")
    >>> mean_square = np.mean(line**2)
    >>> bool(np.allclose(left.values["w"].ravel(), 3 * mean_square / (mean_square + [0.1, 10.0]), rtol=1e-5))
    True
    """
    _one_of("loss", loss, LOSSES)
    _one_of("activation", activation, ACTIVATIONS)
    _one_of("optimizer", optimizer, OPTIMIZERS)
    _one_of("dtype", dtype, tuple(DTYPES))
    place = _device(device)
    if not 0 <= momentum < 1 or (momentum and optimizer != "sgd"):
        raise ValueError(f"momentum {momentum} with {optimizer}: allowed 0 to below 1, and 0 unless sgd")
    if steps < 1:
        raise ValueError(f"steps {steps}: allowed 1 or more")
    moments = tuple(int(step) for step in ((steps,) if at is None else at))
    if not moments or list(moments) != sorted(set(moments)) or moments[0] < 0 or moments[-1] > steps:
        raise ValueError(f"at {moments}: allowed increasing steps from 0 to {steps}")
    inputs = torch.as_tensor(X).to(place, DTYPES[dtype])
    _fitting(inputs, layers)
    targets = as_targets(y, layers[-1].outputs, loss).to(inputs)
    if len(targets) != len(inputs):
        raise ValueError(f"{len(targets)} targets for {len(inputs)} inputs: allowed one each")
    if batch_size is not None and not 1 <= batch_size <= len(inputs):
        raise ValueError(f"batch_size {batch_size}: allowed 1 to the {len(inputs)} samples, or None for all")
    plan = Plan(
        inputs,
        targets,
        layers,
        loss,
        activation,
        optimizer,
        momentum,
        steps,
        moments,
        batch_size,
        initializer or find_initializer("he"),
    )
    workers, size = _share(plan, len(members), memory)
    groups = [members[start : start + size] for start in range(0, len(members), size)]
    with tqdm(
        total=len(members) * steps, unit="step", leave=False, disable=None if progress else True
    ) as bar:
        return _joined(_run(plan, groups, measure, workers, bar))


def _run(
    plan: Plan, groups: list[Members], measure: Measure, workers: int, bar: Any
) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Train the groups, one to a thread; a failure or an interrupt stops them all."""
    stop = Event()
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(workers, initializer=_settle, initargs=(workers > 1,))
    try:
        return list(pool.map(lambda group: _train_group(plan, group, measure, stop, bar), groups))
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _settle(alone: bool) -> None:
    """Prepare a thread: the processor's threads are shared out already, and denormals cost time."""
    if alone:
        torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _train_group(
    plan: Plan, members: Members, measure: Measure, stop: Event, bar: Any
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    group = Group(plan, members)
    seen: list[_Seen] = []
    if plan.at[0] == 0:
        seen.append(_seen(group, measure))
    shown = 0
    for step in range(1, plan.steps + 1):
        if len(group.alive):
            group.step(step)
        if step % _CHECK_EVERY == 0 or step in plan.at or step == plan.steps:
            if stop.is_set():
                break
            group.drop_diverged(step)
            bar.update(len(members) * (step - shown))
            shown = step
            if step in plan.at:
                seen.append(_seen(group, measure))
    # where nobody lived to be measured, the start tells names and shapes
    example = next((values for _, values in seen if values), None) or _seen(Group(plan, members), measure)[1]
    return {name: _filled(name, like, seen, len(members)) for name, like in example.items()}, group.diverged


def _seen(group: Group, measure: Measure) -> _Seen:
    if not len(group.alive):
        return group.alive, {}
    plan = group.plan
    seen = measure(Networks(group.weights, group.members[group.alive], plan.loss, plan.activation))
    return group.alive.copy(), {name: value.numpy(force=True).copy() for name, value in seen.items()}


def _filled(name: str, like: np.ndarray, seen: list[_Seen], count: int) -> np.ndarray:
    """Stack what was seen of all members over the moments; NaN for those no longer alive."""
    kind = like.dtype if like.dtype.kind == "f" else float
    stacked = np.full((count, len(seen), *like.shape[1:]), np.nan, kind)
    for moment, (alive, values) in enumerate(seen):
        if len(alive):
            stacked[alive, moment] = values[name]
    return stacked


def _joined(parts: list[tuple[dict[str, np.ndarray], np.ndarray]]) -> Trained:
    values = {name: np.concatenate([part[name] for part, _ in parts]) for name in parts[0][0]}
    return Trained(values, np.concatenate([diverged for _, diverged in parts]))


def _share(plan: Plan, count: int, memory: float) -> tuple[int, int]:
    """Return how many groups train at once, and how many members make a group."""
    shared = sum(tensor.numel() * tensor.element_size() for tensor in (plan.X, plan.targets))
    room = int((memory - shared) // plan.member_bytes)
    if room < 1:
        needed = shared + plan.member_bytes
        raise ValueError(
            f"memory {memory:.0f} bytes: one network and its data need {needed}; allowed that or more"
        )
    if plan.X.device.type != "cpu":
        return 1, min(room, count)
    workers = min(torch.get_num_threads(), room)
    lanes = max(2, workers)  # at least two, so that one thread and two give the same groups
    size = min(-(-count // lanes), max(1, _CACHE // plan.member_bytes), max(1, room // workers))
    return workers, size


def _one_of(what: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{what} {value!r} is unknown; allowed: {', '.join(allowed)}")


def _device(name: str) -> torch.device:
    try:
        place = torch.device(name)
        if place.type != "cpu" and not (
            place.type == "cuda" and (place.index or 0) < torch.cuda.device_count()
        ):
            raise RuntimeError
    except RuntimeError:
        raise ValueError(f"device {name!r} is not here; allowed: cpu, and cuda with a GPU") from None
    return place


def _fitting(X: Tensor, layers: Sequence[Layer]) -> None:
    widths = [layer.inputs for layer in layers] + [layers[-1].outputs] if layers else []
    chained = all(a.outputs == b.inputs for a, b in pairwise(layers))
    if not layers or not chained or any(layer.kernel != 1 for layer in layers):
        raise ValueError(f"layers {list(layers)}: allowed dense layers, each as wide as the next expects")
    if X.ndim != 2 or X.shape[1] != widths[0] or not len(X):
        raise ValueError(f"inputs of shape {tuple(X.shape)}: allowed (samples, {widths[0]})")
