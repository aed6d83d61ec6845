"""Measure speed and memory as ratios, each against a peer or a limit in the same run.

Prints and writes _build/benchmarks.json: rows of name, ours, other, ratio, goal, unit, machine.
"""

import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ensembles
import linear
import numpy as np
import runs
import torch

from l2scaling import seeds
from l2scaling.measuring import sums

ROUNDS = 5
BASE = 10**8
LARGEST = 10**9
MEMORY_LIMIT = 256.0


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def draw_and_sum(count: int) -> None:
    sums.sum_normal_weights(count, 0.05, seeds.generator(0, count))


def draw_alone(count: int) -> None:
    random, chunk = seeds.generator(0, count), torch.empty(sums.CHUNK)
    for start in range(0, count, sums.CHUNK):
        torch.nn.init.normal_(chunk[: count - start], 0.0, 0.05, generator=random)


def progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def row(name: str, ours: float, other: float, goal: str, unit: str) -> dict[str, object]:
    threads = f"{torch.get_num_threads()} threads"
    machine = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {threads}"
    return {
        "name": name,
        "ours": round(ours, 4),
        "other": round(other, 4),
        "ratio": round(ours / other, 4),
        "goal": goal,
        "unit": unit,
        "machine": machine,
    }


def streaming_rows() -> list[dict[str, object]]:
    progress("memory")
    draw_and_sum(sums.CHUNK)  # first use loads what torch loads late
    before = peak_megabytes()
    largest = seconds(lambda: draw_and_sum(LARGEST))
    memory = peak_megabytes() - before
    rows = [row(f"streaming, {LARGEST:.0e} weights: memory above the imports",
                max(memory, 0.001), MEMORY_LIMIT, "at most 1", "MB")]  # fmt: skip

    progress("drawing and summing against drawing alone, sides in turn")
    pairs = [(seconds(lambda: draw_and_sum(BASE)), seconds(lambda: draw_alone(BASE))) for _ in range(ROUNDS)]
    ours, alone = (statistics.median(side) for side in zip(*pairs, strict=True))
    rows.append(row(f"streaming, {BASE:.0e} weights: against drawing the same numbers alone",
                    ours, alone, "at most 1.25", "s"))  # fmt: skip
    rows.append(row(f"streaming, {LARGEST:.0e} weights: against drawing the same numbers alone",
                    largest, seconds(lambda: draw_alone(LARGEST)), "at most 1.25", "s"))  # fmt: skip

    progress("growth of the time with the number of weights")
    sizes = np.array([10**6, 10**7, 10**8, 10**9])
    times = [
        statistics.median(seconds(lambda n=n: draw_and_sum(n)) for _ in range(ROUNDS)) for n in sizes[:-1]
    ]
    slope = np.polyfit(np.log(sizes), np.log([*times, largest]), 1)[0]
    rows.append(
        row("streaming, from 1e+06 weights on: exponent of the time", slope, 1.0, "0.95 to 1.05", "none")
    )
    return rows


def main() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = streaming_rows()
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        rows += ensembles.rows(row, progress, device, threads)
    rows += ensembles.peer_rows(row, progress, threads)
    rows += linear.rows(row, progress)
    rows += runs.rows(row, progress)
    target = Path(__file__).parents[1] / "_build" / "benchmarks.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(rows, indent=1) + "\n")
    print(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
