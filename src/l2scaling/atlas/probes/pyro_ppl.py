"""Pyro: which data gradient stops a weight under ClippedAdam, and the pull of a prior on a sampled weight."""

import pyro
import pyro.distributions
import pyro.optim.clipped_adam
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoDelta


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of a vector of weights."""
    weights = int(setting["weights"])
    start = torch.linspace(0.5, 2.0, weights, dtype=torch.float64) * (1 - 2 * (torch.arange(weights) % 2))
    if "distributions" in name:
        return {"coefficient": _prior(value, int(setting["samples"]), start)}
    low, high = 1e-6, 10.0
    for _ in range(50):  # the c of the data gradient −c·w that keeps the weights where they are
        middle = (low * high) ** 0.5
        made = torch.nn.Parameter(start.clone())
        optimizer = pyro.optim.clipped_adam.ClippedAdam(
            [made], lr=setting["learning_rate"], weight_decay=value
        )
        for _ in range(int(setting["steps"])):
            before = made.detach().clone()
            made.grad = -middle * before
            optimizer.step()
        low, high = (low, middle) if ((before - made.detach()) * start).sum() <= 0 else (middle, high)
    return {"coefficient": middle}


def _prior(value: float, samples: int, start: torch.Tensor) -> float:
    """Return the pull of a normal prior at the weights, by its share in the loss of inference."""
    torch.manual_seed(0)
    inputs = torch.randn(samples, len(start), dtype=torch.float64)
    targets = inputs.sum(1)

    def model(scale: float) -> None:
        zeros = torch.zeros(len(start), dtype=torch.float64)
        weights = pyro.sample("w", pyro.distributions.Normal(zeros, scale).to_event(1))
        with pyro.plate("data", samples):
            pyro.sample("y", pyro.distributions.Normal(inputs @ weights, 1.0), obs=targets)

    pulls = []
    for scale in (value**0.5, 1e9):
        pyro.clear_param_store()
        guide = AutoDelta(model, init_loc_fn=lambda _: start.clone())
        guide(scale)
        SVI(model, guide, pyro.optim.SGD({"lr": 0.0}), Trace_ELBO())  # checks that they fit together
        loss = Trace_ELBO().differentiable_loss(model, guide, scale)
        (pull,) = torch.autograd.grad(loss, list(guide.parameters()))
        pulls.append(pull / samples)
    return float(((pulls[0] - pulls[1]) * start).sum() / (start**2).sum())
