"""What the tests share: the real checkout, its quick book, and small projects to break."""

import atexit
import contextlib
import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from l2scaling.publish.evidence import controls
from l2scaling.publish.project import Project
from l2scaling.publish.runs import kernels, private, warm
from l2scaling.publish.runs.many import run_points, workers, writable

FETCHING = re.compile(r"(pip|uv|npm|ssl|node)_\w+|\w+_proxy|\w+_ca_bundle|java_home", re.IGNORECASE)
"""What the few tests need that fetch a tool."""
TESTING = re.compile(r"CI|TERM|PYTEST_\w+|HYPOTHESIS_\w+")


def leave_the_users_machine() -> None:
    """Take the user's environment and home out of the way of every test and of what it starts."""
    folder, home = Path(tempfile.mkdtemp(prefix="l2scaling-tests-")), Path.home()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "home").mkdir()
    given = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "L2SCALING_"))}
    kept = {name: given[name] for name in given if FETCHING.fullmatch(name) or TESTING.fullmatch(name)}
    fetched = {
        "NPM_CONFIG_USERCONFIG": home / ".npmrc",
        "NPM_CONFIG_CACHE": home / ".npm",
        "UV_CACHE_DIR": home / ".cache" / "uv",
    }
    there = {name: str(path) for name, path in fetched.items() if path.exists()}
    os.environ.clear()
    os.environ.update(private.environment(folder, given) | there | kept)


if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker inherits it; before a library reads what it finds
    leave_the_users_machine()

import nbformat
import psutil
import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def environment(project: Path = ROOT) -> dict[str, str]:
    return os.environ | {"L2SCALING_PROJECT": str(project), "PATH": f"{BIN}:{os.environ['PATH']}"}


