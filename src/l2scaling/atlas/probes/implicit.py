"""Implicit's factorisations: what the rows of factors leave of the gradient of the data loss."""

import implicit.als
import numpy as np
from scipy.sparse import csr_matrix


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient of a user's factors, solved for, against the mean over all cells."""
    ratings, factors, items = int(setting["ratings"]), int(setting["dimensions"]), 30
    users = int(setting["samples"]) // items
    rng = np.random.default_rng(ratings)
    dense = np.zeros((users, items))
    for user in range(users):
        taken = ratings if user == 0 else 6
        dense[user, rng.choice(items, taken, replace=False)] = rng.integers(1, 4, taken)
    model = implicit.als.AlternatingLeastSquares(
        factors=factors, regularization=value, alpha=2.0, iterations=3, num_threads=1,
        use_native=True, use_cg=False, use_gpu=False, dtype=np.float64, random_state=1,
    )  # fmt: skip
    model.fit(csr_matrix(dense), show_progress=False)
    others = np.asarray(model.item_factors, dtype=float)
    own = np.asarray(model.recalculate_user(0, csr_matrix(dense[:1])), dtype=float).ravel()
    trust = np.where(dense[0] > 0, 2.0 * dense[0], 1.0)
    left = others.T @ (trust * ((dense[0] > 0) - others @ own))
    return {"coefficient": float(left @ own / (own @ own)) / dense.size}
