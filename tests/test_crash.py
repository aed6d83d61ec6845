"""Break a build in every way: nothing half-made is published, and the next build completes.

``kills.py`` beside this kills many more builds, at random moments.
"""

import contextlib
import itertools
import multiprocessing
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import complaint, environment, l2scaling, lack, link_environment, need, snakemake, wait_for

from l2scaling.publish.pages import site
from l2scaling.publish.project import Project
from l2scaling.publish.runs import warm
from l2scaling.publish.runs.kernels import NAME as KERNEL

VICTIMS = {
    "kernel": KERNEL,
    "papermill": warm.NAME,
    "who asked": "l2scaling run",
    "warm parent": "l2scaling.publish.runs.warm --serve",
    "Snakemake": "snakemake --cores",
}


def outcome(root: Path) -> tuple[int, str]:
    """Build, and return the exit status and what the steps said."""
    place = {"cwd": root, "env": environment(root)}
    done = subprocess.run(snakemake(root), **place, capture_output=True, text=True, timeout=180)
    return done.returncode, done.stderr


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_killed_build_publishes_nothing_and_the_next_one_completes(sample, victim):
    project = Project(sample)
    # the run that outlives Snakemake must still be at work when the next build has started
    pause = 9 if victim == "Snakemake" else 4
    edit(project.notebooks / "profiles.yml", "pause: 0.25", f"pause: {pause}")
    killed = subprocess.Popen(
        snakemake(sample), cwd=sample, env=environment(sample), stderr=subprocess.DEVNULL
    )
    wait_for(killed, VICTIMS["kernel"])
    time.sleep(1.5)  # into the cells
    wait_for(killed, VICTIMS[victim]).kill()
    assert killed.wait(timeout=60) != 0
    assert not (project.build / "html").exists()
    run = project.run_path("sample", "quick")
    assert not run.exists()

    status, said = outcome(sample)
    assert status == 0, said
    assert ("waiting" in said) == (victim == "Snakemake")  # for the run that it left behind
    assert (project.build / "html" / "index.html").exists()
    last = nbformat.read(run, as_version=4).cells[-1]
    assert last.outputs
    assert not [path for path in run.parent.iterdir() if path != run]
    assert outcome(sample) == (0, "")  # nothing ran


def test_what_changed_runs_again_and_nothing_else(built_sample):
    project = Project(built_sample)
    notebook, index = project.notebooks / "sample.ipynb", project.build / "html" / "book" / "index.html"

    for path in (*built_sample.rglob("*.py"), notebook):
        path.touch()
    assert outcome(built_sample) == (0, "")

    edit(built_sample / "book" / "index.md", "The symbols are", "All symbols are")
    status, said = outcome(built_sample)
    assert (status, "sample:" in said, "pages:" in said) == (0, False, True)
    assert "All symbols are" in index.read_text()

    edit(built_sample / "src" / "l2scaling" / "publish" / "locks.py", '"""', '"""Once more: ')
    status, said = outcome(built_sample)
    assert (status, "sample:" in said) == (0, True)

    edit(project.notebooks / "profiles.yml", "0.25", "0.5")
    status, said = outcome(built_sample)
    assert (status, "sample:" in said) == (0, True)

    shutil.rmtree(project.build / "html")
    status, said = outcome(built_sample)
    assert (status, "sample:" in said, index.exists()) == (0, False, True)


def test_an_edit_in_the_middle_of_a_build_is_seen_by_the_next(sample):
    words = sample / "book" / "index.md"
    place = {"cwd": sample, "env": environment(sample), "stderr": subprocess.DEVNULL}
    for process, path, old, new in (
        (VICTIMS["kernel"], sample / "notebooks" / "profiles.yml", "0.25", "0.125"),
        ("jupyter-book build", words, "The symbols are", "All symbols are"),
    ):
        build = subprocess.Popen(snakemake(sample), **place)
        wait_for(build, process)
        edit(path, old, new)
        build.wait(timeout=180)
    status, said = outcome(sample)
    assert (status, "pages:" in said) == (0, True)
    assert "All symbols are" in (sample / "_build" / "html" / "book" / "index.html").read_text()
    run = nbformat.read(Project(sample).run_path("sample", "quick"), as_version=4)
    assert run.metadata["l2scaling"]["parameters"]["pause"] == 0.125
    assert outcome(sample) == (0, "")


