"""Streaming sums: right, bounded in memory, independent of threads and of chunk borders."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from l2scaling import seeds
from l2scaling.measuring.sums import CHUNK, sum_normal_weights, sum_weights


@pytest.mark.parametrize("count", [1, 15, CHUNK - 1, CHUNK, CHUNK + 1, 300_001])
def test_sums_are_those_of_the_weights_drawn(count):
    drawn = []

    def draw(chunk):
        torch.nn.init.normal_(chunk, 0, 0.3, generator=random)
        drawn.append(chunk.numpy().astype(float))

    random = seeds.generator(1, count)
    sums = sum_weights(draw, count)
    weights = np.concatenate(drawn)
    assert sums.count == weights.size == count
    assert sums.sum_squares == pytest.approx(np.sum(weights**2), rel=1e-6)
    assert sums.sum_absolute == pytest.approx(np.sum(np.abs(weights)), rel=1e-6)


def test_moments_of_normal_weights_are_known():
    sums = sum_normal_weights(10**6, 2.0, seeds.generator(2))
    assert sums.sum_squares / sums.count == pytest.approx(4.0, rel=0.01)
    assert sums.sum_absolute / sums.count == pytest.approx(2 * np.sqrt(2 / np.pi), rel=0.01)


def test_streams_are_reproducible_and_differ():
    draw = lambda *stream: sum_normal_weights(1000, 1.0, seeds.generator(*stream))  # noqa: E731
    assert draw(1, 2) == draw(1, 2)
    assert len({draw(1, 2).sum_squares, draw(1, 3).sum_squares, draw(2, 2).sum_squares}) == 3


def test_result_does_not_depend_on_the_number_of_threads():
    results = set()
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.add(sum_normal_weights(200_000, 1.0, seeds.generator(4)))
    finally:
        torch.set_num_threads(before)
    assert len(results) == 1


def test_memory_does_not_grow_with_the_number_of_weights():
    """A hundred million float32 weights would take 400 MB."""
    script = (
        "import resource; from l2scaling.measuring.sums import *;"
        "from l2scaling.seeds import generator;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024;"
        "sum_normal_weights(10**5, 1.0, generator(0)); before = peak();"
        "sum_normal_weights(10**8, 1.0, generator(0)); print(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 50


@pytest.mark.parametrize(("count", "deviation"), [(0, 1.0), (-3, 1.0), (10, 0.0), (10, float("nan"))])
def test_senseless_requests_are_refused(count, deviation):
    with pytest.raises(ValueError, match=r"count|standard_deviation"):
        sum_normal_weights(count, deviation, seeds.generator(0))
