#!/usr/bin/env bash
# statsmodels 0.15.0 fits another ridge at L1_wt=0 than at L1_wt=1e-9, and it depends on the unit of y.
#
# GLM.fit_regularized minimises -loglike/n plus alpha times a mixture of both norms, L1_wt being the share of the
# L1 norm. One would expect 0 and a billionth to give the same coefficients. For the normal family they do not:
# L1_wt=0 goes to a solver of its own, in which the likelihood has its variance estimated anew at every point,
# while any other share holds it at 1. The loss so becomes the logarithm of the squared error, and alpha weighs
# about as much as alpha times the variance of the residuals would. Multiplying y by ten, which multiplies the
# coefficients of a ridge regression by ten, then makes them smaller instead. OLS.fit_regularized, the same model
# by another door, has no such step at 0, nor has a family without a variance, such as Poisson. At times a warning
# says that the solver's gradient has not vanished; the minimum that it misses is off just as far.
#
# Seen with Python 3.11, statsmodels 0.15.0, alpha=0.5, warnings left out:
#   GLM, y     L1_wt 0    :  0.283 -0.128  0.388
#   GLM, y     L1_wt 1e-09:  0.307 -0.144  0.421
#   GLM, 10 y  L1_wt 0    :  0.059 -0.016  0.065
#   GLM, 10 y  L1_wt 1e-09:  3.067 -1.439  4.214
#   OLS, 10 y  L1_wt 0    :  3.067 -1.439  4.214
#   OLS, 10 y  L1_wt 1e-09:  3.067 -1.439  4.214
#   Poisson    L1_wt 0    :  0.346 -0.440  0.364
#   Poisson    L1_wt 1e-09:  0.346 -0.440  0.364
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import statsmodels.api as sm

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
x = rng.normal(size=(60, 3))
mean = x @ [0.5, -0.4, 0.3]
y = mean + rng.normal(size=60)
counts = rng.poisson(np.exp(mean))
families = {"normal": sm.families.Gaussian(), "Poisson": sm.families.Poisson()}


def fitted(name, target, family, share):
    model = sm.GLM(target, x, family=families[family]) if family else sm.OLS(target, x)
    w = model.fit_regularized(alpha=0.5, L1_wt=share).params
    print(f"{name:10} L1_wt {share:<5}: " + " ".join(f"{one:6.3f}" for one in w))
    return w


def pair(name, target, family=None):
    return [fitted(name, target, family, share) for share in (0, 1e-9)]


plain, mixed = pair("GLM, y", y, "normal")
plain_ten, mixed_ten = pair("GLM, 10 y", 10 * y, "normal")
ols = pair("OLS, 10 y", 10 * y)
poisson = pair("Poisson", counts, "Poisson")

ridge = np.linalg.solve(x.T @ x / 60 + 0.5 * np.eye(3), x.T @ y / 60)
assert np.allclose(mixed, ridge, atol=1e-6) and np.allclose(mixed_ten, 10 * ridge, atol=1e-5), "changed"
assert np.abs(plain_ten).max() < np.abs(plain).max() and np.abs(plain - ridge).max() > 0.01, "changed"
assert np.allclose(ols, 10 * ridge, atol=1e-5) and np.allclose(*poisson, atol=1e-3), "changed"
PYTHON
