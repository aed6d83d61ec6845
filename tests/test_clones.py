"""Training a ReLU network beside its clones: a step by hand, the balanced clone, refused input."""

import numpy as np
import pytest

from l2scaling.chapters.counting_and_cloning.clones import train_relu

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(6, 2)), RNG.normal(size=6)
NET = RNG.normal(size=(2, 4)), np.zeros(4), RNG.normal(size=4)


def test_one_step_is_the_gradient_plus_c_times_the_weight():
    rates, decays = [0.1, 0.0, 0.2], [0.5, 0.0, 0.3]
    W, _, a = NET
    hidden = np.maximum(X @ W, 0)
    error = (hidden @ a - Y) / 6
    stepped_a = a - 0.2 * (hidden.T @ error + 0.3 * a)
    stepped_w = W - 0.1 * (X.T @ (error[:, None] * a * (hidden > 0)) + 0.5 * W)
    assert train_relu(X, Y, NET, rates, decays, 2)[1] == pytest.approx(
        np.maximum(X @ stepped_w, 0) @ stepped_a, rel=1e-12
    )


@pytest.mark.parametrize(("scale", "same"), [(3**-0.5, True), (1.0, False)])
def test_only_balanced_clones_follow_the_original(scale, same):
    clone = [np.tile(part, 3) * scale for part in NET]
    paths = [train_relu(X, Y, net, [0.05] * 3, [0.1] * 3, 20) for net in (NET, clone)]
    assert np.allclose(*paths, rtol=1e-10) == same


def test_missing_rates_are_refused():
    with pytest.raises(ValueError, match="2 rates"):
        train_relu(X, Y, NET, [0.1] * 2, [0.1] * 3, 1)
