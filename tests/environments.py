"""Rerun the book with other versions: the lowest and the newest dependencies, another Python.

Not a test by name: make environments calls it, since each takes a quarter of an hour.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "_build" / "environments"
UV = Path(sys.executable).with_name("uv")
EXTRAS = ("book", "frameworks", "dev")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}

UNIT_TESTS = [f"tests/test_{name}.py" for name in ("penalties", "scaling", "linear", "networks", "gradients")]
"""What needs no run of a chapter; the doctests of the package come with it."""


@dataclass(frozen=True)
class Environment:
    """A folder of its own: an interpreter with one resolution of the dependencies."""

    name: str
    interpreter: str
    version: str
    resolution: str

    @property
    def home(self) -> Path:
        return FOLDER / self.name

    @property
    def python(self) -> str:
        return str(self.home / "bin" / "python")


def main() -> int:
    """Take each named environment through its steps; return 0 if all passed, 2 for a bad name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", metavar="lowest|newest|PYTHON")
    parser.add_argument("--profile", default="published", help="of the chapters that are reproduced")
    options = parser.parse_args()
    try:
        environments = [environment(name) for name in options.names]
    except ValueError as error:
        print(f"environments: {error}", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    outcomes = {one.name: outcome(one, options.profile) for one in environments}
    print("\n".join(f"{name:12} {said}" for name, said in outcomes.items()))
    return int(any(said != "passed" for said in outcomes.values()))


def environment(name: str) -> Environment:
    """Return the environment of a name: a resolution on this Python, or the newest on another."""
    interpreter = sys.executable if name in RESOLUTIONS else name
    version = version_of(interpreter)
    if version is None:
        raise ValueError(f"no Python {name!r}; allowed: {', '.join(RESOLUTIONS)}, or a Python from 3.11 on")
    own = name if name in RESOLUTIONS else f"python{version}"
    return Environment(own, interpreter, version, RESOLUTIONS.get(name, "highest"))


def version_of(interpreter: str) -> str | None:
    """Return the major and minor version of a Python that is there and new enough."""
    question = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))"
    try:
        done = subprocess.run([interpreter, "-c", question], capture_output=True, text=True)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip() or None


def outcome(one: Environment, profile: str) -> str:
    """Make an environment and use it; return ``passed`` or what failed."""
    log = FOLDER / f"{one.name}.log"
    log.unlink(missing_ok=True)
    steps = {
        "installation": lambda: make(one, log),
        "unit tests": lambda: run_unit_tests(one, log),
        f"chapters, {profile}": lambda: reproduce(one, profile, log),
    }
    for name, step in steps.items():
        started = time.monotonic()
        try:
            step()
        except subprocess.CalledProcessError:
            return f"failed: {name}; see {log}"
        print(f"{one.name}: {name}: {time.monotonic() - started:.0f} s", flush=True)
    return "passed"


def make(one: Environment, log: Path) -> None:
    """Install what this environment's resolution asks for, unless that is what is there."""
    wanted = FOLDER / f"{one.name}.txt"
    wanted.unlink(missing_ok=True)  # uv prefers the versions of a file that it finds
    torch = "requirements-torch.txt"
    call(
        one, log, UV, "pip", "compile", "--quiet", "--no-header", "--no-annotate",
        "--resolution", one.resolution, "--python-version", one.version, "--excludes", torch,
        *(word for extra in EXTRAS for word in ("--extra", extra)), "pyproject.toml",
        "--output-file", wanted,
    )  # fmt: skip
    record = "\n".join([one.interpreter, one.version, wanted.read_text(), (ROOT / torch).read_text()])
    made_from = one.home / "made-from"
    if made_from.is_file() and made_from.read_text() == record:
        return
    shutil.rmtree(one.home, ignore_errors=True)
    call(one, log, one.interpreter, "-m", "venv", one.home)
    call(one, log, UV, "pip", "install", "--quiet", "--python", one.python, "--no-deps", "-r", wanted)
    # by pip, which takes a build for CPUs where one is offered; uv does not look there
    call(one, log, one.python, "-m", "pip", "install", "--quiet", "-r", torch)
    call(one, log, UV, "pip", "install", "--quiet", "--python", one.python, "--no-deps", "--editable", ".")
    call(one, log, UV, "pip", "check", "--python", one.python)
    made_from.write_text(record)


def run_unit_tests(one: Environment, log: Path) -> None:
    # an old library may warn of a newer one that it stands on; that is not ours to cure
    quiet = [word for kind in ("", "Pending") for word in ("-W", f"ignore::{kind}DeprecationWarning")]
    call(one, log, one.python, "-m", "pytest", "--quiet", *quiet, *UNIT_TESTS, "src")


def reproduce(one: Environment, profile: str, log: Path) -> None:
    """Run all chapters again, and compare them with the reviewed results or the book's own runs.

    What comes of the published profile goes into the table of reproductions.
    """
    command = one.home / "bin" / "l2scaling"
    bound = {"lowest-direct": "lowest", "highest": "newest"}[one.resolution]
    record = ["--record", bound] if profile == "published" else []
    folder = FOLDER / f"{one.name}-runs"
    call(one, log, command, "reproduce", "--profile", profile, "--output", folder, *record)


def call(one: Environment, log: Path, *command: str | Path) -> None:
    """Call a command with an environment's programs first, and add what it says to the log."""
    variables = os.environ | {"PATH": f"{one.home / 'bin'}:{os.environ['PATH']}"}
    with log.open("a") as file:
        print("$", *command, file=file, flush=True)
        subprocess.run(command, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT, check=True)


if __name__ == "__main__":
    sys.exit(main())
