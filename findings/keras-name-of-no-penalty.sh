#!/usr/bin/env bash
# Keras 3.15.1 has a name for a regulariser that penalises nothing, and rejects the one it documents.
#
# The description of L1L2 says that a layer takes kernel_regularizer="l1_l2", with 0.01 for both parts. That name
# raises an error, although keras.regularizers.l1_l2 exists. The spellings that look like the fix for it, "l1l2"
# and the name of the class, "L1L2", are accepted and make an object whose two parts are 0. The layer trains
# without any penalty and reports a regulariser. "l1" and "l2" give 0.01, as described.
#
# Seen with Python 3.11, keras 3.15.1, its numpy backend, which needs jax to be installed; penalty of four ones:
#   l1    -> 0.04
#   l2    -> 0.04
#   l1l2  -> 0.0
#   L1L2  -> 0.0
#   l1_l2 -> ValueError
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 numpy==2.4.6 scipy==1.17.1 jax==0.10.2
KERAS_BACKEND=numpy KERAS_HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np


def penalty(name):
    """What a layer with four weights of one adds to the loss."""
    try:
        layer = keras.layers.Dense(2, kernel_initializer="ones", kernel_regularizer=name)
    except ValueError as error:
        return type(error).__name__
    layer.build((None, 2))
    return round(float(np.sum(layer.losses)), 6)


seen = {name: penalty(name) for name in ("l1", "l2", "l1l2", "L1L2", "l1_l2")}
for name, value in seen.items():
    print(f"{name:5} -> {value}")
assert seen == {"l1": 0.04, "l2": 0.04, "l1l2": 0.0, "L1L2": 0.0, "l1_l2": "ValueError"}, "changed"
PYTHON
