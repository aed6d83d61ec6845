"""Train many networks of one shape side by side, each with its own seed, penalty and learning rate.

Networks are dense, without biases: weight matrices of shape ``(fan_out, fan_in)``, and ReLU or
nothing between them. One batched matrix product serves all members of a group, so that small
networks cost little more than their arithmetic. The penalty of a member is
``c/2 * sum(w**2)`` beside the mean data loss. What is kept of a network is what ``measure``
returns, so memory does not grow with the number of members.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Event
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from l2scaling.networks import Initializer, Layer, find_initializer
from l2scaling.streaming import generator

OPTIMIZERS = ("sgd", "adam", "adamw")
"""``torch.optim``'s SGD (with momentum), Adam with L2 in its gradient, and AdamW."""

LOSSES = ("mean-squared", "half-squared", "binary", "softmax")
"""``torch.nn``'s MSELoss; half the squared error summed over outputs, mean over samples;
BCEWithLogitsLoss; CrossEntropyLoss."""

ACTIVATIONS = ("relu", "linear")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
EXPLODED = 1e9
"""A member with a weight that is not finite, or larger than this, has diverged."""

_CHECK_EVERY = 50  # steps between two looks for members that diverged
_CACHE = 6 * 2**20  # bytes a group may use; larger groups fall out of the cache and run slower
_ADAM_BETAS, _ADAM_EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class Members:
    """The networks of an ensemble: seed, penalty coefficient c and learning rate of each.

    Every field is one number for all or a sequence, and becomes an array of shape ``(M,)``.
    The seed decides both the start and the order of the data, in separate streams: members
    with one seed differ only by their settings. Under ``adamw`` c is the decoupled λ.
    Raises ``ValueError`` for unequal lengths, a negative c or a learning rate that is not
    positive.

    >>> len(Members(seeds=range(3), penalty_coefficients=0.01, learning_rates=[0.1, 0.2, 0.3]))
    3

    Used in: stationary-point, collapse.
    """

    seeds: Any
    penalty_coefficients: Any
    learning_rates: Any

    def __post_init__(self) -> None:
        fields = {
            "seeds": np.atleast_1d(np.asarray(self.seeds)),
            "penalty_coefficients": np.atleast_1d(np.asarray(self.penalty_coefficients, float)),
            "learning_rates": np.atleast_1d(np.asarray(self.learning_rates, float)),
        }
        count = max(len(values) for values in fields.values())
        for name, values in fields.items():
            if values.ndim != 1 or len(values) not in (1, count):
                raise ValueError(f"{name} of shape {values.shape}: allowed one number, or {count}")
            object.__setattr__(self, name, np.broadcast_to(values, count).copy())
        if not np.issubdtype(self.seeds.dtype, np.integer):
            raise ValueError(f"seeds {self.seeds.tolist()[0]!r}: allowed integers")
        _all("penalty coefficient", self.penalty_coefficients, self.penalty_coefficients >= 0, "0 or more")
        _all("learning rate", self.learning_rates, self.learning_rates > 0, "above 0")

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, rows: Any) -> "Members":
        return Members(self.seeds[rows], self.penalty_coefficients[rows], self.learning_rates[rows])


def _all(name: str, values: np.ndarray, good: np.ndarray, allowed: str) -> None:
    good = good & np.isfinite(values)
    if not good.all():
        raise ValueError(f"{name} {values[~good][0]!s}: allowed {allowed}")


@dataclass(frozen=True)
class Trained:
    """What an ensemble left: ``values[name]`` of shape ``(M, steps measured, ...)``, NaN once a
    member has diverged, and ``diverged`` of shape ``(M,)``, the step at which a member was found to
    have, or -1.

    Used in: stationary-point, collapse.
    """

    values: dict[str, np.ndarray]
    diverged: np.ndarray


