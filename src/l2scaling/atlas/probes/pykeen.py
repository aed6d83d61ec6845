"""PyKEEN: the gradient of a regulariser on the embeddings of a mini-batch."""

import pykeen.regularizers
import torch


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient on each number of an embedding, or on the norm of a row."""
    path, _, part = name.partition(":")
    torch.manual_seed(0)
    start = torch.rand(int(setting["batch_size"]), int(setting["dimensions"]), dtype=torch.float64) + 0.5
    start.requires_grad_()
    norm = 1.0 if part.startswith("p_1") else 2.0
    made = getattr(pykeen.regularizers, path.rpartition(".")[2])
    penalty = made(weight=value, p=norm, normalize=part.endswith("normalize"))
    penalty.update(start)
    (pull,) = torch.autograd.grad(penalty.pop_regularization_term(), [start])
    start = start.detach()
    if norm == 1:
        return {"coefficient": float((pull * start.sign()).mean())}
    if "PowerSum" in path:
        return {"coefficient": float((pull * start).sum() / (start**2).sum())}
    return {"coefficient": float(pull.norm(dim=1).mean())}
