"""PyTorch Metric Learning: the gradient that a regulariser adds to a loss's own, on weights or embeddings."""

import torch
from pytorch_metric_learning import losses, regularizers


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient on each weight, or on the norm of a class's or a sample's vector."""
    what, _, other = name.partition(":")[2].partition("_")
    power, norm = (2 if other == "power_2" else 1), (1 if other == "p_1" else 2)
    classes, size, batch = (int(setting[one]) for one in ("outputs", "dimensions", "batch_size"))
    torch.manual_seed(0)
    start = torch.randn(batch, size, dtype=torch.float64)
    weights = torch.randn(size, classes, dtype=torch.float64)
    labels = torch.arange(batch) % classes
    pulls = []
    for strength in (value, 0.0):
        penalty = regularizers.LpRegularizer(p=norm, power=power)
        loss = losses.NormalizedSoftmaxLoss(
            num_classes=classes, embedding_size=size,
            **{f"{what}_regularizer": penalty, f"{what}_reg_weight": strength},
        )  # fmt: skip
        loss.W.data = weights.clone()
        embeddings = start.clone().requires_grad_()
        asked = loss.W if what == "weight" else embeddings
        (pull,) = torch.autograd.grad(loss(embeddings, labels), [asked])
        pulls.append(pull.T if what == "weight" else pull)
    pull, vectors = pulls[0] - pulls[1], weights.T if what == "weight" else start
    if norm == 1:
        return {"coefficient": float((pull * vectors.sign()).mean())}
    if power == 2:
        return {"coefficient": float((pull * vectors).sum() / (vectors**2).sum())}
    return {"coefficient": float(pull.norm(dim=1).mean())}
