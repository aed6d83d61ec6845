"""Real networks with one hidden layer, many at a time: their minima, curvatures, and whether descent stays.

A network here is one vector of weights in float64, so that its Hessian is a matrix.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize
import scipy.sparse.linalg
import torch

from l2scaling.laws import shapes
from l2scaling.seeds import generator
from l2scaling.training import modules

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Takes weights ``(P,)``, inputs ``(N, d)`` and targets ``(N,)``, and returns a scalar."""

EXPLODED_COST = 1e6
"""A run has exploded once its cost exceeds the first by this factor, or is not finite."""


def two_layer_loss(activation: Callable[[torch.Tensor], torch.Tensor], kind: str) -> Loss:
    """Return the mean loss of a network with one hidden layer as a function of its weight vector.

    ``kind`` is ``binary`` (cross-entropy of one logit, targets 0 and 1) or ``half-squared``. The
    width n follows from the number of weights, ``P = n * (d + 1)``.
    Raises ``ValueError`` for another kind.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> loss(torch.zeros(6), torch.ones(4, 2), torch.ones(4)).item()
    0.5
    """
    kinds = {
        "binary": torch.nn.functional.binary_cross_entropy_with_logits,
        "half-squared": lambda outputs, y: 0.5 * (outputs - y).square().mean(),
    }
    if kind not in kinds:
        raise ValueError(f"loss {kind!r} is unknown; allowed: {', '.join(kinds)}")
    compare = kinds[kind]

    def loss(weights: torch.Tensor, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        inputs = X.shape[1]
        width = weights.shape[0] // (inputs + 1)
        first, second = weights[: width * inputs].view(width, inputs), weights[width * inputs :]
        return compare(activation(X @ first.T) @ second, y)

    return loss


@dataclass(frozen=True)
class Group:
    """M networks with one loss: weights ``(M, P)``, inputs ``(M, N, d)``, targets ``(M, N)``, float64."""

    loss: Loss
    weights: torch.Tensor
    X: torch.Tensor
    y: torch.Tensor

    @property
    def size(self) -> int:
        """P, the number of weights of one network."""
        return self.weights.shape[1]

    def repeat(self, times: int) -> "Group":
        """Return the group ``times`` over: all networks, then all again."""
        parts = (self.weights, self.X, self.y)
        return Group(self.loss, *(part.repeat(times, *[1] * (part.ndim - 1)) for part in parts))

    def at(self, weights: torch.Tensor) -> "Group":
        """Return the group with other weights."""
        return Group(self.loss, weights, self.X, self.y)

    def data_loss(self) -> np.ndarray:
        """Return the data loss of every network, shape ``(M,)``."""
        return torch.func.vmap(self.loss)(self.weights, self.X, self.y).cpu().numpy()


def draw_group(
    loss: Loss, X: np.ndarray, y: np.ndarray, width: int, networks: int, seed: int,
    stream: int = 0, device: str = "cpu",
) -> Group:  # fmt: skip
    """Draw networks, each with weights of variance 1/fan_in and a random half of the samples.

    Groups of other ``stream`` are independent.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> group = draw_group(loss, np.ones((10, 3)), np.ones(10), width=4, networks=2, seed=0)
    >>> group.weights.shape, group.X.shape
    (torch.Size([2, 16]), torch.Size([2, 5, 3]))
    """
    count, inputs = X.shape
    members = []
    for member in range(networks):
        random = generator(seed, stream, member)
        rows = torch.randperm(count, generator=random)[: count // 2].numpy()
        first = torch.randn(width * inputs, generator=random, dtype=torch.float64) / inputs**0.5
        second = torch.randn(width, generator=random, dtype=torch.float64) / width**0.5
        members.append((torch.cat([first, second]), torch.tensor(X[rows]), torch.tensor(y[rows]).double()))
    return Group(loss, *(torch.stack(parts).to(device) for parts in zip(*members, strict=True)))


@dataclass(frozen=True)
class Descent:
    """What gradient descent did: the last weights ``(M, P)`` and the cost before each step and at the end.

    ``costs`` has shape ``(steps + 1, M)``: data loss plus penalty.
    """

    weights: torch.Tensor
    costs: np.ndarray

    @property
    def exploded(self) -> np.ndarray:
        """Whether the cost ended above ``EXPLODED_COST`` times the first, or not finite; shape ``(M,)``."""
        return ~(self.costs[-1] <= EXPLODED_COST * self.costs[0])

    @property
    def settled(self) -> np.ndarray:
        """Whether the cost never rose in the last fifth of the steps, beyond rounding; shape ``(M,)``."""
        last = self.costs[-max(2, len(self.costs) // 5) :]
        return ~self.exploded & (np.diff(last, axis=0) <= 1e-12 * last[:-1]).all(axis=0)


def train_group(
    group: Group, penalty_coefficients: np.ndarray, learning_rates: np.ndarray, momentum: np.ndarray,
    steps: int,
) -> Descent:  # fmt: skip
    """Train every network by full-batch gradient descent with weight decay and heavy-ball momentum.

    The step is that of ``torch.optim.SGD``: ``v = momentum * v + gradient + c * w``, then
    ``w = w - learning_rate * v``. The last three arrays before ``steps`` have shape ``(M,)``.
    Time is linear in M, N, P and steps. Networks that explode run on as infinities.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> group = draw_group(loss, np.ones((10, 3)), np.zeros(10), width=4, networks=2, seed=0)
    >>> train_group(group, np.array([0.1, 2.1]), np.ones(2), np.zeros(2), steps=200).exploded.tolist()
    [False, True]
    """
    device = group.weights.device
    c, rate, beta = (
        torch.as_tensor(np.asarray(one), dtype=torch.float64, device=device)[:, None]
        for one in (penalty_coefficients, learning_rates, momentum)
    )
    step = torch.func.vmap(torch.func.grad_and_value(group.loss))
    weights, velocity, costs = group.weights, torch.zeros_like(group.weights), []
    for _ in range(steps):
        gradient, value = step(weights, group.X, group.y)
        costs.append(value + c[:, 0] / 2 * weights.square().sum(1))
        velocity = beta * velocity + gradient + c * weights
        weights = weights - rate * velocity
    value = torch.func.vmap(group.loss)(weights, group.X, group.y)
    costs.append(value + c[:, 0] / 2 * weights.square().sum(1))
    return Descent(weights, torch.stack(costs).cpu().numpy())


def minima(group: Group, penalty_coefficients: np.ndarray) -> Group:
    """Return the group moved to minima of its cost, found from its weights by SciPy's L-BFGS-B.

    One network after the other, until no entry of the gradient exceeds 1e-9 or no digit is left.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> group = draw_group(loss, np.eye(10)[:, :3], np.ones(10), width=4, networks=1, seed=0)
    >>> found = minima(group, np.array([5.0]))  # so large a penalty leaves no weight
    >>> bool(found.weights.abs().max() < 1e-8)
    True
    """
    found = []
    for start, X, y, c in zip(group.weights, group.X, group.y, penalty_coefficients, strict=True):
        done = scipy.optimize.minimize(
            _objective(group.loss, X, y, float(c)), start.cpu().numpy(), jac=True, method="L-BFGS-B",
            options={"maxiter": 5000, "maxfun": 10000, "gtol": 1e-9, "ftol": 0.0, "maxcor": 30},
        )  # fmt: skip
        found.append(torch.tensor(done.x, device=X.device))
    return group.at(torch.stack(found))


def _objective(
    loss: Loss, X: torch.Tensor, y: torch.Tensor, c: float
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    def cost(weights: torch.Tensor) -> torch.Tensor:
        return loss(weights, X, y) + c / 2 * weights.square().sum()

    both = torch.func.grad_and_value(cost)

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        gradient, value = both(torch.tensor(weights, device=X.device))
        return value.item(), gradient.cpu().numpy()

    return objective


def hessian_product(
    loss: Loss, weights: torch.Tensor, X: torch.Tensor, y: torch.Tensor
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the map from a vector to the Hessian of the data loss times it, shape ``(P,)``, by autograd.

    Costs about four evaluations of the loss a call; the Hessian itself is never formed.

    >>> square = lambda w, X, y: (X @ w - y).square().sum() / 2
    >>> product = hessian_product(square, torch.zeros(2), torch.tensor([1.0, 3.0]).diag(), torch.zeros(2))
    >>> product(torch.ones(2)).tolist()
    [1.0, 9.0]
    """
    point = weights.detach().clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point, X, y), point, create_graph=True)

    def product(vector: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(gradient, point, vector, retain_graph=True)[0]

    return product


def largest_curvatures(group: Group) -> np.ndarray:
    """Return the largest eigenvalue of the Hessian of each network's data loss, shape ``(M,)``.

    Lanczos iteration (ARPACK, through SciPy) on Hessian-vector products, from a fixed start.

    >>> loss = two_layer_loss(lambda z: z, "half-squared")
    >>> group = draw_group(loss, np.eye(8)[:, :3], np.zeros(8), width=2, networks=1, seed=0)
    >>> bool(largest_curvatures(group)[0] > 0)
    True
    """
    count = group.weights.shape[1]
    start = np.random.default_rng(0).normal(size=count)
    found = []
    for weights, X, y in zip(group.weights, group.X, group.y, strict=True):
        product = _on_arrays(hessian_product(group.loss, weights, X, y), X.device)
        operator = scipy.sparse.linalg.LinearOperator((count, count), matvec=product, dtype=float)
        (value,) = scipy.sparse.linalg.eigsh(operator, k=1, which="LA", v0=start, return_eigenvectors=False)
        found.append(value)
    return np.array(found)


def _on_arrays(
    product: Callable[[torch.Tensor], torch.Tensor], device: torch.device
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda vector: product(torch.tensor(vector.reshape(-1), device=device)).cpu().numpy()


def keeps_minimum(
    group: Group, penalty_coefficients: np.ndarray, learning_rates: np.ndarray, momentum: np.ndarray,
    steps: int, seed: int, distance: float = 1e-4,
) -> np.ndarray:  # fmt: skip
    """Find each network's minimum, displace it, descend, and return whether it came nearer; shape ``(M,)``.

    The displacement has length ``distance`` and a random direction. In a stable setting the network
    ends closer to the minimum than that.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> group = draw_group(loss, np.eye(10)[:, :3], np.ones(10), width=4, networks=2, seed=0)
    >>> keeps_minimum(group, np.array([1.5, 2.1]), np.ones(2), np.zeros(2), 200, seed=0).tolist()
    [True, False]
    """
    found = minima(group, penalty_coefficients)
    kick = torch.randn(found.weights.shape, generator=generator(seed, 9), dtype=torch.float64)
    kick = (distance * kick / kick.norm(dim=1, keepdim=True)).to(found.weights.device)
    start = found.at(found.weights + kick)
    moved = train_group(start, penalty_coefficients, learning_rates, momentum, steps).weights
    return (moved - found.weights).norm(dim=1).cpu().numpy() < distance


def scan_coefficients(
    group: Group, penalty_coefficients: Sequence[float], learning_rate: float, steps: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joint curvature h_max + c at each minimum, and whether plain descent keeps it.

    Both have shape ``(C, M)`` for C coefficients and M networks.

    >>> loss = two_layer_loss(torch.tanh, "half-squared")
    >>> group = draw_group(loss, np.eye(10)[:, :3], np.ones(10), width=4, networks=1, seed=0)
    >>> joint, kept = scan_coefficients(group, [1.5, 2.1], 1.0, 200, seed=0)
    >>> kept[:, 0].tolist(), (joint[:, 0] < 2).tolist()
    ([True, False], [True, False])
    """
    c = np.repeat(np.asarray(penalty_coefficients, float), len(group.weights))
    bottoms = minima(group.repeat(len(penalty_coefficients)), c)
    joint = largest_curvatures(bottoms) + c
    kept = keeps_minimum(bottoms, c, np.full(len(c), learning_rate), np.zeros(len(c)), steps, seed)
    shape = (len(penalty_coefficients), len(group.weights))
    return joint.reshape(shape), kept.reshape(shape)


def train_grid(
    group: Group, products: Sequence[float], learning_rates: np.ndarray, steps: int, divisor: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Train every network from its start at every rate and product ηc; return who exploded, who settled.

    ``learning_rates`` has shape ``(R, M)``, both results ``(products, R, M)``. The coefficient is
    product over rate, divided by ``divisor``.

    >>> loss = two_layer_loss(torch.tanh, "binary")
    >>> group = draw_group(loss, np.eye(10)[:, :3], np.ones(10), width=4, networks=1, seed=0)
    >>> exploded, _ = train_grid(group, [0.0, 1.9, 2.1], np.array([[0.1]]), steps=300)
    >>> exploded[:, 0, 0].tolist()
    [False, False, True]
    """
    rates = np.broadcast_to(learning_rates, (len(products), *learning_rates.shape))
    c = np.asarray(products, float)[:, None, None] / rates / divisor
    run = train_group(group.repeat(c[..., 0].size), c.ravel(), rates.ravel(), np.zeros(c.size), steps)
    return run.exploded.reshape(c.shape), run.settled.reshape(c.shape)


def decayed_outputs(
    depth: int, width: int, make: modules.Make, steps: int, random: torch.Generator
) -> np.ndarray:
    """Return f(t) / f(0) for a ReLU network of real ``torch.nn`` layers under a zero data gradient.

    ``depth`` bias-free weight layers in float64, eight inputs, hidden layers of ``width``, one output,
    whose absolute value is averaged over 16 random inputs. The result has shape ``(steps + 1,)``.
    Raises ``ValueError`` if ``depth``, ``width`` or ``steps`` is below 1.

    >>> from functools import partial
    >>> make = partial(torch.optim.SGD, lr=0.5, weight_decay=1.0)
    >>> decayed_outputs(3, 5, make, 2, generator(0)).round(12).tolist()
    [1.0, 0.125, 0.015625]
    """
    if min(depth, width, steps) < 1:
        raise ValueError(f"depth {depth}, width {width}, steps {steps}: allowed 1 or more")
    layers = shapes.dense_layers([8, *[width] * (depth - 1), 1])
    model = modules.torch_network(layers, shapes.find_initializer("he"), random, torch.float64)
    X = torch.randn(16, 8, generator=random, dtype=torch.float64)
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    mover = make(list(model.parameters()))
    seen = np.array(modules.descend(mover, lambda: None, steps, lambda: model(X).abs().mean().item()))
    return seen / seen[0]
