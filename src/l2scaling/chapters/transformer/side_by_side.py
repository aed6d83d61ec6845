"""Many small language models trained side by side, each with its own start, text and λ.

One forward and backward pass, vectorised by ``torch.func.vmap``, serves all members, and one step of
``torch.optim.AdamW`` on stacked parameters; decay alone differs between members.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from l2scaling.chapters.transformer.groups import KINDS, kind_of
from l2scaling.chapters.transformer.model import CharacterModel, Shape, begin
from l2scaling.schedules import schedule
from l2scaling.seeds import generator
from l2scaling.training.orthogonal import adjustment, newton_schulz

OPTIMIZERS = ("adamw", "muon")
WARM = 0.05
"""Share of the steps in which the rate rises, while half a cosine takes it to zero."""

MUON_MOMENTUM = 0.95

ADAMW = partial(torch.optim.AdamW, fused=True)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    ``rate`` is AdamW's. Under ``muon`` matrices in blocks are trained by Muon with ``muon_rate``, all
    else by AdamW. ``slower`` divides the rates of matrices and of the head. λ acts on parameters of the
    kinds ``decayed``, decoupled, in proportion to each one's own rate. Raises ``ValueError`` naming the
    value and what is allowed.

    >>> round(Recipe(steps=300).decay_times(1.0), 2)
    1.44
    >>> Recipe(optimizer="lion")
    Traceback (most recent call last):
        ...
    ValueError: optimizer 'lion' is unknown; allowed: adamw, muon
    """

    steps: int = 300
    batch_size: int = 8
    optimizer: str = "adamw"
    rate: float = 0.01
    muon_rate: float = 0.02
    slower: float = 1.0
    decayed: tuple[str, ...] = ("matrices", "head")

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer {self.optimizer!r} is unknown; allowed: {', '.join(OPTIMIZERS)}")
        if unknown := [one for one in self.decayed if one not in KINDS]:
            raise ValueError(f"decayed {unknown[0]!r} is unknown; allowed: {', '.join(KINDS)}")

    def moments(self) -> np.ndarray:
        """Return by what all rates are multiplied, step by step: warm-up times half a cosine.

        >>> Recipe(steps=4).moments().round(3).tolist()
        [1.0, 0.854, 0.5, 0.146]
        """
        warm = max(1, round(WARM * self.steps))
        return np.minimum(1, np.arange(1, self.steps + 1) / warm) * schedule("cosine", self.steps)

    def by_muon(self, kind: str) -> bool:
        return self.optimizer == "muon" and kind == "matrices"

    def rate_of(self, kind: str) -> float:
        """Return the largest learning rate of a kind of parameters."""
        rate = self.muon_rate if self.by_muon(kind) else self.rate
        return rate / self.slower if kind in ("matrices", "head") else rate

    def decay_times(self, decay: float) -> float:
        r"""Return :math:`\kappa = \lambda\sum_t \eta_t` of the matrices: how many times decay has acted."""
        return decay * self.rate_of("matrices") * float(self.moments().sum())


