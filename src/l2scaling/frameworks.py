"""Other frameworks, imported where a chapter asks for them."""

import os
from importlib import import_module
from types import ModuleType

FRAMEWORKS = {"keras": "Keras", "jax": "JAX", "optax": "Optax", "xgboost": "XGBoost", "lightgbm": "LightGBM"}
"""What the extra ``frameworks`` brings, with the names people say."""


class MissingFrameworkError(ModuleNotFoundError):
    """A framework that is not installed; its text says how to get it.

    A chapter that ends with it counts as a request that could not be met.
    """


def load(name: str) -> ModuleType:
    """Import a framework of the extra ``frameworks`` and return its module.

    Raises ``MissingFrameworkError`` saying how to get it, and ``ValueError`` for a name that is not
    in the extra.

    >>> load("optax").__name__
    'optax'
    """
    if name not in FRAMEWORKS:
        raise ValueError(f"framework {name!r} is unknown; allowed: {', '.join(FRAMEWORKS)}")
    if name in ("jax", "optax"):
        os.environ.setdefault("JAX_PLATFORMS", "cpu")  # else JAX looks for other processors and says so
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        needs = "" if error.name in (None, name) else f" ({error.name} is missing)"
        raise MissingFrameworkError(
            f"{FRAMEWORKS[name]} is not installed{needs}; get it with: pip install -e '.[frameworks]'"
        ) from error


def keras() -> ModuleType:
    """Return Keras on its torch backend.

    Raises ``MissingFrameworkError`` saying how to get it, and ``RuntimeError`` if another backend is
    asked for, or loaded already.

    >>> keras().backend.backend()
    'torch'
    """
    backend = os.environ.setdefault("KERAS_BACKEND", "torch")
    if backend == "torch":  # or else the import may fail for want of another framework
        module = load("keras")
        backend = module.backend.backend()
    if backend != "torch":
        raise RuntimeError(f"KERAS_BACKEND is {backend!r}; allowed: torch")
    return module
