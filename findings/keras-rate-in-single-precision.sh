#!/usr/bin/env bash
# Keras 3.15.1 rounds the learning rate of a double-precision model to single precision.
#
# An optimiser keeps its rate as a variable of the global default type, whatever the type of the weights it
# moves. So weights of float64 take steps that are off by up to 6e-8 of themselves, and a decoupled decay,
# which is multiplied by the same rate, with them. Two frameworks that agree to 1e-15 on the gradient then
# disagree in the eighth digit of the weight, and only where the rate is no multiple of a power of two.
#
# Seen with Python 3.11, keras 3.15.1, its numpy backend, which needs jax to be installed; the torch backend
# does the same:
#   rate 0.1   -> -0.10000000149011612
#   rate 0.125 -> -0.125
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 numpy==2.4.6 scipy==1.17.1 jax==0.10.2
KERAS_BACKEND=numpy KERAS_HOME="$folder" "$folder/venv/bin/python" - <<'PYTHON'
import keras
import numpy as np


def step(rate):
    """The weight after one step of SGD from zero, with a gradient of one."""
    weight = keras.Variable(np.zeros(1), dtype="float64")
    keras.optimizers.SGD(rate).apply([np.ones(1)], [weight])
    return float(weight.numpy()[0])


seen = {rate: step(rate) for rate in (0.1, 0.125)}
for rate, weight in seen.items():
    print(f"rate {rate:<5} -> {weight!r}")
assert seen == {0.1: -float(np.float32(0.1)), 0.125: -0.125}, "changed"
PYTHON
