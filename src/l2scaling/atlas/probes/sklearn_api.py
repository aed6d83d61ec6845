"""Penalties of scikit-learn: what balances the data's pull where a fit ended, and what a step takes."""

import importlib
import warnings
from typing import Any

import numpy as np
from sklearn import gaussian_process, kernel_ridge

warnings.filterwarnings("ignore")
Array = np.ndarray
EXACT: dict[str, dict[str, Any]] = {
    "Ridge": {"solver": "cholesky"}, "RidgeClassifier": {"solver": "cholesky"},
    "LogisticRegression": {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000},
    "LogisticRegressionCV": {
        "solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000, "l1_ratios": (0.0,), "cv": 2,
        "scoring": "neg_log_loss", "use_legacy_attributes": False,
    },
    # tighter than this, the coordinates that liblinear left aside can stay aside for good
    "LinearSVC": {"tol": 1e-10, "max_iter": 100_000, "dual": True, "random_state": 0},
    "LinearSVR": {"tol": 1e-10, "max_iter": 100_000, "dual": True, "random_state": 0},
    "SVC": {"kernel": "linear", "tol": 1e-9}, "SVR": {"kernel": "linear", "tol": 1e-9},
    "NuSVR": {"kernel": "linear", "tol": 1e-9, "nu": 1.0},
    "PoissonRegressor": {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000},
    "GammaRegressor": {"solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000},
    "TweedieRegressor": {
        "solver": "newton-cholesky", "tol": 1e-12, "max_iter": 1000, "power": 1.5, "link": "log"
    },
    "HuberRegressor": {"tol": 1e-10, "max_iter": 100_000},
}  # fmt: skip
for _name in ("Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"):
    EXACT[_name] = {"tol": 1e-14, "max_iter": 100_000}
    EXACT["MultiTask" + _name] = {"tol": 1e-14, "max_iter": 100_000}
SAGA = {"solver": "saga", "tol": 1e-14, "max_iter": 1_000_000, "random_state": 0}
PARTS: dict[str, dict[str, Any]] = {
    "LogisticRegression:l1": SAGA | {"l1_ratio": 1.0},
    "LogisticRegression:elasticnet_l1": SAGA, "LogisticRegression:elasticnet_l2": SAGA,
    "LogisticRegression:liblinear": {"solver": "liblinear", "tol": 1e-12},
    "LinearSVC:hinge": {"loss": "hinge"}, "LinearSVC:l1": {"penalty": "l1", "dual": False, "tol": 1e-12},
    "LinearSVR:squared": {"loss": "squared_epsilon_insensitive"},
}  # fmt: skip


def _call(path: str) -> Any:
    module, _, attribute = path.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _multiple(pull: Array, weights: Array) -> float:
    return float(np.sum(pull * weights) / np.sum(weights**2))


def _losses(model: Any, kind: str, X: Array, y: Array) -> Array:
    """Return minus the slope of each sample's loss in the output of the fitted model."""
    weights, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    out = X @ weights.T + bias
    out = out[:, 0] if y.ndim == 1 and out.shape[1] == 1 else out
    if kind.startswith("Logistic"):
        if out.ndim == 1:
            return y - 1 / (1 + np.exp(-out))
        share = np.exp(out - out.max(1, keepdims=True))
        return np.eye(out.shape[1])[y.astype(int)] - share / share.sum(1, keepdims=True)
    if kind in ("LinearSVC", "LinearSVC:l1"):
        return 2 * (2 * y - 1) * np.maximum(0, 1 - (2 * y - 1) * out)
    if kind in ("SVC", "LinearSVC:hinge"):
        return (2 * y - 1) * ((2 * y - 1) * out < 1)
    if kind in ("SVR", "NuSVR", "LinearSVR"):
        return np.sign(y - out)
    powers = {"PoissonRegressor": 1.0, "GammaRegressor": 2.0, "TweedieRegressor": 1.5}
    if kind in powers:
        return (y - np.exp(out)) * np.exp(out * (1 - powers[kind]))
    rest = (2 * y - 1 if kind.startswith("RidgeClassifier") else y) - out
    limit = model.epsilon * model.scale_ if kind == "HuberRegressor" else np.inf
    return np.clip(rest, -limit, limit)


def _optimum(path: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    name = path.rpartition(".")[2]
    kind = name + (f":{part}" if part else "")
    N, F, K = (int(setting.get(key, one)) for key, one in (("samples", 40), ("features", 3), ("outputs", 1)))
    rng = np.random.default_rng(N + 7 * F)
    X, noise = rng.normal(size=(N, F)), rng.normal(0, 0.5, N)
    y = X @ rng.normal(1, 0.2, F) + noise + 1.0
    if name.startswith("MultiTask"):
        y = X @ rng.normal(1, 0.4, (F, K)) + rng.normal(0, 0.5, (N, K)) + 1.0
    elif part == "multinomial":
        y = np.floor(np.argsort(np.argsort(y)) * K / N)
    elif name in ("SVC", "SVR", "NuSVR"):  # halves of one size: the free intercept stays small
        y = (y > np.median(y)).astype(float)
        y = y if name == "SVC" else 10 * y - 5 + noise
    elif name == "LinearSVR":
        y = np.where(y > 2, 5, -5) + noise if part == "" else y
    elif name in ("PoissonRegressor", "GammaRegressor", "TweedieRegressor"):
        y = np.exp(0.5 * y) + 0.1
    elif name.endswith(("Classifier", "ClassifierCV", "SVC", "LogisticRegression", "RegressionCV")):
        y = (y > 1.2).astype(float)
    elif name == "HuberRegressor":
        y = setting["target_deviation"] * (y + 5 * (np.arange(N) % 9 == 0))
    options = EXACT.get(name, {}) | PARTS.get(kind, {})
    if "l1_ratio" in setting:
        options |= {"l1_ratio": setting["l1_ratio"]}
    argument = "C" if name.startswith(("Logistic", "Linear", "S", "Nu")) else "alpha"
    given: Any = [value] if name.endswith("CV") else value
    weighing = np.where(np.arange(N) % 2, 0.5, 1.5) * setting.get("mean_weight", 1.0)
    extra = {"sample_weight": weighing} if "mean_weight" in setting else {}
    model = _call(path)(**{argument + "s" * name.endswith("CV"): given}, **options).fit(X, y, **extra)
    slopes, weights = _losses(model, kind, X, y), np.atleast_2d(model.coef_)
    slopes = slopes * weighing if extra else slopes
    pull = (slopes.T @ X / N).reshape(weights.shape)
    family = "l1" if part.endswith("l1") or name.startswith("Lasso") else "l2"
    if name.startswith("MultiTask"):
        sizes = np.linalg.norm(weights, axis=0)
        kept = sizes > 0
        shapes = [(weights / sizes)[:, kept].ravel(), weights[:, kept].ravel()]
        both = np.linalg.lstsq(np.column_stack(shapes), pull[:, kept].ravel())[0]
        found = float(both[1 if part == "l2" else 0])
    elif "l1_ratio" in setting:
        kept = weights != 0
        both = np.linalg.lstsq(np.column_stack([np.sign(weights[kept]), weights[kept]]), pull[kept])[0]
        found = float(both[0 if family == "l1" else 1])
    else:
        kept = np.abs(weights) > 1e-9
        found = _multiple(pull[kept], np.sign(weights[kept]) if family == "l1" else weights[kept])
    bias = _multiple(slopes.mean(0), np.atleast_1d(model.intercept_))
    if family == "l1" and part:
        bias = _multiple(slopes.mean(0), np.sign(np.atleast_1d(model.intercept_)))
    shown = {"fitted_scale": float(model.scale_)} if name == "HuberRegressor" else {}
    return {"coefficient": found, "bias": bias} | shown


def _kernel(path: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F = int(setting["samples"]), int(setting["features"])
    rng = np.random.default_rng(N + 7 * F)
    X = rng.normal(size=(N, F))
    y = X @ np.ones(F) + rng.normal(size=N)
    if path.endswith("KernelRidge"):
        weights = X.T @ kernel_ridge.KernelRidge(alpha=value, kernel="linear").fit(X, y).dual_coef_
    elif path.endswith("KernelPCA"):
        model = _call(path)(F, kernel="linear", alpha=value, fit_inverse_transform=True).fit(X)
        X, y = model.X_transformed_fit_, X[:, 0]
        weights = X.T @ model.dual_coef_[:, 0]
    elif path.endswith("ridge_regression"):
        weights = _call(path)(X, y, value)
    else:
        kernel = gaussian_process.kernels.DotProduct(0.0, "fixed")
        weights = X.T @ _call(path)(kernel, alpha=value, optimizer=None).fit(X, y).alpha_
    return {"coefficient": _multiple(X.T @ (y - X @ weights) / N, weights)}


def _threshold(path: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Find the size of a feature from which a quantile regression takes it up."""
    N = int(setting["samples"])
    x, y = np.random.default_rng(N).normal(size=(2, N))
    y += x + 5
    slope = abs(float(np.mean(x * np.sign(y - np.median(y)))) / 2)
    low, high = 0.0, 1e3
    for _ in range(45):
        middle = (low + high) / 2
        model = _call(path)(alpha=value).fit(middle * x[:, None], y)
        low, high = (low, middle) if abs(model.coef_[0]) > 1e-9 else (middle, high)
    model.fit(low / 2 * x[:, None], y)
    return {"coefficient": low * slope, "bias": abs(float(model.intercept_ - np.median(y)))}


def _descent(path: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """One pass over samples whose loss has no slope."""
    N, F, rate = int(setting["samples"]), int(setting["features"]), setting["learning_rate"]
    weights, name = np.random.default_rng(F).normal(0, 0.5, F) + 0.5, path.rpartition(".")[2]
    X, y, bias = np.zeros((N, F)), np.full(N, 0.5), np.array([0.5])
    if name != "SGDRegressor":
        y = np.where(np.arange(N) % 2, 1.0, -1.0)
        X = 10 * y[:, None] * weights / np.sum(weights**2)
    if name == "SGDOneClassSVM":
        model = _call(path)(nu=value, learning_rate="constant", eta0=rate, max_iter=1, tol=None)
        after = model.fit(np.abs(X) * np.sign(weights), coef_init=weights.copy(), offset_init=1.0).coef_
        return {"coefficient": (1 - _multiple(after, weights) ** (1 / N)) / rate}
    options: dict[str, Any] = {"learning_rate": "constant"} if name != "Perceptron" else {"penalty": "l2"}
    if part:
        options |= {"penalty": part.partition("_")[0], "l1_ratio": setting.get("l1_ratio", 0.15)}
    model = _call(path)(alpha=value, eta0=rate, max_iter=1, tol=None, **options)
    model.fit(X, y, coef_init=weights.copy(), intercept_init=bias.copy())
    after, kept = model.coef_.ravel(), (1 - (float(model.intercept_[0]) / 0.5) ** (1 / N)) / rate
    if not part:
        return {"coefficient": (1 - _multiple(after, weights) ** (1 / N)) / rate, "bias": kept}
    share, moved = np.linalg.lstsq(np.column_stack([weights, -np.sign(weights)]), after)[0]
    kept_each = share ** (1 / N)  # also of what the l1 part took before
    taken = moved / N if N * (1 - kept_each) < 1e-9 else moved * (1 - kept_each) / (1 - share)
    found = (taken if part.endswith("l1") else 1 - kept_each) / rate
    return {"coefficient": float(found), "bias": kept}


def _network(path: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F = int(setting["samples"]), int(setting["features"])
    rng = np.random.default_rng(N + 7 * F)
    X, classes = rng.normal(size=(N, F)), path.endswith("Classifier")
    y = (X.sum(1) + rng.normal(size=N)) / 2
    y = (y > 0).astype(float) if classes else y
    if part == "lbfgs":
        precise = {"tol": 1e-14, "max_iter": 100_000, "max_fun": 1_000_000, "activation": "tanh"}
        model = _call(path)(
            hidden_layer_sizes=(2,), solver="lbfgs", alpha=value, random_state=0, **precise
        ).fit(X, y)
        hidden = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
        out = (hidden @ model.coefs_[1] + model.intercepts_[1])[:, 0]
        slopes = y - (1 / (1 + np.exp(-out)) if classes else out)
        below = np.outer(slopes, model.coefs_[1][:, 0]) * (1 - hidden**2)
        kernels = np.concatenate([(hidden.T @ slopes)[:, None], (X.T @ below).T], axis=1) / N
        biases = np.concatenate([[slopes.mean()], below.mean(0)])
        found = _multiple(kernels, np.concatenate([model.coefs_[1], model.coefs_[0].T], axis=1))
        return {"coefficient": found, "bias": _multiple(biases, np.concatenate(model.intercepts_[::-1]))}
    batch, rate = int(setting["batch_size"]), setting["learning_rate"]
    model = _call(path)(
        hidden_layer_sizes=(4,), solver="sgd", momentum=0, alpha=value, learning_rate_init=rate,
        batch_size=batch, random_state=0,
    )  # fmt: skip
    extra = {"classes": [0.0, 1.0]} if classes else {}
    model.partial_fit(0 * X, y, **extra)  # it only makes the arrays that are set next: dead neurons
    before = rng.normal(0, 0.5, model.coefs_[0].shape)
    model.coefs_[0][:], model.coefs_[1][:], model.intercepts_[0][:] = before, 0.0, -1.0
    model.partial_fit(0 * X, y)
    kept = [_multiple(model.coefs_[0], before), -float(model.intercepts_[0].mean())]
    found, bias = ((1 - one ** (batch / N)) / rate for one in kept)
    return {"coefficient": found, "bias": bias}


def _leaves(path: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N = int(setting["samples"])
    groups = np.arange(N) % 4
    y = np.where(groups < 2, 1.0, -1.0) + np.where(groups % 2, 0.5, -0.5)
    if path.endswith("Classifier"):
        y = (np.arange(N) // 4 % 8 < 1 + groups * 2).astype(float)
    model = _call(path)(
        l2_regularization=value, max_iter=1, learning_rate=1.0, min_samples_leaf=1, early_stopping=False
    ).fit(groups[:, None].astype(float), y)
    at = np.arange(4.0)[:, None]
    if path.endswith("Classifier"):  # both classes are as many, so the base is 0 and each p is ½
        leaves, slopes, curves = model.decision_function(at), y - 0.5, 0.25
    else:
        leaves, slopes, curves = model.predict(at) - y.mean(), y - y.mean(), 1.0
    total = np.array([slopes[groups == group].sum() for group in range(4)])
    size = np.bincount(groups) * curves
    return {"coefficient": _multiple((total - size * leaves) / N, leaves)}


def _factors(path: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F, K = (int(setting[key]) for key in ("samples", "features", "dimensions"))
    rng = np.random.default_rng(N + F)
    X = 1 + rng.uniform(size=(N, K)) @ rng.uniform(size=(K, F))
    which, _, family = part.partition("_")
    both = {"alpha_W": 0.003, "alpha_H": 0.003} | {f"alpha_{which}": value}
    options: dict[str, Any] = {"l1_ratio": 1.0 if family == "l1" else 0.0, "init": "nndsvda"}
    options |= {"tol": 1e-10, "max_iter": 20_000, "random_state": 0}
    if path.endswith("MiniBatchNMF"):  # every batch is the same, so that it has an end
        batch = int(setting["batch_size"])
        X = np.tile(X[:batch], (N // batch, 1))
        options |= {"batch_size": batch, "forget_factor": 0.0, "max_no_improvement": None, "max_iter": 2000}
    model = _call(path)(K, **both, **options).fit(X)
    W, H = model.transform(X), model.components_
    rest = (X - W @ H) / N
    pull, weights = (rest @ H.T, W) if which == "W" else (W.T @ rest, H)
    kept = weights > 1e-6
    return {"coefficient": _multiple(pull[kept], (weights**0 if family == "l1" else weights)[kept])}


def _codes(path: str, part: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F, K = (int(setting[key]) for key in ("samples", "features", "dimensions"))
    rng = np.random.default_rng(N + F)
    X, name = rng.normal(size=(N, F)) * 3, path.rpartition(".")[2]
    words = rng.normal(size=(K, F))
    words /= np.linalg.norm(words, axis=1, keepdims=True)
    if name == "sparse_encode":
        codes = _call(path)(X, words, algorithm="lasso_lars", alpha=value)
    elif name == "SparseCoder":
        codes = _call(path)(words, transform_algorithm="lasso_lars", transform_alpha=value).fit_transform(X)
    elif name.endswith("DictionaryLearning"):
        options = {"transform_algorithm": "lasso_lars", "max_iter": 50, "random_state": 0}
        model = _call(path)(K, alpha=value, **options).fit(X)
        codes, words = model.transform(X), model.components_
    elif part == "l1":  # of the components, while the codes of all samples have one fixed norm
        (shape,) = _call(path)(1, alpha=value, tol=1e-14, random_state=0).fit(X).components_
        X = X - X.mean(0)
        pull = X.T @ (X @ shape) / np.linalg.norm(X @ shape)
        kept = shape != 0
        both = np.column_stack([np.sign(shape[kept]), shape[kept]])
        return {"coefficient": float(np.linalg.lstsq(both, pull[kept])[0][0]) / N**0.5}
    else:
        model = _call(path)(K, alpha=0.1, ridge_alpha=value, max_iter=20, random_state=0).fit(X)
        codes, words, X = model.transform(X), model.components_, X - X.mean(0)
    pull = (X - codes @ words) @ words.T / N
    if part == "ridge":
        return {"coefficient": _multiple(pull, codes)}
    kept = np.abs(codes) > 1e-9
    return {"coefficient": _multiple(pull[kept], np.sign(codes[kept]))}


def _precision(path: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    N, F = int(setting["samples"]), int(setting["features"])
    X = np.random.default_rng(N + F).normal(size=(N, F))
    X[:, 1:] += X[:, :1]
    model = _call(path)(value, tol=1e-10, enet_tol=1e-10, max_iter=10_000).fit(X)
    pull = (np.linalg.inv(model.precision_) - np.cov(X.T, ddof=0)) / 2
    kept = (np.abs(model.precision_) > 1e-9) & ~np.eye(F, dtype=bool)
    found = _multiple(pull[kept], np.sign(model.precision_[kept]))
    return {"coefficient": found, "bias": float(np.mean(np.diag(pull)))}


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of weights and, where there is one, of the intercept."""
    path, _, part = name.partition(":")
    short = path.rpartition(".")[2]
    if short.startswith(("SGD", "Perceptron")):
        return _descent(path, part, value, setting)
    if short.startswith("MLP"):
        return _network(path, part, value, setting)
    if short.startswith("Hist"):
        return _leaves(path, value, setting)
    if short.endswith("NMF"):
        return _factors(path, part, value, setting)
    if short.startswith(("Kernel", "ridge_", "Gaussian")):
        return _kernel(path, value, setting)
    if short == "QuantileRegressor":
        return _threshold(path, value, setting)
    if short == "GraphicalLasso":
        return _precision(path, value, setting)
    if ".decomposition." in path:
        return _codes(path, part, value, setting)
    return _optimum(path, part, value, setting)
