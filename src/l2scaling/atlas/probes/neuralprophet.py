"""NeuralProphet: the gradient of the penalties that a fitted model adds in the last of its epochs."""

import logging
import warnings
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralprophet import NeuralProphet, set_log_level

warnings.simplefilter("ignore")
set_log_level("ERROR")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of the sign of each weight of a part of the model."""
    part, weights = name.partition(":")[2], int(setting["weights"])
    words: dict[str, Any] = {
        "yearly_seasonality": False,
        "daily_seasonality": False,
        "weekly_seasonality": False,
    }
    words |= {"n_changepoints": weights if part == "trend_reg" else 0}
    if part != "regularization":
        words[part] = value
    model = NeuralProphet(
        epochs=1, batch_size=32, learning_rate=0.01, accelerator="cpu", **words, growth="linear"
    )
    if part == "seasonality_reg":
        model.add_seasonality("own", period=7, fourier_order=weights // 2)
    days = pd.date_range("2020-01-01", periods=100)
    frame = pd.DataFrame({"ds": days, "y": np.sin(np.arange(100.0)) + np.arange(100.0) / 50})
    if part == "regularization":
        model.add_future_regressor("x", regularization=value, normalize="off")
        frame["x"] = np.cos(np.arange(100.0))
    torch.manual_seed(0)
    model.fit(frame, freq="D", progress=None, checkpointing=False, metrics=False, num_workers=0)
    net = model.model
    net.zero_grad()
    net._add_batch_regularizations(torch.zeros(1), 0, 1.0)[1].sum().backward()
    pulls = [(key, one, one.grad) for key, one in net.named_parameters() if one.grad is not None]
    pulls = [(key, one, pull) for key, one, pull in pulls if float(pull.abs().max()) > 0]
    assert len(pulls) == 1, [key for key, *_ in pulls]
    _, one, pull = pulls[0]
    signs = one.detach().sign()
    return {"coefficient": float((pull * signs).double().sum() / (signs != 0).sum())}
