"""Ensembles: the trajectories of a plain PyTorch loop, whatever stands beside a network."""

import itertools

import numpy as np
import pytest
import torch

from l2scaling.laws import shapes
from l2scaling.seeds import generator
from l2scaling.training import ensembles, losses
from l2scaling.training.recipe import Recipe
from l2scaling.training.steps import Members, data_order, start_weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5))
TARGETS = {
    "softmax": RNG.integers(0, 3, 60),
    "binary": RNG.integers(0, 2, (60, 3)).astype(float),
    "mean-squared": RNG.normal(size=(60, 3)),
    "half-squared": RNG.normal(size=(60, 3)),
}
LOSSES = {
    "softmax": torch.nn.CrossEntropyLoss(),
    "binary": torch.nn.BCEWithLogitsLoss(),
    "mean-squared": torch.nn.MSELoss(),
    "half-squared": lambda f, y: torch.nn.MSELoss(reduction="sum")(f, y) / (2 * len(f)),
}
HE = shapes.find_initializer("he")
MEMBERS = Members(seeds=[3, 3, 8], penalty_coefficients=[0.0, 0.1, 0.02], learning_rates=[0.05, 0.02, 0.1])


def weights_of(nets):
    return {f"layer {number}": weight for number, weight in enumerate(nets.weights)}


def train(layers, measure=weights_of, members=MEMBERS, loss="softmax", memory=2**30, **options):
    recipe = Recipe(**{"steps": 200, "loss": loss, "dtype": "float64", **options})
    return ensembles.train(X, TARGETS[loss], layers, members, recipe, measure, memory=memory)


