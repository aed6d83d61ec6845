"""Losses of dense networks: targets, value and derivative, as ``torch.nn`` defines them."""

from typing import Any

import torch
from torch import Tensor

LOSSES = ("mean-squared", "half-squared", "binary", "softmax")
"""``torch.nn``'s MSELoss; half the squared error summed over outputs, mean over samples;
BCEWithLogitsLoss; CrossEntropyLoss."""


def as_targets(y: Any, outputs: int, loss: str) -> Tensor:
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


def error_signal(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    """Overwrite outputs ``(..., N, K)`` with the derivative of each sample's loss in them; return them."""
    if loss == "softmax":  # along columns: torch is slow where the last dimension is short
        outputs.copy_(torch.softmax(outputs.mT, -2).mT)
    elif loss == "binary":
        outputs.sigmoid_()
    outputs.sub_(targets)
    if loss == "mean-squared":
        outputs.mul_(2 / outputs.shape[-1])
    elif loss == "binary":
        outputs.div_(outputs.shape[-1])
    return outputs


def mean_loss(outputs: Tensor, targets: Tensor, loss: str) -> Tensor:
    if loss == "softmax":
        return torch.nn.functional.cross_entropy(outputs, targets)
    if loss == "binary":
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, targets)
    mean = torch.nn.functional.mse_loss(outputs, targets)
    return mean if loss == "mean-squared" else mean * (outputs.shape[1] / 2)
