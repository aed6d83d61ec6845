"""Lifelines: what the coefficients of a fitted survival model leave of the gradient of the log-likelihood."""

import lifelines
import numpy as np
import pandas as pd


def measure(name: str, value: float, setting: dict[str, float]) -> dict[str, float]:
    """Return the coefficient on the first feature, whose variance is shown."""
    samples, features = int(setting["samples"]), int(setting["features"])
    rng = np.random.default_rng(samples)
    inputs = rng.normal(size=(samples, features))
    inputs[:, 0] *= setting["feature_variance"] ** 0.5
    times = rng.exponential(np.exp(-(inputs @ (0.8 / inputs.std(axis=0)))))
    events = rng.uniform(size=samples) < 0.7
    weights = np.where(np.arange(samples) % 2, 0.5, 1.5) * setting["mean_weight"]
    frame = pd.DataFrame(inputs, columns=[f"x{one}" for one in range(features)])
    words = {"duration_col": "time", "event_col": "event", "weights_col": "weight"}
    model = getattr(lifelines, name.rpartition(".")[2])(penalizer=value)
    if "TimeVarying" in name:
        frame = frame.assign(id=range(samples), start=0.0, time=times, event=events, weight=weights)
        model.fit(
            frame, id_col="id", start_col="start", stop_col="time", event_col="event", weights_col="weight",
            fit_options={"precision": 1e-9},
        )  # fmt: skip
    else:
        frame = frame.assign(time=times, event=events, weight=weights)
        model.fit(frame, **words, robust=True, fit_options={"precision": 1e-9})
    found = model.params_.to_numpy()
    risks = weights * np.exp(inputs @ found)
    later = times[None, :] >= times[:, None]
    centres = (later * risks) @ inputs / (later @ risks)[:, None]
    left = (weights * events) @ (inputs - centres) / samples
    return {
        "coefficient": float(left[0] / found[0]),
        "feature_variance": float(inputs[:, 0].var(ddof=1)),
    }