def test_a_failed_chapter_costs_nothing_and_is_not_taken_for_done(built_sample):
    project = Project(built_sample)
    run, index = project.run_path("sample", "quick"), project.build / "html" / "book" / "index.html"
    good_run, good_index = run.read_bytes(), index.read_bytes()
    edit(project.notebooks / "sample.ipynb", "random.seed(seed)", "random.seed(seed / 0)")
    for _ in range(2):
        status, said = outcome(built_sample)
        assert status == 1
        assert "ZeroDivisionError" in said
        assert (run.read_bytes(), index.read_bytes()) == (good_run, good_index)
    edit(project.notebooks / "sample.ipynb", "seed / 0", "seed")
    assert outcome(built_sample)[0] == 0


def test_a_failed_page_leaves_the_site_as_it_was(built_sample):
    index = Project(built_sample).build / "html" / "book" / "index.html"
    before = index.read_bytes()
    edit(built_sample / "book" / "index.md", "few.", "few. See [nothing](nowhere.md).")
    status, said = outcome(built_sample)
    assert status == 1
    assert "nowhere.md" in said
    assert index.read_bytes() == before


def whole(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_site_is_not_made_of_runs_from_before_and_after_an_edit(built_sample):
    before = whole(built_sample / "_build" / "html")
    edit(built_sample / "notebooks" / "profiles.yml", "0.25", "0.5")
    line = complaint(l2scaling("site", "--profile", "quick", project=built_sample), 2)
    assert "run of chapter 'sample' in profile 'quick' is not of the sources as they are" in line
    assert whole(built_sample / "_build" / "html") == before


def swap_without_end(folder: Path) -> None:
    """Replace a site of thirty pages by the next one, again and again."""
    for number in itertools.count():
        new = folder / f"{os.getpid()}-{number}"
        new.mkdir()
        for page in range(30):
            (new / f"{page}.html").write_text(new.name)
        site._replace(new, folder / "html")


def test_whoever_looks_and_whoever_kills_finds_one_whole_site_at_any_moment(tmp_path):
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["l2scaling.publish.pages.site"])
    place, rng, shown = tmp_path / "html", random.Random(1), set()
    place.mkdir()
    for _ in range(8):
        before = place.stat().st_ino
        swaps = processes.Process(target=swap_without_end, args=(tmp_path,))
        swaps.start()
        while place.stat().st_ino == before:  # until it has begun
            time.sleep(0.001)
        end = time.monotonic() + rng.uniform(0.2, 0.5)
        while time.monotonic() < end:
            assert all(place.exists() for _ in range(1000))
        swaps.kill()
        swaps.join()
        pages = [path.read_text() for path in place.iterdir()]
        assert len(pages) == 30
        assert len(set(pages)) == 1
        shown |= set(pages)
    assert len(shown) > 5


def test_a_site_lost_between_two_renames_comes_back(built_sample):
    """Where the disk cannot exchange two folders, a kill may leave the last good one aside."""
    html = built_sample / "_build" / "html"
    before = whole(html)
    html.rename(html.with_name(".html.old"))
    edit(built_sample / "book" / "index.md", "few.", "few. See [nothing](nowhere.md).")
    assert outcome(built_sample)[0] == 1
    assert whole(html) == before


