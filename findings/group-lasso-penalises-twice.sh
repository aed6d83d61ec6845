#!/usr/bin/env bash
# group-lasso 1.5.0 stops where its penalty counts twice, which is no minimum of the loss it reports.
#
# GroupLasso has a method loss(X, y): half the mean squared error plus group_reg times the norms of the groups.
# One would expect fit to minimise it. Its solver moves along half of the gradient, as for a loss without the
# half in front, and applies the proximal step of the whole penalty. The fit therefore ends where 2 x group_reg
# holds the weights, however long it runs and however small tol is; l1_reg is doubled with it. Putting the true
# minimum into coef_ by hand lowers the model's own loss, and a group_reg of half the size finds that minimum.
#
# The columns below are orthogonal with a mean square of 1 and y = 3 x1 + 4 x2, so the length of the group is
# 5 - group_reg at the minimum.
#
# Seen with Python 3.11, group-lasso 1.5.0:
#   group_reg 1.0: length 3.000, own loss 5.000; at the minimum 4.000, own loss 4.500
#   group_reg 2.0: length 1.000, own loss 10.000; at the minimum 3.000, own loss 8.000
#   group_reg 0.5: length 4.000
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check group-lasso==1.5.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from group_lasso import GroupLasso

count = 64
rng = np.random.default_rng(0)
basis, _ = np.linalg.qr(np.c_[np.ones(count), rng.normal(size=(count, 4))])
x = basis[:, 1:] * np.sqrt(count)
true = np.array([[3.0], [4.0], [0.0], [0.0]])
y = x @ true


def fitted(value):
    model = GroupLasso(
        groups=[0, 0, 1, 1], group_reg=value, l1_reg=0.0, scale_reg="none",
        n_iter=5000, tol=1e-12, supress_warning=True,
    ).fit(x, y)
    return model, np.linalg.norm(model.coef_)


for value in (1.0, 2.0):
    model, length = fitted(value)
    reported = model.loss(x, y)
    model.coef_ = true * (5 - value) / 5
    best = model.loss(x, y)
    ended = f"length {length:.3f}, own loss {reported:.3f}"
    print(f"group_reg {value}: {ended}; at the minimum {5 - value:.3f}, own loss {best:.3f}")
    assert abs(length - (5 - 2 * value)) < 1e-3 and reported > best + 0.4, "changed"
_, length = fitted(0.5)
print(f"group_reg 0.5: length {length:.3f}")
assert abs(length - 4) < 1e-3, "changed"
PYTHON
