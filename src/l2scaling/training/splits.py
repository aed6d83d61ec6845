"""Splits: a data set cut into training and validation samples, ready to train on."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from l2scaling import datasets
from l2scaling.laws.shapes import Layer, multilayer
from l2scaling.training.ensembles import Networks

COMPONENTS = 64
"""Inputs with more features are projected to as many principal components of the training part."""

MOST_VALIDATION = 2000
FEWEST_VALIDATION = 100
"""Bounds on the samples kept to judge a network; one that leaves fewer is refused."""


class Split(NamedTuple):
    """What one repetition trains on and is judged by; validation targets are never noisy."""

    X: np.ndarray
    y: np.ndarray
    X_validation: np.ndarray
    y_validation: np.ndarray
    classes: int | None

    def judge(self, nets: Networks) -> dict[str, Tensor]:
        """Return each network's loss and share of right classes on what was kept, both of shape ``(m,)``.

        For a real target the accuracy is not a number.
        """
        losses = nets.data_loss(self.X_validation, self.y_validation)
        if self.classes is None:
            return {"loss": losses, "accuracy": torch.full_like(losses, torch.nan)}
        chosen = nets.outputs(self.X_validation).argmax(2)
        right = chosen == torch.as_tensor(self.y_validation, device=chosen.device)
        return {"loss": losses, "accuracy": right.to(losses.dtype).mean(1)}


@lru_cache(maxsize=64)
def make_split(data: str, samples: int, noise: float, seed: int, repetition: int) -> Split:
    """Split a data set at random, shuffle a share of the training targets, and project wide inputs.

    The ``samples`` training rows of a smaller split are the first of a larger one's. Of them a share
    ``noise`` is drawn, and their targets change places at random, which serves classes and real
    targets alike. Inputs of more than 64 features become the leading principal components of the
    training part, scaled by one common factor to a mean square of one.
    Raises ``ValueError`` for a noise outside 0 to 1, or samples that leave too few for validation.

    >>> one = make_split("diabetes", 256, 0.2, seed=0, repetition=0)
    >>> one.X.shape, one.X_validation.shape, one.classes
    ((256, 10), (186, 10), None)
    >>> make_split("diabetes", 400, 0.2, seed=0, repetition=0)
    Traceback (most recent call last):
        ...
    ValueError: samples 400 of diabetes: allowed 2 to 342, so that 100 are left to judge by
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise {noise}: allowed 0 to 1")
    source = loaded(data)
    most = largest_training_set(data)
    if not 2 <= samples <= most:
        raise ValueError(
            f"samples {samples} of {data}: allowed 2 to {most}, "
            f"so that {FEWEST_VALIDATION} are left to judge by"
        )
    order = np.random.default_rng([seed, repetition, 0]).permutation(len(source.X))
    chosen, kept = order[:samples], order[samples:][-MOST_VALIDATION:]
    X, X_validation = _projected(source.X[chosen], source.X[kept])
    y = source.y[chosen].copy()
    random = np.random.default_rng([seed, repetition, 1])
    noisy = random.permutation(samples)[: round(noise * samples)]
    y[noisy] = y[random.permutation(noisy)]
    return Split(X, y, X_validation, source.y[kept], source.classes)


def largest_training_set(data: str) -> int:
    """Return how many rows of a data set can be trained on so that enough are left to judge by.

    >>> largest_training_set("breast-cancer")
    469
    """
    return len(loaded(data).X) - FEWEST_VALIDATION


def layers_for(data: str, width: int, depth: int) -> list[Layer]:
    """Return the weight layers of a network for the inputs and outputs of a split data set.

    >>> sum(layer.count for layer in layers_for("digits", width=16, depth=2))
    1184
    """
    source = loaded(data)
    return multilayer(min(source.X.shape[1], COMPONENTS), width, source.classes or 1, depth)


@lru_cache(maxsize=8)
def loaded(data: str) -> datasets.Dataset:
    return datasets.load(data)


def _projected(X: np.ndarray, X_validation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if X.shape[1] <= COMPONENTS:
        return X, X_validation
    centre = X.mean(axis=0)
    axes = np.linalg.svd(X - centre, full_matrices=False)[2][:COMPONENTS].T
    projected = (X - centre) @ axes
    scale = np.sqrt((projected**2).mean())
    return projected / scale, (X_validation - centre) @ axes / scale
