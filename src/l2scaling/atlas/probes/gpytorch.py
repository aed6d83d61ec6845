"""GPyTorch: the gradient that a prior adds to an objective, on the weights of a mean function."""

import gpytorch
import torch


class _Exact(gpytorch.models.ExactGP):  # type: ignore[misc]
    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor, likelihood: object) -> None:
        super().__init__(inputs, targets, likelihood)
        self.mean_module = gpytorch.means.LinearMean(inputs.shape[1])
        self.covar_module = gpytorch.kernels.RBFKernel()

    def forward(self, inputs: torch.Tensor) -> object:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(inputs), self.covar_module(inputs))


class _Variational(gpytorch.models.ApproximateGP):  # type: ignore[misc]
    def __init__(self, inputs: torch.Tensor) -> None:
        points = gpytorch.variational.CholeskyVariationalDistribution(5)
        super().__init__(gpytorch.variational.VariationalStrategy(self, inputs[:5], points))
        self.mean_module = gpytorch.means.LinearMean(inputs.shape[1])
        self.covar_module = gpytorch.kernels.RBFKernel()

    forward = _Exact.forward


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of the weights and of the bias of a linear mean."""
    samples, features = int(setting["samples"]), int(setting["features"])
    torch.manual_seed(samples)
    inputs = torch.randn(samples, features, dtype=torch.float64)
    targets = inputs.sum(1) + torch.randn(samples, dtype=torch.float64)
    start = torch.linspace(0.5, 2.0, features, dtype=torch.float64)[:, None]
    pulls = []
    for prior in (True, False):
        likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
        if variational := "VariationalELBO" in name:
            model = _Variational(inputs).double()
            loss = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=samples)
        else:
            model = _Exact(inputs, targets, likelihood).double()
            loss = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
        model.mean_module.weights.data = start.clone()
        model.mean_module.bias.data.fill_(1.5)
        if prior:
            for one in ("weights", "bias"):
                normal = gpytorch.priors.NormalPrior(0.0, torch.tensor(value**0.5, dtype=torch.float64))
                model.mean_module.register_prior(f"{one}_prior", normal, one)
        model.train()
        torch.manual_seed(1)  # the points of a variational model begin with a little noise
        batch = slice(0, int(setting["batch_size"]) if variational else samples)
        (-loss(model(inputs[batch]), targets[batch])).sum().backward()
        pulls.append([one.grad for one in (model.mean_module.weights, model.mean_module.bias)])
    weights, bias = ((one - two) for one, two in zip(*pulls, strict=True))
    return {"coefficient": float((weights * start).sum() / (start**2).sum()), "bias": float(bias.sum() / 1.5)}
