#!/usr/bin/env bash
# scikit-learn 1.9.1: one sample more can make the L2 penalty of a neural network 41 times as strong.
#
# The documentation of MLPRegressor and MLPClassifier says that alpha's term is divided by the sample size when it
# is added to the loss. One would take this for the number of samples in the training set. It is that of the batch
# at hand, so a step with a batch of B takes the share rate x alpha / B off each weight. And the last batch of an
# epoch, which has what is left over, pulls as much harder as it is shorter: with batches of 200, the default, a
# training set of 1001 samples ends each epoch with a batch of one, whose single step decays the weights as much
# as 200 others do. Nor is alpha comparable between sizes of batches: an epoch over 1000 samples takes off 25 times
# as much with batches of 200 as with one of 1000.
#
# All inputs are 0 below, so that the first layer moves by its penalty only: share taken off in one epoch of plain
# SGD, in units of rate x alpha.
#
# Seen with Python 3.11, scikit-learn 1.9.1:
#   1000 samples, batches of 1000: 0.0010
#   1000 samples, batches of  200: 0.0250
#   1001 samples, batches of  200: 1.0250
#   1199 samples, batches of  200: 0.0300
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from sklearn.neural_network import MLPRegressor


def weights(samples, batch, alpha):
    """The first layer after one epoch without any input."""
    model = MLPRegressor(
        hidden_layer_sizes=(3,), solver="sgd", learning_rate_init=0.1, momentum=0.0, alpha=alpha,
        batch_size=batch, max_iter=1, random_state=0,
    )
    return model.fit(np.zeros((samples, 2)), np.zeros(samples)).coefs_[0]


def share(samples, batch):
    rate, alpha = 0.1, 0.001
    kept = (weights(samples, batch, alpha) / weights(samples, batch, 0.0)).mean()
    found = (1 - kept) / (rate * alpha)
    print(f"{samples} samples, batches of {batch:4}: {found:.4f}")
    return found


seen = [share(*one) for one in ((1000, 1000), (1000, 200), (1001, 200), (1199, 200))]
assert np.allclose(seen, [1 / 1000, 5 / 200, 5 / 200 + 1, 5 / 200 + 1 / 199], rtol=1e-3), "changed"
PYTHON
