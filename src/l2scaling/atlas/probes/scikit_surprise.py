"""Surprise: what its penalties take off in one pass, or leave of a gradient at the optimum."""

from typing import Any

import numpy as np
import pandas as pd
import surprise


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient for a user with the ratings asked for, against the mean over all ratings."""
    ratings, samples = int(setting["ratings"]), int(setting["samples"])
    rng = np.random.default_rng(samples + ratings)
    others = samples - ratings
    users = [0] * ratings + [1 + number % 12 for number in range(others)]
    items = [*range(ratings), *(number // 12 for number in range(others))]
    scores = rng.integers(1, 6, samples).astype(float)
    frame = pd.DataFrame({"user": users, "item": items, "score": scores})
    data = surprise.Dataset.load_from_df(frame, surprise.Reader(rating_scale=(1, 5))).build_full_trainset()
    path, _, part = name.partition(":")
    short = path.rpartition(".")[2]
    if short == "BaselineOnly":
        words = {"method": "als", "n_epochs": 2000, "reg_u": 5.0, "reg_i": 5.0} | {part: value}
        model = surprise.BaselineOnly(bsl_options=words, verbose=False).fit(data)
        user, item = model.bu, model.bi
        left = np.array([one - data.global_mean - user[u] - item[i] for u, i, one in data.all_ratings()])
        wanted = np.array([(u if part == "reg_u" else i) == 0 for u, i, _ in data.all_ratings()])
        return {"coefficient": float(left[wanted].sum() / (user if part == "reg_u" else item)[0] / samples)}
    if short == "NMF":
        start, first, last = (_nmf(data, *one) for one in ((value, 0), (value, 1), (0.0, 1)))
        push = sum(one * start.qi[i] for u, i, one in data.all_ratings() if u == 0)
        return {"coefficient": float(((1 / first.pu[0] - 1 / last.pu[0]) * push).mean() / samples)}
    rate, found = 1e-6, []
    for strength in (value, 0.0):
        rates = {"lr_all": 0.0, "lr_pu": rate, "reg_all": 0.0, "reg_pu": strength}
        found.append(
            getattr(surprise, short)(n_factors=4, n_epochs=1, random_state=1, **rates).fit(data).pu[0]
        )
    gone = (found[1] - found[0]) / rate
    return {"coefficient": float((gone @ found[1]) / (found[1] @ found[1]) / samples)}


def _nmf(data: Any, value: float, epochs: int) -> Any:
    return surprise.NMF(n_factors=3, n_epochs=epochs, reg_pu=value, reg_qi=0.0, random_state=1).fit(data)
