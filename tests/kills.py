"""Kill builds at random moments, and look each time at what is published: make kills.

Two chapters state one number, their generation, which every edit raises. So a book that mixed
the runs of two generations, or that lost a chapter's evidence, would show itself.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import nbformat
import psutil
from conftest import environment, link_environment, sample_notebook, seen, write_sample

CHAPTERS = ("one", "two")
VICTIMS = {
    "kernel": "book-kernel",
    "papermill": "book-run",
    "who asked": "l2scaling run",
    "warm parent": "runs.warm --serve",
    "Snakemake": "snakemake --cores",
    "jupyter-book": "jupyter-book build",
    "site": "l2scaling site",
    "site, swapping": "l2scaling site",  # when jupyter-book has just ended
    "all": "snakemake --cores",  # with make and the shells between them
}
"""What is killed, and the words by which its process is known."""

PARAMETERS = "seed: int = 0  # master seed; 0 to 10\ngeneration: int = 0  # edits so far; 0 to 9999"
EVIDENCE = """
from l2scaling.evidence import Evidence, Prediction
law = Prediction("{chapter}", "A1", "generation of {chapter}", "exact", generation)
Evidence([law.judge(generation, generation, generation, 1)])
"""
CLAIM = """
- {id: A1, source: T1, who: the asker, claim: Both are of one generation, ruling: holds, chapters: [one, two]}
"""
PAUSE = 0.05  # between looks at the processes [s]

VERDICTS = """---
myst:
  enable_extensions: [attrs_block, attrs_inline]  # for the addresses of claims, as in the book
---
# Verdicts

