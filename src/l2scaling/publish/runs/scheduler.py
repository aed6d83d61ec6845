"""Where Snakemake sends the jobs: to the cores of this machine, or where a profile says."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, brief, find_project, read_yaml

VARIABLE = "SNAKEMAKE_PROFILE"
"""The environment variable from which Snakemake itself takes a profile."""

SLURM = ("sinfo", "sbatch", "squeue", "scancel")
"""The commands of Slurm without which no job can be sent, followed or stopped."""

_ALLOWED = "allowed: a folder with a config.yaml for Snakemake, such as profiles/slurm"


def placement(project: Project, jobs: int | None = None) -> list[str]:
    """Return the options that tell Snakemake where to run jobs, and how many at once.

    They take the place of the environment variable and hold in the project's folder. Raises
    ``RequestError`` for a profile that could not be used, before Snakemake is started.
    """
    profile = os.environ.get(VARIABLE, "")
    if profile in ("", "none"):
        return ["--cores", str(jobs or os.cpu_count())]
    if Path(profile).exists():  # or else it is a name that Snakemake knows
        profile = os.path.relpath(profile, project.root)
    with contextlib.chdir(project.root):
        _refuse_unusable(profile)
    return ["--profile", profile, *(["--jobs", str(jobs)] if jobs else [])]


def _refuse_unusable(profile: str) -> None:
    """Have Snakemake read the profile, and put what it says against it into one line."""
    given = f"{VARIABLE}={os.environ[VARIABLE]!r}"
    missing = [name for name in SLURM if shutil.which(name) is None]
    without = RequestError(
        f"{given} needs Slurm, of which {', '.join(missing)} is not here; "
        "allowed: a login node of Slurm, or no profile, to run on this machine"
    )
    try:
        from snakemake.cli import CliException, get_profile_dir, parse_args  # takes a second
    except Exception as error:  # its plugin for Slurm stops it where parts of Slurm are missing
        if missing:
            raise without from error
        raise
    found = get_profile_dir(profile)
    if found is None:
        raise RequestError(f"{given} names no profile; {_ALLOWED}")
    if missing and _executor(found[1]) == "slurm":
        raise without
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            _, read = parse_args(["--profile", profile])
    except (SystemExit, CliException) as error:
        words = said.getvalue() if isinstance(error, SystemExit) else str(error)
        cause = " ".join(words.rpartition(": error: ")[2].split())
        raise RequestError(f"{given} cannot be read ({cause}); {_ALLOWED}") from error
    if read.jobs is None and read.cores is None:
        raise RequestError(f"{given} sets neither jobs nor cores; allowed: a profile that limits one of them")
    if read.executor == "slurm" and (silence := _slurm_is_silent()):
        raise RequestError(f"{given} needs a Slurm that answers ({silence}); allowed: a login node of Slurm")


def _executor(config: Path) -> Any:
    """Return the executor that a profile's file names; None if it names none or cannot be read."""
    with contextlib.suppress(RequestError):  # Snakemake says it better
        profile = read_yaml(config, _ALLOWED)
        return profile.get("executor") if isinstance(profile, dict) else None
    return None


def _slurm_is_silent() -> str | None:
    """Ask Slurm for its nodes; return why there is no answer, or None if there is one."""
    try:
        done = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise OSError(done.stderr.strip().rpartition("\n")[2])
    except (OSError, subprocess.TimeoutExpired) as error:
        return brief(error)
    return None


if __name__ == "__main__":  # for make
    try:
        print(*placement(find_project()))
    except RequestError as error:
        print(f"make: {error}", file=sys.stderr)
        sys.exit(2)