class Together:
    """Members that train side by side; ``parameters`` are stacked, one leading entry a member.

    ``seeds`` and ``decays`` have one entry a member, ``texts`` the numbers of its characters, shape
    ``(members, N)``. A seed decides the start and, in a stream of its own, the places that are read.
    ``make`` makes the optimiser of what Muon has not.
    """

    def __init__(
        self,
        shape: Shape,
        recipe: Recipe,
        texts: Tensor,
        seeds: Sequence[int],
        decays: Sequence[float] | np.ndarray,
        make: Callable[..., torch.optim.Optimizer] = ADAMW,
    ) -> None:
        if not len(texts) == len(seeds) == len(decays) or texts.shape[-1] <= shape.context:
            raise ValueError(
                f"{len(texts)} texts of {texts.shape[-1]} characters, {len(seeds)} seeds, {len(decays)} λ: "
                f"allowed as many of each, and texts longer than the context of {shape.context}"
            )
        self.shape, self.recipe, self.texts = shape, recipe, texts
        starts = {seed: begin(shape, seed) for seed in dict.fromkeys(seeds)}
        stacked, _ = stack_module_state([starts[seed] for seed in seeds])
        self.parameters = {
            name: one.detach().to(texts.device).requires_grad_() for name, one in stacked.items()
        }
        with torch.device("meta"):
            self.skeleton = CharacterModel(shape)
        self.streams = [generator(seed, 1) for seed in seeds]
        self.decays = torch.as_tensor(np.asarray(decays), dtype=torch.float32, device=texts.device)
        self.momenta: dict[str, Tensor] = {}
        self.optimizer = make(
            [
                {"params": own, "lr": recipe.rate_of(kind), "weight_decay": 0.0}
                for kind, own in self._by_kind().items()
                if not recipe.by_muon(kind)
            ]
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

    def _by_kind(self) -> dict[str, list[Tensor]]:
        found: dict[str, list[Tensor]] = {}
        for name, one in self.parameters.items():
            found.setdefault(kind_of(name), []).append(one)
        return found

    def losses(self, windows: Tensor) -> Tensor:
        """Return each member's mean loss on its windows, ``(members, batch, context + 1)``."""

        def loss(parameters: Mapping[str, Tensor], text: Tensor) -> Tensor:
            logits = functional_call(self.skeleton, dict(parameters), (text[:, :-1],))
            return cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())

        return vmap(loss)(self.parameters, windows)

    def batch(self) -> Tensor:
        last = self.texts.shape[-1] - self.shape.context
        size = (self.recipe.batch_size, 1)
        places = torch.stack([torch.randint(last, size, generator=one) for one in self.streams])
        rows = places.to(self.texts.device) + torch.arange(self.shape.context + 1, device=self.texts.device)
        return self.texts[torch.arange(len(self.texts), device=rows.device)[:, None, None], rows]

    @torch.no_grad()
    def _decay(self, moment: float) -> None:
        for name, one in self.parameters.items():
            kind = kind_of(name)
            if kind in self.recipe.decayed:
                share = moment * self.recipe.rate_of(kind) * self.decays
                one.mul_((1 - share).view(-1, *[1] * (one.ndim - 1)))

    @torch.no_grad()
    def _muon(self, moment: float) -> None:
        """Take torch's step of Muon: Nesterov's momentum, Newton–Schulz, the rate adjusted by shape."""
        for name, one in self.parameters.items():
            kind = kind_of(name)
            if not self.recipe.by_muon(kind) or one.grad is None:
                continue
            mean = self.momenta.setdefault(name, torch.zeros_like(one))
            mean.lerp_(one.grad, 1 - MUON_MOMENTUM)
            step = newton_schulz(one.grad.lerp(mean, MUON_MOMENTUM))
            one.sub_(step, alpha=moment * self.recipe.rate_of(kind) * adjustment(one))

    def step(self, moment: float) -> None:
        """Take one step; ``moment`` multiplies all rates."""
        for one in self.parameters.values():
            one.grad = None
        self.losses(self.batch()).sum().backward()
        self._decay(moment)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = moment * rate
        self.optimizer.step()
        self._muon(moment)

    def train(self) -> None:
        for moment in self.recipe.moments().tolist():
            self.step(moment)

    @torch.no_grad()
    def judge(self, texts: Tensor, at_once: int = 64) -> np.ndarray:
        """Return each member's mean loss on all of ``texts``, ``(members, N)``, in windows side by side."""
        context = self.shape.context
        count = (texts.shape[-1] - 1) // context
        windows = torch.stack(
            [texts[:, place * context : (place + 1) * context + 1] for place in range(count)], 1
        )
        parts = [(self.losses(part), part.shape[1]) for part in windows.split(at_once, 1)]
        total: Tensor = torch.stack([loss.double() * size for loss, size in parts]).sum(0) / count
        return total.numpy(force=True)

    def sums(self) -> dict[str, np.ndarray]:
        """Return each member's sum of squares, by kind; shape ``(members,)`` each."""

        def total(own: Sequence[Tensor]) -> Tensor:
            return torch.stack([one.detach().double().square().flatten(1).sum(1) for one in own]).sum(0)

        return {kind: total(own).numpy(force=True) for kind, own in self._by_kind().items()}


def groups_of(count: int, width: int) -> Iterator[slice]:
    """Yield the members that train side by side on a CPU, where little is gained beyond width 32.

    >>> [len(range(12)[one]) for one in groups_of(12, 64)]
    [4, 4, 4]
    """
    size = max(2, 256 // width)
    for start in range(0, count, size):
        yield slice(start, start + size)