def make_book(root: Path) -> subprocess.Popen:
    """Start the real make book, in an environment that is ready."""
    if not (root / ".venv").exists():
        link_environment(root)
    command = ["make", "--no-print-directory", "book", "PROFILE=quick"]
    return subprocess.Popen(
        command, cwd=root, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_of_two_builds_at_once_one_waits_and_finds_nothing_to_do(sample):
    builds = [make_book(sample), make_book(sample)]
    said = ["".join(build.communicate(timeout=300)) for build in builds]
    assert [build.returncode for build in builds] == [0, 0], said
    assert sum("another build is at work here" in words for words in said) == 1
    assert sum("sample:" in words for words in said) == 1
    assert (sample / "_build" / "html" / "index.html").exists()


def test_whatever_a_crash_of_the_machine_left_behind_the_next_build_completes(sample):
    first = make_book(sample)
    words = "".join(first.communicate(timeout=300))
    assert first.returncode == 0, words
    build, state = sample / "_build", sample / ".snakemake"
    run, before = Project(sample).run_path("sample", "quick"), whole(build / "html")
    for path in [build / "lock", *(build / "locks").iterdir(), *(state / "metadata").rglob("*")]:
        if path.is_file():
            path.write_bytes(b"\x00garbage{")
    for left in (state / "locks" / "0.input.lock", state / "incomplete" / "Zm9v", build / ".html.new" / "x"):
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"\x00")
    half = run.with_name(".sample.l2scaling-0123abcd.partial")
    half.write_bytes(run.read_bytes()[:100])
    run.write_bytes(run.read_bytes()[:1000])  # the page shows what the run said, but the run is lost
    edit(sample / "book" / "index.md", "The symbols are", "All symbols are")
    second = make_book(sample)
    words = "".join(second.communicate(timeout=300))
    assert second.returncode == 0, words
    assert "sample:" in words
    assert not half.exists()
    assert not (build / ".html.new").exists()
    assert nbformat.read(run, as_version=4).cells[-1].outputs
    assert whole(build / "html").keys() == before.keys()


ENDLESS = """
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""
GREEDY = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
bytearray(2**33)
"""
KILLED = "os.kill(os.getpid(), 9)  # as the kernel of Linux does when memory runs out"


@pytest.mark.parametrize(
    ("cell", "cause"),
    [(ENDLESS, "longer than 3 s"), (GREEDY, "MemoryError"), (KILLED, "memory runs out")],
    ids=["endless", "greedy", "killed"],
)
def test_a_cell_that_never_ends_or_eats_all_memory_is_named_and_costs_nothing(sample, cell, cause):
    words = ("run", "sample", "--profile", "quick", "--cell-timeout", "3")
    assert l2scaling(*words, project=sample).returncode == 0
    run, notebook = Project(sample).run_path("sample", "quick"), sample / "notebooks" / "sample.ipynb"
    good, source = run.read_bytes(), notebook.read_text()
    broken = nbformat.reads(source, as_version=4)
    broken.cells[-1].source = cell.strip()
    nbformat.write(broken, notebook)
    line = complaint(l2scaling(*words, project=sample), 1)
    assert cause in line
    assert "code cell 5 of 5" in line
    assert run.read_bytes() == good
    assert not kernels(sample)
    notebook.write_text(source)
    assert l2scaling(*words, project=sample).returncode == 0


def kernels(root: Path) -> list[psutil.Process]:
    """The kernels at work for a project, whoever their parents are."""
    found = []
    for one in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            known = one.environ().get("L2SCALING_PROJECT") == str(root)
            if known and one.name() == KERNEL:
                found.append(one)
    return found


