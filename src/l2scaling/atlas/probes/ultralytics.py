"""The weight_decay of ultralytics: what the optimiser takes that its trainer builds, without any data."""

from typing import Any

import torch

_operators: Any = torch.library
_operators = _operators.Library("torchvision", "DEF")  # which a torchvision beside a torch for CPUs lacks
for _one in ("nms", "qnms"):
    _operators.define(f"{_one}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from ultralytics.cfg import get_cfg
from ultralytics.engine.trainer import BaseTrainer


class Loader:
    sampler, dataset, drop_last = range(640), range(640), True

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def __len__(self) -> int:
        return 640 // self.batch_size


class Trainer(BaseTrainer):  # type: ignore[misc]
    def __init__(self, decay: float, batch: int, rate: float, model: torch.nn.Module) -> None:
        given = {"weight_decay": decay, "batch": batch, "optimizer": "SGD", "lr0": rate}
        self.args, self.batch_size, self.world_size = get_cfg(overrides=given), batch, 1
        self.data, self.stride, self.epochs, self.start_epoch = {"train": None, "val": None}, 32, 1, 0
        self.optimizer: Any = None
        self.model, self.plots = model, False

    def get_dataloader(self, *_: Any, **__: Any) -> Any:
        return Loader(self.batch_size)

    def _setup_scheduler(self) -> None:
        pass


def lost(decay: float, setting: dict[str, float]) -> list[float]:
    torch.manual_seed(0)
    rate, model = (
        setting["learning_rate"],
        torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)),
    )
    model.double()
    for one in model.parameters():
        torch.nn.init.normal_(one)
        one.grad = torch.zeros_like(one)
    before = [one.detach().clone() for one in model.parameters()]
    trainer = Trainer(decay, int(setting["batch_size"]), rate, model)
    trainer._build_train_pipeline()
    for group in trainer.optimizer.param_groups:
        group["momentum"], group["nesterov"] = 0.0, False
    trainer.optimizer.step()
    pairs = zip(before, model.parameters(), strict=True)
    return [float(((one - other.detach()) * one).sum() / (one**2).sum()) / rate for one, other in pairs]


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficients of a matrix, a bias and the gain of a BatchNorm in one step."""
    weight, bias, gain, _ = lost(value, setting)
    return {"coefficient": weight, "bias": bias, "gain": gain}
