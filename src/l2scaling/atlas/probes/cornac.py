"""Cornac: what a pass takes off a user's factors, and what the weights of EASE leave of a gradient."""

import cornac
import numpy as np
from cornac.data import Dataset


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient against the mean over all ratings, or over users."""
    samples = int(setting["samples"])
    rng = np.random.default_rng(samples)
    if name.endswith("EASE"):
        seen = rng.uniform(size=(samples, 6)) < 0.5
        seen[:, 0] |= ~seen.any(axis=1)
        data = Dataset.from_uir([(u, i, 1.0) for u, i in zip(*np.nonzero(seen), strict=True)])
        model = cornac.models.EASE(lamb=value, posB=False, verbose=False).fit(data)
        inputs = np.asarray(data.csr_matrix.todense(), dtype=float)
        found = np.asarray(model.B, dtype=float)
        left, free = inputs.T @ (inputs - inputs @ found) / samples, ~np.eye(6, dtype=bool)
        return {"coefficient": float((left * found)[free].sum() / (found[free] ** 2).sum())}
    ratings, rate = int(setting["ratings"]), 0.001
    own = [(0, item, 3.0) for item in range(ratings)]
    data = Dataset.from_uir(own + [(1 + one % 12, one // 12, 3.0) for one in range(samples - ratings)])
    start = rng.uniform(0.5, 1.5, (data.num_users, 4)).astype(np.float32)
    begin = {"U": start.copy(), "V": np.zeros((data.num_items, 4), dtype=np.float32)}
    model = cornac.models.MF(
        k=4,
        max_iter=1,
        learning_rate=rate,
        lambda_reg=value,
        use_bias=False,
        init_params=begin,
        num_threads=1,
    )  # no error and no item's factor pulls, since every rating is the mean
    after = model.fit(data).u_factors.astype(float)[0]
    before = start[0].astype(float)
    return {"coefficient": float((before - after) @ before / (before @ before) / rate / samples)}
