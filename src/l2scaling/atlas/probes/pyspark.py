"""Penalties of ``pyspark.ml``: the mean loss's own gradient at its optima, on one local core."""

import os
from functools import cache
from typing import Any

import numpy as np

os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
_SETTINGS = {
    "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "1g",
    "spark.sql.shuffle.partitions": "1", "spark.default.parallelism": "1",
}  # fmt: skip
_LOOSE = {"tol": 1e-12, "maxIter": 2000}


@cache
def _session() -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]")
    for key, one in _SETTINGS.items():
        builder = builder.config(key, one)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return what holds the weights, and the intercept."""
    if name.endswith("ALS"):
        return _factors(value, setting)
    from pyspark.ml import classification, linalg, regression

    session = _session()  # which the estimators ask for
    path, _, part = name.partition(":")
    model, options = path.split(".")[-1], part.split("_")
    rng = np.random.default_rng(7)
    n = int(setting["samples"])
    x = rng.normal(size=(n, 3))
    taken = 0 if "normal" in options else 1  # which the solvers take off N in a variance
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=taken)
    y: np.ndarray = x @ [1.0, -1.5, 2.0] + rng.normal(size=n)
    y = 1 + (y - y.mean()) / y.std(ddof=taken) * setting.get("target_deviation", 1.0)
    x = x * np.sqrt(setting["feature_variance"])
    penalty: dict[str, Any] = _LOOSE | {"regParam": value, "elasticNetParam": float("l1" in options)}
    penalty["standardization"] = "raw" not in options
    if model == "LogisticRegression":
        y = (y + rng.normal(size=n) > 1) * 1.0
        made = classification.LogisticRegression(**penalty)
    elif model == "GeneralizedLinearRegression":
        y = np.floor(np.exp(y)) if "poisson" in options else (y + rng.normal(size=n) > 1) * 1.0
        made = regression.GeneralizedLinearRegression(family=options[0], regParam=value, **_LOOSE)
    else:
        solver = "normal" if "normal" in options else "l-bfgs"
        made = regression.LinearRegression(**penalty, solver=solver)
    rows = [(float(one), linalg.Vectors.dense(row)) for one, row in zip(y, x, strict=True)]
    fit = made.fit(session.createDataFrame(rows, ["label", "features"]).coalesce(1).cache())
    w = fit.coefficients.toArray()
    mean = x @ w + fit.intercept
    if model == "LogisticRegression" or "binomial" in options:
        mean = 1 / (1 + np.exp(-mean))
    elif "poisson" in options:
        mean = np.exp(mean)
    pull, bias = x.T @ (y - mean) / n, {"bias": float(abs((y - mean).mean()))}
    if "l1" in options:
        return {"coefficient": float(np.abs(pull[np.abs(w) > 1e-6]).mean())} | bias
    if model == "GeneralizedLinearRegression":
        bias["working_weight"] = float((mean if "poisson" in options else mean * (1 - mean)).mean())
    return {"coefficient": float(pull @ w / (w @ w))} | bias


def _factors(value: float, setting: dict[str, float]) -> dict[str, float]:
    """Take the users' factors, which are the last that the algorithm solves for."""
    session = _session()
    from pyspark.ml.recommendation import ALS

    n, each = int(setting["samples"]), int(setting["ratings"])
    rng = np.random.default_rng(7)
    taken = [(user, int(item)) for user in range(n // each) for item in rng.permutation(24)[:each]]
    table = [(*one, float(rng.uniform(1, 5))) for one in taken]
    made = ALS(
        rank=int(setting["dimensions"]), regParam=value, maxIter=3, seed=7, numUserBlocks=1, numItemBlocks=1
    )
    fit = made.fit(session.createDataFrame(table, ["user", "item", "rating"]).coalesce(1))
    users, items = (
        {row.id: np.array(row.features) for row in one.collect()}
        for one in (fit.userFactors, fit.itemFactors)
    )
    w = users[0]
    pull = sum(items[item] * (rating - items[item] @ w) for user, item, rating in table if user == 0) / n
    return {"coefficient": float(pull @ w / (w @ w))}
