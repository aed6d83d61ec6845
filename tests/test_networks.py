"""Initialisers: exact sums against real draws of torch and Keras, limits, and wrong gains noticed."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from l2scaling.chapters.initialization import draws
from l2scaling.laws import shapes
from l2scaling.laws.shapes import INITIALIZERS, Layer
from l2scaling.measuring.sums import draw_sums
from l2scaling.seeds import generator
from l2scaling.training import modules

NAMES = [one.name for one in INITIALIZERS]
LAYERS = {"dense": Layer(300, 200), "convolution": Layer(40, 60, kernel=9)}


def test_counts_are_those_of_real_layers():
    convolution = torch.nn.Conv2d(10, 20, (2, 3))
    layer = Layer(10, 20, kernel=6)
    assert layer.count == convolution.weight.numel()
    assert (layer.fan_in, layer.fan_out) == torch.nn.init._calculate_fan_in_and_fan_out(convolution.weight)
    assert Layer(7, 5).count == torch.nn.Linear(7, 5).weight.numel()


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", NAMES)
def test_expected_sums_are_those_that_torch_and_keras_draw(name, kind):
    initializer, layers = shapes.find_initializer(name), [LAYERS[kind]]
    for sums, law in (
        (draw_sums(layers, initializer, generator(1)), None),
        (draws.draw_keras_sums(layers, initializer, seed=1), initializer.keras_distribution),
    ):
        exact = shapes.expected_sums(layers, initializer, law)
        assert sums.count == exact.count
        assert sums.sum_squares == pytest.approx(exact.sum_squares, rel=0.03)
        assert sums.sum_absolute == pytest.approx(exact.sum_absolute, rel=0.02)


def test_the_default_of_torch_layers_is_the_one_called_so():
    layer = torch.nn.Linear(500, 400)
    exact = shapes.expected_sums([Layer(500, 400)], shapes.find_initializer("torch-default"))
    assert layer.weight.square().sum().item() == pytest.approx(exact.sum_squares, rel=0.03)


def test_a_wrong_gain_is_noticed():
    he, lecun = shapes.find_initializer("he"), shapes.find_initializer("lecun")
    wrong = replace(he, draw=lecun.draw)
    drawn = draw_sums([LAYERS["dense"]], wrong, generator(1)).sum_squares
    assert drawn != pytest.approx(shapes.expected_sums([LAYERS["dense"]], he).sum_squares, rel=0.3)


@pytest.mark.parametrize("growth", shapes.GROWTHS)
@pytest.mark.parametrize("name", NAMES)
def test_exact_sums_of_very_large_networks_have_the_limit_exponents(name, growth):
    size = 3000 if growth == "deeper" else 10**6
    few, many = (
        shapes.expected_sums(shapes.grown_network(growth, one, 32, 10), shapes.find_initializer(name))
        for one in (size, 2 * size)
    )
    octave = np.log(many.count / few.count)
    measured = (
        np.log(many.sum_squares / few.sum_squares) / octave,
        np.log(many.sum_absolute / few.sum_absolute) / octave,
    )
    assert measured == pytest.approx([float(one) for one in shapes.limit_exponents(name, growth)], abs=2e-3)


@pytest.mark.parametrize("name", ["lecun", "he", "glorot", "torch-default"])
def test_output_variance_is_that_of_real_networks(name):
    initializer, layers = shapes.find_initializer(name), shapes.dense_layers([50, 400, 400, 1])
    random = generator(2)
    X = torch.nn.functional.normalize(torch.randn(4, 50, generator=random)) * 50**0.5
    with torch.no_grad():
        outputs = [modules.torch_network(layers, initializer, random)(X) for _ in range(300)]
    predicted = shapes.output_variance(layers, initializer)
    assert torch.stack(outputs).var().item() == pytest.approx(predicted, rel=0.2)


def test_cross_entropy_at_the_start_has_its_known_limits():
    assert shapes.entropy_at_start(np.zeros(1)) == pytest.approx(np.log(2), abs=1e-12)
    wide = shapes.entropy_at_start(np.array([400.0]))  # mean of max(z, 0) for large deviations
    assert wide == pytest.approx(20 / np.sqrt(2 * np.pi), rel=0.02)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: shapes.find_initializer("kaiming"),
        lambda: shapes.grown_network("taller", 3, 32, 10),
        lambda: shapes.grown_network("deeper", 0, 32, 10),
    ],
)
def test_what_is_unknown_or_empty_is_refused(wrong):
    with pytest.raises(ValueError, match="allowed"):
        wrong()


def test_a_missing_framework_is_named_with_the_way_to_get_it():
    script = "import sys; sys.modules['keras'] = None; from l2scaling.frameworks import keras; keras()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install -e '.[frameworks]'" in done.stderr.splitlines()[-1]
