#!/usr/bin/env bash
# Snap ML 1.17.2 fits an intercept with its primal solver and then reports and predicts with 0 in its place.
#
# LinearRegression takes fit_intercept and dual as two separate arguments, and recommends dual=True only where
# there are more samples than features. One would expect both solvers to end at the same ridge, as they solve one
# problem. The coefficients do agree, to the last digit printed, and are those of a model with an intercept. But
# with dual=False the intercept itself is gone: intercept_ is 0.0, predict leaves it out, and no warning is given.
# Coefficients from a fit with an intercept are no optimum without it, and on data with a mean of 5 the mean
# square error is 25 instead of 0.01. LogisticRegression with dual=False loses its intercept in the same way.
#
# Seen with Python 3.11, snapml 1.17.2; the last two lines are solved directly:
#   dual=True             w =  0.987 -1.977  b = 4.974  mean square 0.011
#   dual=False            w =  0.987 -1.977  b = 0.000  mean square 24.996
#   ridge with a constant w =  0.987 -1.977  b = 4.974  mean square 0.011
#   ridge without one     w =  0.479 -1.831  b = 0.000  mean square 24.737
#   logistic, dual=True   w =  2.306 -4.317  b = -1.122
#   logistic, dual=False  w =  2.306 -4.316  b = 0.000
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check snapml==1.17.2 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import snapml

rng = np.random.default_rng(0)
x = rng.normal(size=(200, 2))
y = 5 + x @ [1.0, -2.0] + 0.1 * rng.normal(size=200)
tight = {"fit_intercept": True, "regularizer": 1.0, "tol": 1e-12, "max_iter": 20000}


def show(name, w, b, error=None):
    end = "" if error is None else f"  mean square {error:.3f}"
    print(f"{name:21} w = {w[0]:6.3f} {w[1]:6.3f}  b = {b:.3f}{end}")


def fitted(model, target, dual):
    made = model(dual=dual, **tight).fit(x, target)
    return made, np.ravel(made.coef_), float(np.ravel(made.intercept_)[0])


found = {}
for dual in (True, False):
    made, w, b = fitted(snapml.LinearRegression, y, dual)
    found[dual] = w, b, np.mean((y - made.predict(x)) ** 2)
    show(f"dual={dual}", *found[dual])

wide = np.c_[x, np.ones(200)]
*w, b = np.linalg.solve(wide.T @ wide + np.eye(3), wide.T @ y)
show("ridge with a constant", w, b, np.mean((y - x @ w - b) ** 2))
alone = np.linalg.solve(x.T @ x + np.eye(2), x.T @ y)
show("ridge without one", alone, 0.0, np.mean((y - x @ alone) ** 2))

above = (y > 5.5) * 1.0
_, primal, lost = fitted(snapml.LogisticRegression, above, False)
_, both, kept = fitted(snapml.LogisticRegression, above, True)
show("logistic, dual=True", both, kept)
show("logistic, dual=False", primal, lost)

assert np.allclose(found[True][0], w, atol=1e-4) and abs(found[True][1] - b) < 1e-4, "changed"
assert np.allclose(found[False][0], w, atol=1e-4) and found[False][1] == 0 and found[False][2] > 20, "changed"
assert np.allclose(primal, both, atol=0.01) and kept < -1 and lost == 0, "changed"
PYTHON
