"""Pykan: the gradient that its penalties have on the coefficients of the splines of a network's edges."""

import warnings

import kan
import torch


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of the sign of each coefficient of a spline."""
    inputs, outputs, grid = int(setting["features"]), int(setting["outputs"]), int(setting["weights"]) - 3
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    model = kan.KAN(width=[inputs, outputs], grid=grid, k=3, seed=0, auto_save=False)
    model(torch.rand(20, inputs))
    model.reg("edge_forward_spline_n", 0.0, 0.0, value, 0.0).backward()
    spline = model.act_fun[0].coef
    return {"coefficient": float((spline.grad * spline.detach().sign()).double().mean())}