def plain_loop(
    layers, seed, c, rate, loss, activation, optimizer, momentum, batch_size, steps,
    rate_factors=None, decay_factors=None,
):  # fmt: skip
    """What the engine claims to equal: torch.nn modules, torch.optim, one network."""
    modules = []
    for weight in start_weights(layers, HE, generator(seed, 0)):
        module = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=torch.float64)
        module.weight.data.copy_(weight)
        modules += [module, torch.nn.ReLU()] if activation == "relu" else [module]
    model = torch.nn.Sequential(*(modules[:-1] if activation == "relu" else modules))
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[optimizer]
    extra = {"momentum": momentum} if optimizer == "sgd" else {}
    groups = [
        {
            "params": [weight],
            "lr": rate * (rate_factors or ones)[n],
            "weight_decay": c * (decay_factors or ones)[n],
        }
        for ones in [[1.0] * len(layers)]
        for n, weight in enumerate(model.parameters())
    ]
    optimiser = kind(groups, **extra)
    inputs, targets = torch.tensor(X), torch.tensor(TARGETS[loss])
    everything = itertools.repeat(torch.arange(len(X))[None])
    epochs = data_order(len(X), batch_size, seed) if batch_size else everything
    for rows in itertools.islice(itertools.chain.from_iterable(epochs), steps):
        optimiser.zero_grad()
        LOSSES[loss](model(inputs[rows]), targets[rows]).backward()
        optimiser.step()
    return [parameter.detach().numpy() for parameter in model.parameters()]


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize(
    ("optimizer", "momentum"), [("sgd", 0.0), ("sgd", 0.9), ("adam", 0.0), ("adamw", 0.0)]
)
@pytest.mark.parametrize(
    ("widths", "activation", "loss"),
    [
        ([5, 7, 3], "relu", "softmax"),
        ([5, 3], "relu", "binary"),
        ([5, 6, 4, 3], "linear", "mean-squared"),
        ([5, 6, 4, 4, 3], "relu", "half-squared"),
    ],
)
def test_trajectory_equals_a_plain_loop(widths, activation, loss, optimizer, momentum, batch_size):
    layers = shapes.dense_layers(widths)
    options = {
        "activation": activation,
        "optimizer": optimizer,
        "momentum": momentum,
        "batch_size": batch_size,
    }
    ours = train(layers, loss=loss, **options)
    for member, (seed, c, rate) in enumerate(
        zip(MEMBERS.seeds.tolist(), MEMBERS.penalty_coefficients, MEMBERS.learning_rates, strict=True)
    ):
        alone = plain_loop(layers, seed, c, rate, loss, steps=200, **options)
        for number, weight in enumerate(alone):
            np.testing.assert_allclose(ours.values[f"layer {number}"][member, 0], weight, rtol=0, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_every_layer_may_have_its_own_rate_and_penalty(optimizer):
    layers = shapes.dense_layers([5, 6, 4, 3])
    options = {
        "activation": "relu", "optimizer": optimizer, "momentum": 0.0, "batch_size": 16,
        "rate_factors": [0.5, 0.25, 2.0], "decay_factors": [2.0, 0.0, 3.0],
    }  # fmt: skip
    ours = train(layers, **options)
    for member, (seed, c, rate) in enumerate(
        zip(MEMBERS.seeds.tolist(), MEMBERS.penalty_coefficients, MEMBERS.learning_rates, strict=True)
    ):
        alone = plain_loop(layers, seed, c, rate, "softmax", steps=200, **options)
        for number, weight in enumerate(alone):
            np.testing.assert_allclose(ours.values[f"layer {number}"][member, 0], weight, rtol=0, atol=1e-9)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_losses_and_gradients_are_those_of_torch(loss):
    layers = shapes.dense_layers([5, 7, 3])

    def measure(nets):
        gradients = nets.data_gradients(X, TARGETS[loss])
        return {
            "loss": nets.data_loss(X, TARGETS[loss]),
            "first": gradients[0],
            "last": gradients[1],
            "w0": nets.weights[0],
            "w1": nets.weights[1],
        }

    seen = {name: value[:, 0] for name, value in train(layers, measure, loss=loss, at=[0]).values.items()}
    for member in range(3):
        w = [torch.tensor(seen[name][member], requires_grad=True) for name in ("w0", "w1")]
        value = LOSSES[loss](torch.relu(torch.tensor(X) @ w[0].T) @ w[1].T, torch.tensor(TARGETS[loss]))
        first, last = torch.autograd.grad(value, w)
        assert seen["loss"][member] == pytest.approx(value.item(), rel=1e-12)
        np.testing.assert_allclose(seen["first"][member], first, atol=1e-12)
        np.testing.assert_allclose(seen["last"][member], last, atol=1e-12)


def test_a_member_that_diverges_does_not_disturb_the_others():
    layers = shapes.dense_layers([5, 7, 3])
    rates = [0.02, 1e3, 0.02, 1e3]
    members = Members(seeds=[1, 2, 3, 4], penalty_coefficients=0.1, learning_rates=rates)
    together = train(layers, members=members, loss="half-squared", at=[0, 100, 200])
    assert together.diverged.tolist() == [-1, 50, -1, 50]
    alone = train(layers, members=members[[0, 2]], loss="half-squared", at=[0, 100, 200])
    for name, value in alone.values.items():
        # the last bit depends on how many matrices a product has
        np.testing.assert_allclose(together.values[name][[0, 2]], value, rtol=0, atol=1e-12)
        assert np.isfinite(together.values[name][:, 0]).all()
        assert np.isnan(together.values[name][[1, 3], 1:]).all()


def test_an_ensemble_of_which_none_survives_says_so():
    members = Members(seeds=range(3), penalty_coefficients=0.1, learning_rates=1e3)
    left = train(shapes.dense_layers([5, 7, 3]), members=members, loss="half-squared")
    assert left.diverged.tolist() == [50, 50, 50]
    assert np.isnan(left.values["layer 0"]).all()
    assert left.values["layer 0"].shape == (3, 1, 7, 5)


@pytest.mark.parametrize("threads", [1, 2])
def test_groups_and_threads_leave_no_trace(threads):
    layers = shapes.dense_layers([5, 7, 3])
    members = Members(seeds=range(9), penalty_coefficients=0.1, learning_rates=0.05)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        whole = train(layers, members=members, batch_size=16)
        # just above the data and two networks: every group is one or two members
        small = train(layers, members=members, batch_size=16, memory=60 * 8 * 8 + 2 * 10_000)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for name, value in whole.values.items():
        np.testing.assert_allclose(small.values[name], value, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_threads_leave_no_trace(batch_size):
    layers = shapes.dense_layers([5, 300, 3])
    members = Members(seeds=range(9), penalty_coefficients=0.1, learning_rates=0.05)
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            found.append(train(layers, members=members, batch_size=batch_size).values)
        finally:
            torch.set_num_threads(before)
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=0, atol=1e-12)


def test_denormals_count_as_zeros_in_training_alone():
    half = torch.tensor(torch.finfo(torch.float32).tiny)
    seen = []

    def measure(nets):
        seen.append((half / 2).item())
        return {"squares": nets.sum_squares()}

    members = Members(seeds=0, penalty_coefficients=0.1, learning_rates=0.05)
    train(shapes.dense_layers([5, 7, 3]), measure, members=members)
    assert seen == [0.0]
    assert (half / 2).item() > 0


def test_memory_does_not_grow_with_the_ensemble():
    held = []

    def measure(nets):
        held.append(sum(weight.nelement() * 4 for weight in nets.weights))
        return {"squares": nets.sum_squares().sum(1)}

    layers = shapes.dense_layers([5, 200, 3])
    for count in (10, 100):
        members = Members(seeds=range(count), penalty_coefficients=0.1, learning_rates=0.05)
        train(layers, measure, members=members, steps=1, dtype="float32", memory=1_000_000)
    assert max(held) <= 1_000_000
    assert max(held[-5:]) == max(held[:5])


def test_seeds_start_and_order_are_their_own():
    layers = shapes.dense_layers([5, 7, 3])
    members = Members(seeds=[1, 1, 2], penalty_coefficients=[0.1, 0.2, 0.1], learning_rates=0.05)
    start = train(layers, members=members, at=[0], steps=1).values["layer 0"][:, 0]
    np.testing.assert_array_equal(start[0], start[1])
    assert not np.isclose(start[0], start[2]).any()


def test_members_without_rates_take_that_of_the_recipe():
    layers = shapes.dense_layers([5, 7, 3])
    own, common = (
        train(layers, members=Members([1, 2], 0.1, rates), steps=5, learning_rate=rate).values["layer 0"]
        for rates, rate in ((0.03, 0.1), (None, 0.03))
    )
    np.testing.assert_array_equal(own, common)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"loss": "hinge"}, ["'hinge'", "half-squared"]),
        ({"activation": "tanh"}, ["'tanh'", "relu"]),
        ({"optimizer": "lion"}, ["'lion'", "adamw"]),
        ({"dtype": "float16"}, ["'float16'", "float64"]),
        ({"device": "tpu"}, ["'tpu'", "cpu"]),
        ({"device": "meta"}, ["'meta'", "cpu"]),
        ({"device": "cuda:99"}, ["'cuda:99'", "cpu"]),
        ({"momentum": 1.0}, ["1.0", "below 1"]),
        ({"momentum": 0.9, "optimizer": "adam"}, ["0.9", "adam"]),
        ({"steps": 0}, ["steps 0", "1 or more"]),
        ({"rate_factors": [1.0, -1.0]}, ["rate_factors", "-1.0", "from 0"]),
        ({"decay_factors": [1.0, float("nan")]}, ["decay_factors", "nan"]),
        ({"decay_factors": [1.0]}, ["[1.0]", "2 layers"]),
        ({"at": [5, 3]}, ["(5, 3)", "increasing"]),
        ({"at": [201]}, ["201", "200"]),
        ({"batch_size": 61}, ["61", "60"]),
        ({"memory": 1000}, ["1000", "allowed"]),
        ({"layers": shapes.dense_layers([4, 3])}, ["(60, 5)", "(samples, 4)"]),
        ({"layers": [shapes.Layer(5, 4), shapes.Layer(3, 3)]}, ["wide"]),
        ({"layers": []}, ["dense layers"]),
        ({"layers": shapes.dense_layers([5, 2])}, ["class numbers 0 to 1"]),
    ],
)
def test_bad_requests_are_refused_with_the_value(change, words):
    options = {"layers": shapes.dense_layers([5, 7, 3]), **change}
    if change.get("device") == "cuda:99" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="allowed") as caught:
        train(**options)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"learning_rates": 0.0}, "learning rate 0.0"),
        ({"learning_rates": [0.1, float("nan"), 0.1]}, "nan"),
        ({"penalty_coefficients": [0.1, -0.5, 0.0]}, "penalty coefficient -0.5"),
        ({"penalty_coefficients": [0.1, 0.2]}, "allowed one number, or 3"),
        ({"seeds": [0.5, 1, 2]}, "allowed integers"),
    ],
)
def test_senseless_members_are_refused(change, word):
    with pytest.raises(ValueError, match="allowed") as caught:
        Members(**{"seeds": [1, 2, 3], "penalty_coefficients": 0.1, "learning_rates": 0.1, **change})
    assert word in str(caught.value)
