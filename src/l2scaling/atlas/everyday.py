"""The arguments that the threads and most people use: those that the chapters measure and compare."""

from l2scaling.atlas.conventions import Convention, find

EVERYDAY = (
    "torch.optim.SGD", "torch.optim.Adam", "torch.optim.AdamW",
    "keras.regularizers.L2", "keras.regularizers.L1",
    "keras.regularizers.L1L2:l1", "keras.regularizers.L1L2:l2",
    "keras.optimizers.SGD", "keras.optimizers.Adam", "keras.optimizers.AdamW",
    "optax.add_decayed_weights", "optax.adamw",
    "sklearn.linear_model.Ridge", "sklearn.linear_model.Lasso",
    "sklearn.linear_model.ElasticNet:l1", "sklearn.linear_model.ElasticNet:l2",
    "sklearn.linear_model.LogisticRegression",
    "sklearn.linear_model.SGDClassifier", "sklearn.linear_model.SGDRegressor",
    "sklearn.neural_network.MLPClassifier", "sklearn.neural_network.MLPRegressor",
    "xgboost.XGBRegressor", "lightgbm.LGBMRegressor",
)  # fmt: skip
"""Their names, chosen before the atlas grew."""


def everyday() -> list[Convention]:
    """Return their rows.

    >>> everyday()[0].name, len(everyday())
    ('torch.optim.SGD', 23)
    """
    return [find(name) for name in EVERYDAY]