@dataclass(frozen=True)
class Networks:
    """A group of ``m`` networks at one moment of training, as ``measure`` receives it.

    ``weights`` holds one tensor a layer, of shape ``(m, fan_out, fan_in)``. The tensors are
    those of the training itself: clone what is to be kept.

    Used in: stationary-point, collapse.
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
        targets = _targets(y, outputs.shape[2], self.loss).to(outputs)
        return torch.stack([_mean_loss(one, targets, self.loss) for one in outputs])

    def data_gradients(self, X: Any, y: Any) -> list[Tensor]:
        """Return the gradient of the mean data loss, one tensor a layer, shaped as ``weights``."""
        X = torch.as_tensor(X).to(self.weights[0])
        targets = _targets(y, self.weights[-1].shape[1], self.loss).to(X)
        gradients = [torch.empty_like(weight) for weight in self.weights]
        for member in range(len(self.members)):
            layers = self._forward(X, member)
            signal = _error_signal(layers[-1], targets, self.loss, classes=1) / len(X)
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
        c = _column(self.members.penalty_coefficients, self.weights[0])
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


def start_weights(layers: Sequence[Layer], initializer: Initializer, seed: int) -> list[Tensor]:
    """Draw the weights with which the member of this seed starts, in float64, input layer first.

    Used in: the tests, against a plain loop over ``torch.nn`` modules.
    """
    random = generator(seed, 0)
    weights = [torch.empty(layer.outputs, layer.inputs, dtype=torch.float64) for layer in layers]
    for weight, layer in zip(weights, layers, strict=True):
        initializer.draw(weight, layer, random)
    return weights


def data_order(samples: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Yield for each epoch the batches of the member of this seed, shape ``(batches, batch_size)``.

    Every epoch is a new permutation; the samples that do not fill a batch sit it out.

    >>> next(data_order(10, 4, seed=0)).shape
    torch.Size([2, 4])

    Used in: the tests, against a plain loop over ``torch.nn`` modules.
    """
    random = generator(seed, 1)
    while True:
        order = torch.randperm(samples, generator=random)
        yield order[: samples // batch_size * batch_size].view(-1, batch_size)


@dataclass(frozen=True)
class _Plan:
    """All that the members of an ensemble have in common."""

    X: Tensor
    targets: Tensor
    layers: Sequence[Layer]
    loss: str
    activation: str
    optimizer: str
    momentum: float
    steps: int
    at: tuple[int, ...]
    batch_size: int | None
    initializer: Initializer

    @property
    def rows(self) -> int:
        return self.batch_size or len(self.X)

    @property
    def member_bytes(self) -> int:
        """What one member occupies: weights, the optimiser's buffers, activations and signals."""
        buffers = 2 if self.optimizer == "sgd" else 4
        parameters = buffers * sum(layer.count for layer in self.layers)
        activations = 2 * self.rows * sum(layer.outputs for layer in self.layers)
        order = len(self.X) * 8 if self.batch_size else 0
        gathered = self.rows * (self.X.shape[1] + self.targets.shape[1]) if self.batch_size else 0
        return self.X.element_size() * (parameters + activations + gathered) + order


class _Group:
    """Members that are trained together: their weights, buffers and place in the data."""

    def __init__(self, plan: _Plan, members: Members) -> None:
        self.plan, self.members = plan, members
        self.alive = np.arange(len(members))
        self.diverged = np.full(len(members), -1)
        seeds = members.seeds.tolist()
        drawn = [start_weights(plan.layers, plan.initializer, seed) for seed in seeds]
        self.weights = [torch.stack(layer).to(plan.X) for layer in zip(*drawn, strict=True)]
        self.states = [
            [torch.zeros_like(weight) for weight in self.weights]
            for _ in range(1 if plan.optimizer == "sgd" else 3)
        ]
        if plan.batch_size:
            self.orders = [data_order(len(plan.X), plan.batch_size, seed) for seed in seeds]
        self._allocate()

    def _allocate(self) -> None:
        """Make the scratch space for the members now alive."""
        plan, m = self.plan, len(self.alive)
        kept = self.members[self.alive]
        self.c = _column(kept.penalty_coefficients, plan.X)
        self.rate = _column(kept.learning_rates, plan.X)
        self.hidden = [plan.X.new_empty(m, layer.outputs, plan.rows) for layer in plan.layers]
        self.signals = [torch.empty_like(hidden) for hidden in self.hidden]
        if plan.batch_size:
            self.inputs = plan.X.new_empty(m, plan.rows, plan.X.shape[1])
            self.wanted = plan.X.new_empty(m, plan.rows, plan.targets.shape[1])

    def networks(self) -> Networks:
        return Networks(self.weights, self.members[self.alive], self.plan.loss, self.plan.activation)

    def drop_diverged(self, step: int) -> None:
        """Take out members whose weights left all bounds; the others do not notice."""
        largest = torch.stack([weight.abs().amax((1, 2)) for weight in self.weights]).amax(0)
        fine = (largest <= EXPLODED).cpu().numpy()
        if fine.all():
            return
        self.diverged[self.alive[~fine]] = step
        self.alive = self.alive[fine]
        rows = torch.as_tensor(np.flatnonzero(fine), device=self.plan.X.device)
        self.weights = [weight[rows] for weight in self.weights]
        self.states = [[one[rows] for one in state] for state in self.states]
        self._allocate()

    def next_batch(self, step: int) -> None:
        plan = self.plan
        if not plan.batch_size:
            return
        place = (step - 1) % (len(plan.X) // plan.batch_size)
        if place == 0:
            self.epoch = torch.stack([next(order) for order in self.orders]).to(plan.X.device)
        rows = self.epoch[torch.as_tensor(self.alive, device=plan.X.device), place].view(-1)
        torch.index_select(plan.X, 0, rows, out=self.inputs.view(-1, plan.X.shape[1]))
        torch.index_select(plan.targets, 0, rows, out=self.wanted.view(-1, plan.targets.shape[1]))

    def forward(self) -> None:
        for number, (weight, out) in enumerate(zip(self.weights, self.hidden, strict=True)):
            if number:
                torch.bmm(weight, self.hidden[number - 1], out=out)
            elif self.plan.batch_size:
                torch.bmm(weight, self.inputs.transpose(1, 2), out=out)
            else:  # one set of inputs for all: a single product
                torch.mm(weight.flatten(0, 1), self.plan.X.T, out=out.flatten(0, 1))
            if self.plan.activation == "relu" and number + 1 < len(self.weights):
                out.relu_()

    def backward(self, beta: float) -> None:
        """Add the data gradients to ``beta`` times what the first buffers hold."""
        plan, gradients = self.plan, self.states[0]
        wanted = self.wanted.transpose(1, 2) if plan.batch_size else plan.targets.T
        torch.div(
            _error_signal(self.hidden[-1], wanted, plan.loss, classes=1), plan.rows, out=self.signals[-1]
        )
        for number in reversed(range(1, len(self.weights))):
            below, signal = self.hidden[number - 1], self.signals[number]
            torch.baddbmm(gradients[number], signal, below.transpose(1, 2), beta=beta, out=gradients[number])
            onward = self.signals[number - 1]
            torch.bmm(self.weights[number].transpose(1, 2), signal, out=onward)
            if plan.activation == "relu":
                torch.ops.aten.threshold_backward.grad_input(onward, below, 0, grad_input=onward)
        first, signal = gradients[0], self.signals[0]
        if plan.batch_size:
            torch.baddbmm(first, signal, self.inputs, beta=beta, out=first)
        else:
            flat = first.flatten(0, 1)
            torch.addmm(flat, signal.flatten(0, 1), plan.X, beta=beta, out=flat)

    def update(self, step: int) -> None:
        if self.plan.optimizer == "sgd":
            for weight, velocity in zip(self.weights, self.states[0], strict=True):
                velocity.addcmul_(weight, self.c)
                weight.addcmul_(velocity, -self.rate)
            return
        (first, second), scales = _ADAM_BETAS, [1 - beta**step for beta in _ADAM_BETAS]
        for weight, gradient, mean, square in zip(self.weights, *self.states, strict=True):
            if self.plan.optimizer == "adam":
                gradient.addcmul_(weight, self.c)
            else:
                weight.mul_(1 - self.rate * self.c)
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            torch.sqrt(square, out=gradient).div_(math.sqrt(scales[1])).add_(_ADAM_EPSILON)
            torch.div(mean, gradient, out=gradient)
            weight.addcmul_(gradient, -self.rate / scales[0])

    def seen_by(self, measure: Measure) -> _Seen:
        if not len(self.alive):
            return self.alive, {}
        seen = measure(self.networks())
        return self.alive.copy(), {name: value.numpy(force=True).copy() for name, value in seen.items()}

    def step(self, number: int) -> None:
        self.next_batch(number)
        self.forward()
        self.backward(self.plan.momentum)
        self.update(number)


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

    >>> from l2scaling import networks
    >>> pair = Members(seeds=0, penalty_coefficients=[0.1, 10.0], learning_rates=0.1)
    >>> line = np.linspace(-1, 1, 8)[:, None]
    >>> left = train(line, 3 * line, networks.dense_layers([1, 1]), pair, lambda nets: {"w": nets.weights[0]},
    ...              steps=500, loss="half-squared")
    >>> mean_square = np.mean(line**2)
    >>> bool(np.allclose(left.values["w"].ravel(), 3 * mean_square / (mean_square + [0.1, 10.0]), rtol=1e-5))
    True

    Used in: stationary-point, collapse, stability, adaptive-optimizers.
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
    targets = _targets(y, layers[-1].outputs, loss).to(inputs)
    if len(targets) != len(inputs):
        raise ValueError(f"{len(targets)} targets for {len(inputs)} inputs: allowed one each")
    if batch_size is not None and not 1 <= batch_size <= len(inputs):
        raise ValueError(f"batch_size {batch_size}: allowed 1 to the {len(inputs)} samples, or None for all")
    plan = _Plan(
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
    plan: _Plan, groups: list[Members], measure: Measure, workers: int, bar: Any
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
    plan: _Plan, members: Members, measure: Measure, stop: Event, bar: Any
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    group = _Group(plan, members)
    seen: list[_Seen] = []
    if plan.at[0] == 0:
        seen.append(group.seen_by(measure))
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
                seen.append(group.seen_by(measure))
    # where nobody lived to be measured, the start tells names and shapes
    example = (
        next((values for _, values in seen if values), None) or _Group(plan, members).seen_by(measure)[1]
    )
    return {name: _filled(name, like, seen, len(members)) for name, like in example.items()}, group.diverged


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


def _share(plan: _Plan, count: int, memory: float) -> tuple[int, int]:
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


def _targets(y: Any, outputs: int, loss: str) -> Tensor:
    """Return targets as real numbers of shape ``(N, K)``; classes become one-hot rows."""
    y = torch.as_tensor(y)
    if loss == "softmax":
        if y.ndim != 1 or y.is_floating_point() or not 0 <= int(y.min()) <= int(y.max()) < outputs:
            raise ValueError(
                f"softmax targets {y.flatten()[:3].tolist()} …: allowed class numbers 0 to {outputs - 1}"
            )
        return torch.nn.functional.one_hot(y.long(), outputs).double()
    y = (y[:, None] if y.ndim == 1 else y).double()
    if y.shape[1] != outputs:
        raise ValueError(f"targets of shape {tuple(y.shape)}: allowed (samples, {outputs})")
    if loss == "binary" and not ((y == 0) | (y == 1)).all():
        raise ValueError(f"binary targets {y.flatten()[:3].tolist()} …: allowed zeros and ones")
    return y


def _error_signal(outputs: Tensor, targets: Tensor, loss: str, classes: int) -> Tensor:
    """Overwrite ``outputs`` with the derivative of one sample's loss in them, and return it.

    ``classes`` is the dimension along which the outputs of a sample lie.
    """
    if loss == "softmax":
        torch.softmax(outputs, classes, out=outputs)
    elif loss == "binary":
        outputs.sigmoid_()
    outputs.sub_(targets)
    if loss == "mean-squared":
        outputs.mul_(2 / outputs.shape[classes])
    elif loss == "binary":
        outputs.div_(outputs.shape[classes])
    return outputs


def _mean_loss(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    if loss == "softmax":
        return torch.nn.functional.cross_entropy(outputs, targets)
    if loss == "binary":
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets)
    mean = torch.nn.functional.mse_loss(outputs, targets)
    return mean if loss == "mean-squared" else mean * (outputs.shape[1] / 2)


def _column(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(values).to(like)[:, None, None]