def l2scaling(*words: object, project: Path = ROOT, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Call the real command line."""
    command = [str(BIN / "l2scaling"), *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment(project), capture_output=True, text=True)


def snakemake(project: Path, profile: str = "quick") -> list[str]:
    """The plan of make book, for a project that lies elsewhere."""
    options = ["--cores", "2", "--nolock", "--rerun-incomplete", "--quiet", "all"]
    return [str(BIN / "snakemake"), *options, "--config", f"profile={profile}", "site=_build/html"]


def complaint(done: subprocess.CompletedProcess, status: int) -> str:
    """Return the one line on standard error of a call that must have failed with ``status``."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("l2scaling")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def lack(what: str) -> None:
    """Skip a test on a machine without its tool; the full check has them all and may not."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def need(*programs: str, otherwise: str) -> None:
    """Lack those of the programs that are not on PATH; ``otherwise`` is what is then not done."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        lack(f"{', '.join(missing)}: not installed, so that {otherwise}")


def from_npm(name: str, *packages: str, otherwise: str) -> Path:
    """Install packages of npm, once, beside what is built, and return their folder, or lack them."""
    need("npm", "node", otherwise=otherwise)
    folder = ROOT / "_build" / "tools" / name
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--save-exact"]
    try:
        subprocess.run(
            ["npm", "install", "--prefix", folder, *options, *packages],
            check=True, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        lack(f"{name} could not be installed, so that {otherwise}: {said[:2]}")
    return folder


def tool(*words: object, cwd: Path = ROOT, given: str = "") -> subprocess.CompletedProcess:
    """Call a tool of the package index in an environment of its own, which shares nothing with this one."""
    there = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": ""}
    command = ["uv", "tool", "run", "--quiet", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=there, input=given, capture_output=True, text=True)


def path_without(folder: Path, *programs: str) -> str:
    """Return a PATH, one new folder, that leads to all that is on this one but these programs."""
    folder.mkdir()
    for place in map(Path, os.environ["PATH"].split(os.pathsep)):
        for one in place.iterdir() if place.is_dir() else ():
            if one.name not in programs and not (folder / one.name).is_symlink():
                (folder / one.name).symlink_to(one)
    return str(folder)


# ---------------------------------------------------------------- what takes long is made once

LONG = ("crash", "private", "fuzz", "sweep", "reproduce", "pages", "explorer")
"""The files with the longest tests, in the order in which they are begun."""


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores, since tests wait much for browsers and for what others make."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what others wait for, then what waits for nothing, the longest first.

    Workers take tests from the head of this list, two at the beginning and then one by one.
    """

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        name = item.path.stem.removeprefix("test_")
        waits = "quick_site" in item.fixturenames
        return waits, "printed_site" not in item.fixturenames, LONG.index(name) if name in LONG else len(LONG)

    items.sort(key=place)
    book = [item for item in items if "quick_site" in item.fixturenames]
    runs = [item for item in book if "sabotages" in item.fixturenames]
    first = [*book[-2:], *runs[-2:]]
    items[:] = [*first, *(item for item in items if item not in first)]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that gives a folder of that name, filled by the first process that asks for it."""
    common = tmp_path_factory.getbasetemp()
    common = common.parent if "PYTEST_XDIST_WORKER" in os.environ else common

    def filled(name: str, fill: Callable[[Path], object]) -> Path:
        folder, said = common / name, common / f"{name}.said"
        with (common / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not said.exists():
                folder.mkdir()
                try:
                    fill(folder)
                except BaseException as error:
                    said.write_text(f"{type(error).__name__}: {error}")
                    raise
                said.touch()
        assert said.read_text() == ""
        return folder

    return filled


@pytest.fixture(scope="session")
def quick_site(once) -> Path:
    """Build the real book in the quick profile, beside the published one; nobody may change it."""
    site = "_build/check/html"
    command = ["make", "--no-print-directory", "book", "PROFILE=quick", f"SITE={site}"]

    def build(_: Path) -> None:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    once("quick-site", build)
    return ROOT / site


@pytest.fixture(scope="session")
def sabotages(once) -> Path:
    """Run every chapter under each of its sabotages in the quick profile; a folder of points."""
    project = Project(ROOT)
    points = [one.point for one in controls.controls(project)]

    def run(folder: Path) -> None:
        run_points(project, points, writable(folder), workers(project, None), "sabotages")

    return once("sabotages", run)


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        lack("chromium is not installed: the pages were not opened (apt install chromium)")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def context(browser) -> Callable[..., object]:
    """Return a function that gives the one context of its kind; a new one costs Chromium most of a second."""

    @functools.cache
    def of(color_scheme: str = "light", width: int = 1400) -> object:
        return browser.new_context(color_scheme=color_scheme, viewport={"width": width, "height": 844})

    return of


SAMPLE = """
seed: int = 3  # master seed; 0 to 10
mode: str = "good"  # what to do; one of good, raise, sleep, die
pause: float = 0.0  # time spent in one cell [s]; 0 to 10
sizes: list[int] = [1, 2]  # sizes; 1 to 3 increasing values from 1 to 9
"""


def sample_notebook(parameters: str = SAMPLE) -> nbformat.NotebookNode:
    cells = [
        nbformat.v4.new_markdown_cell("# A sample"),
        nbformat.v4.new_code_cell(parameters.strip(), metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import os, random, time\nprint(seed, pause, sizes)"),
        nbformat.v4.new_code_cell(
            "time.sleep(pause)\n"
            "if mode == 'raise': 1 / 0\n"
            "if mode == 'sleep': time.sleep(60)\n"
            "if mode == 'die': os.kill(os.getpid(), 9)"
        ),
        nbformat.v4.new_code_cell("random.seed(seed)\nrandom.random()"),
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def extend(project: Path, code: str, name: str) -> Path:
    """Let the sample chapter of a project end in one more cell; return the project."""
    notebook = sample_notebook()
    notebook.cells.append(nbformat.v4.new_code_cell(code.strip(), id=name))
    nbformat.write(notebook, project / "notebooks" / "sample.ipynb")
    return project


EVIDENCE = """
from l2scaling.evidence import Evidence, Prediction
law = Prediction("sample", None, "a number", "equivalent", 3.0, 1.1)
Evidence([law.judge(seed + pause / 10, seed - 0.1, seed + 0.1, 5)])
"""
"""A cell of one record, which is met."""


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A project of one small chapter that can be told to fail; all machinery is the real one."""
    return write_sample(tmp_path / "project")


@pytest.fixture
def built_sample(once, tmp_path: Path) -> Path:
    """The sample project as ``snakemake`` has built it, links and dates included."""

    def build(folder: Path) -> None:
        root = write_sample(folder / "project")
        done = subprocess.run(
            snakemake(root), cwd=root, env=environment(root), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    subprocess.run(["cp", "-a", once("built-sample", build) / "project", tmp_path], check=True)
    return tmp_path / "project"


def write_sample(root: Path) -> Path:
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("Makefile", "Snakefile", "_config.yml", "CITATION.cff", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for path in ROOT.glob("requirements*"):
        shutil.copy(path, root)
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    (root / "book" / "_extra").mkdir()
    shutil.copy(ROOT / "book" / "references.bib", root / "book")
    (root / "book" / "claims.yml").write_text("[]\n")
    (root / "book" / "index.md").write_text("# A small book\n\nThe symbols are few.\n")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/sample\n")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "profiles.yml").write_text("sample:\n  quick:\n    pause: 0.25\n")
    nbformat.write(sample_notebook(), root / "notebooks" / "sample.ipynb")
    return root


def link_environment(root: Path) -> None:
    """Let make find, below a small project, the environment that these tests run in."""
    (root / ".venv").mkdir()
    for path in BIN.parent.iterdir():
        if path.name != "made-from":
            (root / ".venv" / path.name).symlink_to(path)
    made_from = [root / name for name in ("pyproject.toml", "requirements.lock", "requirements-torch.txt")]
    text = f"{root.resolve()}\n" + "".join(path.read_text() for path in made_from)
    (root / ".venv" / "made-from").write_text(text)


UNNAMED = ("bash", warm.NAME, kernels.NAME)
"""Processes whose command line is not their own, or is that of what they start."""


def seen(process: subprocess.Popen, words: str) -> psutil.Process | None:
    """Return the innermost process, at or below this one, with these words as its name or in its command.

    Runs and kernels are forked, so it is by their names that they are known.
    """
    try:
        first = psutil.Process(process.pid)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        return None
    for one in reversed(family):
        with contextlib.suppress(psutil.Error):
            command = " ".join(one.cmdline())
            if one.name() == words or (words in command and one.name() not in UNNAMED):
                return one
    return None


def ended(process: psutil.Process, seconds: float = 10) -> bool:
    """Say whether a process that was told to end does so; to give its memory back takes it a moment."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.05)
                continue
        return True
    return False


def wait_for(process: subprocess.Popen, words: str, seconds: float = 60) -> psutil.Process:
    """Return what ``seen`` finds, as soon as it finds something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if found := seen(process, words):
            return found
        time.sleep(0.05)
    raise AssertionError(f"no process {words!r} came up")
