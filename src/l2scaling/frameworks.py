"""Other frameworks, imported where a chapter asks for them."""

import os
from types import ModuleType


def keras() -> ModuleType:
    """Return Keras on its torch backend.

    Raises ``ModuleNotFoundError`` saying how to get it, and ``RuntimeError`` if the process
    has loaded Keras with another backend already.

    >>> keras().backend.backend()
    'torch'

    Used in: initialization, counting-and-cloning.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        import keras as module
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Keras is not installed; get it with: pip install 'l2scaling[frameworks]'"
        ) from error
    backend = module.backend.backend()
    if backend != "torch":
        raise RuntimeError(f"KERAS_BACKEND is {backend!r}; allowed: torch")
    return module