```{include} _generated/verdicts.md
```
"""
TOC = "format: jb-book\nroot: book/index\nchapters:\n- file: book/verdicts\n"


def write_project(root: Path) -> None:
    """The sample project, with two chapters of evidence in place of its one."""
    write_sample(root)
    link_environment(root)
    (root / "notebooks" / "sample.ipynb").unlink()
    for chapter in CHAPTERS:
        notebook = sample_notebook(PARAMETERS)
        evidence = nbformat.v4.new_code_cell(EVIDENCE.strip().format(chapter=chapter), id="evidence")
        notebook.cells = [*notebook.cells[:2], evidence]
        notebook.cells[0].source = f"# Chapter {chapter}"
        notebook.cells[0].metadata["tags"] = ["run-card"]  # which offers the executed notebook
        nbformat.write(notebook, root / "notebooks" / f"{chapter}.ipynb")
    (root / "book" / "claims.yml").write_text(CLAIM)
    (root / "book" / "verdicts.md").write_text(VERDICTS)
    (root / "_toc.yml").write_text(TOC + "".join(f"- file: notebooks/{name}\n" for name in CHAPTERS))


def edit(root: Path, generation: int) -> None:
    """Raise the number that both chapters state, in one step."""
    text = "".join(f"{name}: {{quick: {{generation: {generation}}}}}\n" for name in CHAPTERS)
    (root / "notebooks" / "profiles.new").write_text(text)
    (root / "notebooks" / "profiles.new").replace(root / "notebooks" / "profiles.yml")


class ViolationError(Exception):
    """What no kill may leave behind."""


def published(root: Path, wanted: set[str]) -> int:
    """Return the generation of the book that lies in _build/html; complete and of one piece, or raise."""
    site = root / "_build" / "html"
    inode = site.stat().st_ino if site.is_dir() else None
    if inode is None:
        raise ViolationError("there is no site")
    try:
        generation = _generation(site, wanted)
    except (ViolationError, OSError):
        # an orphan of the killed build may put its book in place while we read
        if site.is_dir() and site.stat().st_ino != inode:
            return published(root, wanted)
        raise
    return generation


def _generation(site: Path, wanted: set[str]) -> int:
    if missing := wanted - files(site):
        raise ViolationError(f"the site lacks {sorted(missing)[:3]}")
    found = {}
    for chapter in CHAPTERS:
        place = rf"record-{chapter}-.*?</tr>"
        for page in (f"notebooks/{chapter}", "book/verdicts"):
            rows = re.findall(place, (site / f"{page}.html").read_text(), re.DOTALL)
            found[f"{chapter} on {page}"] = [re.findall(r"<p>(\d+)</p>", row)[:2] for row in rows]
        (run,) = site.glob(f"_downloads/*/{chapter}.executed.ipynb")
        stated = json.loads(run.read_text())["metadata"]["l2scaling"]["parameters"]["generation"]
        found[f"{chapter}, executed"] = [[str(stated)] * 2]
    numbers = {number for rows in found.values() for row in rows for number in row}
    if len(numbers) != 1 or any(len(rows) != 1 or len(rows[0]) != 2 for rows in found.values()):
        raise ViolationError(f"the site is not of one generation: {found}")
    return int(numbers.pop())


def control(root: Path, wanted: set[str]) -> None:
    """See to it that a page of another generation, and one that is missing, are noticed."""
    site = root / "control"
    for page in (f"notebooks/{CHAPTERS[0]}.html", "book/verdicts.html"):
        shutil.copytree(root / "_build" / "html", site)
        text = (site / page).read_text()
        for broken in (text.replace("<p>0</p>", "<p>1</p>"), text.replace("<p>0</p>", ""), ""):
            (site / page).write_text(broken)
            with contextlib.suppress(ViolationError):
                _generation(site, wanted)
                raise AssertionError(f"a broken {page} went unnoticed")
        shutil.rmtree(site)


def files(site: Path) -> set[str]:
    """Everything in a site that is not empty."""
    return {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file() and path.stat().st_size}


def start(root: Path) -> subprocess.Popen:
    command = ["make", "--no-print-directory", "book", "PROFILE=quick"]
    with (root / "build.log").open("w") as log:
        return subprocess.Popen(
            command, cwd=root, env=environment(root), stdout=log, stderr=log, start_new_session=True
        )


def finish(root: Path) -> None:
    """Let a build run to its end, which it has to reach."""
    if start(root).wait(timeout=180) != 0:
        raise ViolationError(f"the next build did not complete: {(root / 'build.log').read_text()}")


def lifetimes(root: Path) -> dict[str, float]:
    """Build undisturbed, and return for how many seconds each victim is there."""
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    build = start(root)
    while build.poll() is None:
        for victim, words in VICTIMS.items():
            if seen(build, words):
                last[victim] = time.monotonic()
                first.setdefault(victim, last[victim])
        time.sleep(PAUSE)
    if build.returncode:
        raise ViolationError(f"the first build failed: {(root / 'build.log').read_text()}")
    return {victim: last[victim] - first[victim] for victim in VICTIMS}


def kill(build: subprocess.Popen, victim: str, delay: float) -> bool:
    """Wait until the victim is there, then for ``delay``, and kill; say whether it was still there."""
    while not (target := seen(build, VICTIMS[victim])):
        if build.poll() is not None:
            return False
        time.sleep(PAUSE)
    if victim == "site, swapping":
        while not (pages := seen(build, VICTIMS["jupyter-book"])) and target.is_running():
            time.sleep(PAUSE)
        if pages:
            wait_for_end(pages.pid)
    time.sleep(delay)
    if victim in ("kernel", "papermill", "who asked"):  # each chapter has its own
        target = seen(build, VICTIMS[victim]) or target
    try:
        if victim == "all":
            os.killpg(build.pid, signal.SIGKILL)
        target.kill()
    except (psutil.Error, ProcessLookupError):
        return False
    return True


def wait_for_end(process: int) -> None:
    """Wake in the instant in which a process ends, at no cost until then."""
    with contextlib.suppress(ProcessLookupError):
        watch = os.pidfd_open(process)
        select.select([watch], [], [], 60)
        os.close(watch)


def rounds(root: Path, wished: int, rng: random.Random) -> None:
    lives = lifetimes(root) | {"site, swapping": 0.05}
    wanted = files(root / "_build" / "html")
    control(root, wanted)
    last = 0
    kills: Counter[str] = Counter()
    news: Counter[str] = Counter()
    victims: list[str] = []
    for generation in itertools.count(1):
        victims = victims or rng.sample(list(VICTIMS), len(VICTIMS))
        victim = victims.pop()
        edit(root, generation)
        build = start(root)
        killed = kill(build, victim, rng.uniform(0, lives[victim]))
        status = build.wait(timeout=180)
        now = published(root, wanted)
        check(root, status, range(last, generation + 1), now)
        kills[victim] += killed
        news[victim] += killed and now > last
        last = now
        print(f"kills: {kills.total()} of {wished}, the last of {victim}", file=sys.stderr, flush=True)
        done = kills.total() == wished
        if done or generation % 8 == 0:
            finish(root)
            last = published(root, wanted)
            if last != generation:
                raise ViolationError(f"the build after {victim} shows {last}, not {generation}")
        if done:
            break
    print(f"{'victim':16}{'kills':>6}  found: {'last good book':>15}{'new book':>10}")
    for victim in VICTIMS:
        print(f"{victim:16}{kills[victim]:6}{kills[victim] - news[victim]:24}{news[victim]:10}")


def check(root: Path, status: int, allowed: range, now: int) -> None:
    """Compare what a build said with what is published after it; negative is the status of a killed one."""
    said = (root / "build.log").read_text()
    if now not in allowed:
        raise ViolationError(f"generation {now} is published; allowed: {allowed}; the build said {said!r}")
    if status == 0 and now != allowed[-1]:
        raise ViolationError(f"a build called itself done and shows {now}, not {allowed[-1]}: {said!r}")
    if status > 0 and "is untouched" not in said:
        raise ViolationError(f"a build failed without a clear message: {said!r}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=56)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    print(f"{options.kills} kills, seed {options.seed}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kills-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / "project"
        write_project(root)
        edit(root, 0)
        try:
            rounds(root, options.kills, random.Random(options.seed))
        except ViolationError as error:
            print(f"kills: {error} (seed {options.seed})", file=sys.stderr)
            return 1
    print(f"{options.kills} kills in {time.monotonic() - started:.0f} s, and the book was whole each time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
