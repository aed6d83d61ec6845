"""Many short runs: a sweep against papermill as it comes, as many at once as there are cores."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from l2scaling.publish.project import find_project

CHAPTER = "penalty-and-pull"
POINTS = 12
ROUNDS = 3
BIN = Path(sys.executable).parent
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}


def swept(folder: Path) -> None:
    words = ["sweep", CHAPTER, "--profile", "quick", "--seeds", str(POINTS), "--output", str(folder)]
    subprocess.run([str(BIN / "l2scaling"), *words], **QUIET)


def papermill(folder: Path) -> None:
    """Start a process and a kernel a point, one thread each, which is the faster way."""
    project = find_project()
    values = project.profile_values(CHAPTER, "quick")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def point(seed: int) -> None:
        source, output = project.notebooks / f"{CHAPTER}.ipynb", folder / f"{seed}.ipynb"
        given = yaml.safe_dump(values | {"seed": seed})
        subprocess.run([str(BIN / "papermill"), source, output, "-y", given], env=environment, **QUIET)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(point, range(POINTS)))


def seconds(work: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - start


Row = Callable[[str, float, float, str, str], dict[str, object]]


def rows(row: Row, progress: Callable[[str], None]) -> Iterator[dict[str, object]]:
    """Yield points a minute of both sides, whose rounds come in turn."""
    progress(f"sweep of {POINTS} points against papermill as it comes, sides in turn")
    times = [(seconds(swept), seconds(papermill)) for _ in range(ROUNDS)]
    ours, theirs = (60 * POINTS / statistics.median(side) for side in zip(*times, strict=True))
    name = f"{POINTS} short runs: a sweep against papermill, {os.cpu_count()} at once"
    yield row(name, ours, theirs, "at least 2.5", "points a minute")
