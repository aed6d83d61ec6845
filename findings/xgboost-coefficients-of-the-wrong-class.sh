#!/usr/bin/env bash
# XGBoost 3.2.0 files the coefficients of a linear model of several classes under the wrong classes.
#
# XGBClassifier(booster="gblinear").coef_ is documented as an array of classes by features, as in scikit-learn,
# and has that shape. The booster keeps its weights feature by feature, all classes of one feature in a row;
# coef_ cuts this list into rows as if it went class by class. So the entries are the right numbers, in a table
# of the right shape, at the wrong places, whenever there are three classes or more. predict is not affected.
# A norm over all entries comes out right; one by class or by feature does not.
#
# The slope of each class's margin, from predictions at the origin and one unit along each feature, shows which
# number belongs where: the list reshaped to features by classes, and then transposed.
#
# Seen with Python 3.11, xgboost-cpu 3.2.0. Class 0 was made to grow with x1, class 1 with x2, class 2 with neither:
#   class 0: coef_  1.555 -0.079   slopes  1.555 -0.137
#   class 1: coef_ -1.469 -0.137   slopes -0.079  1.504
#   class 2: coef_  1.504 -1.432   slopes -1.469 -1.432
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import xgboost

rng = np.random.default_rng(0)
x = rng.normal(size=(300, 2))
scores = x @ np.array([[2.0, 0.0, -2.0], [0.0, 2.0, -2.0]])
label = (scores + rng.gumbel(size=(300, 3))).argmax(axis=1)
model = xgboost.XGBClassifier(
    booster="gblinear", updater="coord_descent", feature_selector="cyclic",
    n_estimators=50, learning_rate=0.5, reg_lambda=0.01, n_jobs=1,
).fit(x, label)

origin, *units = model.predict(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), output_margin=True)
slopes = (np.array(units) - origin).T
for which, (said, found) in enumerate(zip(model.coef_, slopes)):
    print(f"class {which}: coef_ {said[0]:6.3f} {said[1]:6.3f}   slopes {found[0]:6.3f} {found[1]:6.3f}")
assert model.coef_.shape == slopes.shape == (3, 2), "changed"
assert not np.allclose(model.coef_, slopes, atol=0.5), "changed"
assert np.allclose(model.coef_.reshape(2, 3).T, slopes, atol=1e-4), "changed"
PYTHON
