"""The optimizer__weight_decay of ``skorch``: what the first batch of a fit takes by it."""

import numpy as np
import skorch
import torch


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix and a bias."""
    size, rate = int(setting["batch_size"]), setting["learning_rate"]
    rng, shape = np.random.default_rng(0), (int(setting["features"]), int(setting["outputs"]))
    made = torch.optim.AdamW if name.endswith("AdamW") else torch.optim.SGD

    def fitted(decay: float, epochs: int) -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = skorch.NeuralNet(
            torch.nn.Linear(*shape).double(), torch.nn.MSELoss, optimizer=made, lr=rate, max_epochs=epochs,
            optimizer__weight_decay=decay, batch_size=size, train_split=None, verbose=0,
        )  # fmt: skip
        net.fit(inputs, targets)
        return [one.detach().clone() for one in net.module_.parameters()]

    inputs, targets = rng.normal(size=(size, shape[0])), rng.normal(size=(size, shape[1]))
    sets = zip(fitted(value, 0), fitted(value, 1), fitted(0.0, 1), strict=True)
    shares = [float(((bare - one) * old).sum() / old.square().sum()) / rate for old, one, bare in sets]
    return dict(zip(("coefficient", "bias"), shares, strict=True))
