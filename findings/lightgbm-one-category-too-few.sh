#!/usr/bin/env bash
# LightGBM 4.7.0 takes one category at a time up to one category fewer than documented, and then penalises unasked.
#
# The documentation says that a categorical feature is split one category against the rest when it has at most
# max_cat_to_onehot categories, 4 by default. The limit is compared with one bin more than there are categories, even
# without any missing value, so that the limit is in effect below 4: a feature of exactly max_cat_to_onehot
# categories is split into two sets of many. On that path another penalty is on by default, cat_l2=10, and it is
# added to reg_lambda. So a model with reg_lambda=0 and a feature of four categories has leaves of half the
# length here, and the same model with three categories has none of it.
#
# Seen with Python 3.11, lightgbm 4.7.0, 5 samples a category, reg_lambda=0, one tree with one split:
#   3 categories, limit 3: leaves  -2.500  -2.500   3.333, shrunken
#   3 categories, limit 4: leaves -10.000   5.000   5.000, means of their samples
#   4 categories, limit 4: leaves  -5.000  -5.000   5.000   5.000, shrunken
#   4 categories, limit 5: leaves -15.000   5.000   5.000   5.000, means of their samples
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import lightgbm
import numpy as np


def seen(categories, limit):
    """Whether the leaves of the only tree are shorter than the means of their samples."""
    which = np.tile(np.arange(categories), 5)
    y = 10.0 * (which - which.mean())
    model = lightgbm.LGBMRegressor(
        n_estimators=1, learning_rate=1.0, num_leaves=2, reg_lambda=0.0, max_cat_to_onehot=limit,
        boost_from_average=False, min_child_samples=1, min_data_in_bin=1, min_data_per_group=1, cat_smooth=0.0,
        n_jobs=1, verbosity=-1,
    ).fit(which[:, None], y, categorical_feature=[0])
    leaves = model.predict(np.arange(categories)[:, None])
    together = [np.isclose(leaves[which], leaf) for leaf in leaves]  # the samples of each category's leaf
    means = np.array([y[samples].mean() for samples in together])
    by_ten = np.array([y[samples].sum() / (samples.sum() + 10) for samples in together])
    shrunken = not np.allclose(leaves, means)
    values = " ".join(f"{leaf:7.3f}" for leaf in leaves)
    kind = "shrunken" if shrunken else "means of their samples"
    print(f"{categories} categories, limit {limit}: leaves {values}, {kind}")
    assert np.allclose(leaves, by_ten if shrunken else means), "changed"
    return shrunken


found = {(k, limit): seen(k, limit) for k, limit in ((3, 3), (3, 4), (4, 4), (4, 5))}
assert found == {(3, 3): True, (3, 4): False, (4, 4): True, (4, 5): False}, "changed"
PYTHON
