"""A copy of a torch optimiser with its settings and a few small weights, to be stepped in its place."""

import contextlib
import copy
import random
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from l2scaling.audit.weights import small

Key = tuple[int, str, int]
"""A group's number, a kind, and a number of axes: tensors that share these share a small one."""


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Leave random states and gradient modes as they were, whatever an optimiser does with them."""
    python, legacy = random.getstate(), np.random.get_state()
    with (
        torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.enable_grad(),
        warnings.catch_warnings(action="ignore"),
    ):  # fmt: skip
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(legacy)


class Copy:
    """A copy of an optimiser, with fresh state and two small weights for each key, one twice the other.

    ``keys`` maps the id of each parameter to its key. Learning rates are ``slower`` times the optimiser's.
    Attributes that hold parameters, or optimisers as in one that wraps another, are taken along; hooks are
    not. Raises whatever a class raises that cannot be copied.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, keys: Mapping[int, Key], slower: float = 1.0
    ) -> None:
        self.weights = {key: _pair(key[2]) for key in keys.values()}
        self.optimizer = _copied(optimizer, {one: self.weights[key][0] for one, key in keys.items()})
        pairs = {id(pair[0]): pair for pair in self.weights.values()}
        for group in self.optimizer.param_groups:
            unique = {id(one): one for one in group["params"]}
            group["params"][:] = [one for first in unique for one in pairs[first]]
            for name, value in group.items():
                if isinstance(value, torch.Tensor) and value.numel() == 1:
                    group[name] = value.item()
            group.pop("param_names", None)
            if "capturable" in group:
                group["capturable"] = False
            if "lr" in group:
                group["lr"] = rate(group) * slower

    def step(self, steps: int, gradient: float | None = 0.0) -> dict[Key, np.ndarray]:
        """Step with one gradient everywhere, or with none; return the weights by key, ``(steps + 1, n)``."""
        seen = [self._now()]
        for _ in range(steps):
            for one in (one for pair in self.weights.values() for one in pair):
                one.grad = None if gradient is None else torch.full_like(one, gradient)
            try:
                self.optimizer.step()
            except TypeError:  # an optimiser that asks for the loss
                self.optimizer.step(lambda: torch.zeros((), dtype=torch.float64))
            seen.append(self._now())
        return {key: np.stack([one[key] for one in seen]) for key in self.weights}

    def _now(self) -> dict[Key, np.ndarray]:
        return {
            key: np.concatenate([one.detach().flatten().numpy() for one in pair])
            for key, pair in self.weights.items()
        }


def rate(group: Mapping[str, Any]) -> float:
    """Return the learning rate of a group, or where it starts from 0 the one that a scheduler goes up to.

    >>> rate({"lr": 0.0, "initial_lr": 0.1}), rate({"lr": torch.tensor(0.5)})
    (0.1, 0.5)
    """
    return float(group.get("lr") or group.get("initial_lr") or 0.0)


def _pair(axes: int) -> list[torch.nn.Parameter]:
    values = torch.tensor(small(axes), dtype=torch.float64, device="cpu")
    return [torch.nn.Parameter(values.clone()), torch.nn.Parameter(2 * values)]


def _copied(optimizer: Any, memo: dict[int, Any]) -> Any:
    clone = object.__new__(type(optimizer))
    memo[id(optimizer)] = clone
    kept = {name: value for name, value in vars(optimizer).items() if name != "step"}  # wrapped by schedulers
    for name, value in kept.items():
        if name == "state":
            memo[id(value)] = defaultdict(dict)
        elif name.startswith("_optimizer_") and isinstance(value, dict):
            memo[id(value)] = OrderedDict()
        elif isinstance(value, torch.optim.Optimizer) and id(value) not in memo:
            _copied(value, memo)
    vars(clone).update(copy.deepcopy(kept, memo))
    return clone