class Mounted:
    """Commands that see a mount of their own over the build folder, which ends with its holder."""

    def __init__(self, root: Path, mount: str) -> None:
        script = f'set -e; {mount}; echo mounted; while read -r line; do eval "$line"; echo done; done'
        self.root = root
        self.holder = subprocess.Popen(
            ["unshare", "--map-root-user", "--mount", "bash", "-c", script],
            cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if self.holder.stdout.readline() != "mounted\n":
            _, said = self.holder.communicate()  # or its pipes would be left to the tests that follow
            lack(f"no mounts here: {said.strip()}")

    @property
    def build(self) -> Path:
        """The build folder, as those who see the mount see it."""
        return Path(f"/proc/{self.holder.pid}/root{self.root.resolve()}/_build")

    def do(self, line: str) -> None:
        """Run a line of shell where the mount is."""
        self.holder.stdin.write(f"{line}\n")
        self.holder.stdin.flush()
        assert self.holder.stdout.readline() == "done\n"

    def call(self, *words: str) -> subprocess.CompletedProcess:
        enter = ["nsenter", f"--target={self.holder.pid}", "--user", "--mount", "--preserve-credentials"]
        command = [*enter, "--", "bash", "-c", 'cd "$0" && exec "$@"', str(self.root), *words]
        return subprocess.run(command, env=environment(self.root), capture_output=True, text=True)


@contextlib.contextmanager
def mounted(root: Path, mount: str) -> Iterator[Mounted]:
    need("unshare", "nsenter", "mount", otherwise="no disk was filled or write-protected")
    (root / "_build").mkdir(exist_ok=True)
    one = Mounted(root, mount)
    try:
        yield one
    finally:
        one.holder.kill()
        one.holder.communicate()


MAKE = ("make", "--no-print-directory", "book", "PROFILE=quick")
RUN = ("l2scaling", "run", "sample", "--profile", "quick")
SITE = ("l2scaling", "site", "--profile", "quick")


def test_a_full_disk_is_named_and_costs_nothing(sample):
    link_environment(sample)
    with mounted(sample, "mount -t tmpfs -o size=64m none _build") as disk:
        first = disk.call(*MAKE)
        assert first.returncode == 0, first.stderr
        before, pause = whole(disk.build / "html"), 0.25
        for free, command, status in ((0, RUN, 1), (500, SITE, 1), (3000, MAKE, 2)):
            edit(sample / "book" / "index.md", "few", "very few")
            if command != SITE:
                pause += 0.01
                (sample / "notebooks" / "profiles.yml").write_text(f"sample: {{quick: {{pause: {pause}}}}}\n")
            disk.do(
                "rm -rf _build/work; dd if=/dev/zero of=_build/filler bs=64k status=none 2>/dev/null || true"
            )
            disk.do(f"truncate --size=-{free}K _build/filler")
            done = disk.call(*command)
            assert done.returncode == status, (command, free, done.stderr)
            assert "No space left on device" in done.stderr, (command, free, done.stderr)
            assert "Traceback" not in done.stderr
            assert whole(disk.build / "html") == before
            disk.do("rm _build/filler")
            assert disk.call(*RUN).returncode == 0
        last = disk.call(*MAKE)
        assert last.returncode == 0, last.stderr
        assert "very very" in (disk.build / "html" / "book" / "index.html").read_text()


def test_a_build_folder_that_cannot_be_written_is_named_and_costs_nothing(sample):
    link_environment(sample)
    with mounted(sample, "mount --bind _build _build") as disk:
        assert disk.call(*MAKE).returncode == 0
        before = whole(disk.build / "html")
        disk.do("mount -o remount,ro,bind _build")
        for command, status in ((SITE, 1), (RUN, 2), (MAKE, 2)):  # make says 2 for any failure
            if command == RUN:  # from now on the pages would be of another run
                edit(sample / "notebooks" / "profiles.yml", "0.25", "0.5")
            done = disk.call(*command)
            assert done.returncode == status, (command, done.stderr)
            assert "Read-only file system" in done.stderr
            assert "Traceback" not in done.stderr
            assert whole(disk.build / "html") == before
        disk.do("mount -o remount,rw,bind _build")
        last = disk.call(*MAKE)
        assert last.returncode == 0, last.stderr
        assert "sample:" in last.stderr
