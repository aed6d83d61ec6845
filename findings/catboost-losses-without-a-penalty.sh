#!/usr/bin/env bash
# CatBoost 1.2.10: l2_leaf_reg does nothing for four losses, and is undone by leaf_estimation_iterations for others.
#
# l2_leaf_reg is documented as the coefficient of the L2 term of the cost function, without a word on losses. One
# would expect 1000 to flatten the leaves of any of them. It does for RMSE. With MAE, Quantile, MAPE and LogCosh the
# leaves are the exact optima of their samples, found by a search in which the coefficient does not enter: the same
# with 0 as with 1000, and no warning. A search over l2_leaf_reg that has one of these losses compares nothing.
#
# For Logloss the coefficient only damps steps. leaf_estimation_iterations, the number of steps for one leaf, sounds
# like a matter of accuracy; but each step starts where the last one ended, with no pull towards 0, so that more of
# them lead to the optimum without the penalty and not to that with it.
#
# Seen with Python 3.11, catboost 1.2.10, one tree of two leaves, 20 samples each:
#   RMSE     0 -> 1.000 3.000    1000 -> 0.020 0.059
#   MAE      0 -> 0.974 2.974    1000 -> 0.974 2.974
#   Quantile 0 -> 0.974 2.974    1000 -> 0.974 2.974
#   MAPE     0 -> 0.974 2.974    1000 -> 0.974 2.974
#   LogCosh  0 -> 1.000 3.000    1000 -> 1.000 3.000
#   Logloss, l2_leaf_reg 3,   1 steps of the leaf: 0.750
#   Logloss, l2_leaf_reg 3,  10 steps of the leaf: 1.385
#   Logloss, l2_leaf_reg 3, 100 steps of the leaf: 1.386
#   optimum with 3: 0.773, without: 1.386
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from catboost import CatBoostClassifier, CatBoostRegressor
from scipy.optimize import brentq

x = np.repeat([0.0, 1.0], 20)[:, None]
y = np.repeat([1.0, 3.0], 20) + np.tile(np.linspace(-0.5, 0.5, 20), 2)
label = np.repeat([0, 1, 0, 1], [4, 16, 16, 4])


def leaves(model, target, **options):
    made = model(
        iterations=1, depth=1, learning_rate=1.0, boost_from_average=False, bootstrap_type="No", random_seed=0,
        thread_count=1, verbose=0, allow_writing_files=False, **options,
    )
    return made.fit(x, target).get_leaf_values()


for loss in ("RMSE", "MAE", "Quantile", "MAPE", "LogCosh"):
    none, strong = (leaves(CatBoostRegressor, y, loss_function=loss, l2_leaf_reg=value) for value in (0, 1000))
    print(f"{loss:8} 0 -> {none[0]:.3f} {none[1]:.3f}    1000 -> {strong[0]:.3f} {strong[1]:.3f}")
    assert np.abs(strong).max() < 0.1 if loss == "RMSE" else np.array_equal(none, strong), "changed"

seen = {}
for steps in (1, 10, 100):
    seen[steps] = leaves(CatBoostClassifier, label, l2_leaf_reg=3, leaf_estimation_iterations=steps)[0]
    print(f"Logloss, l2_leaf_reg 3, {steps:3} steps of the leaf: {seen[steps]:.3f}")


def slope(leaf, penalty):
    return 16 - 20 / (1 + np.exp(-leaf)) - penalty * leaf


held, free = brentq(slope, 0, 5, (3,)), brentq(slope, 0, 5, (0,))
print(f"optimum with 3: {held:.3f}, without: {free:.3f}")
assert abs(seen[1] - 0.75) < 1e-3 and abs(seen[10] - free) < 2e-3 and abs(seen[100] - free) < 1e-3, "changed"
PYTHON
