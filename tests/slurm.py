"""A real Slurm on this machine: the quick book, then a sweep over two nodes, one of which dies.

Its book is the second one after that of make test, so that the two are held against each other: every
record by its last bit, every page by the letter. make slurm runs it. No root rights are needed: all of
Slurm's files lie in a folder of their own, and its daemons belong to the user and end with the script.
"""

import contextlib
import csv
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import nbformat
import psutil

from l2scaling.evidence import Record
from l2scaling.publish.runs.executed import records_of

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PROFILE = "profiles/slurm"
SITE = "_build/slurm/html"
SWEEP = ("penalty-and-pull", "--profile", "quick", "--seeds", "12")
POINTS = 12
NODES = ("node1", "node2")
LONG = 1200  # what no step should take, on a loaded machine either [s]
Found = TypeVar("Found")
PACKAGES = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}

SLURM_CONF = """\
ClusterName=book
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
MpiDefault=none
# A container may have no control groups to give: a job's processes are known by their parents.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
# The nodes are what is written here, not what the machine is.
SlurmdParameters=config_overrides
# No accounting, as on many a small cluster, but a line for each job that ends.
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/ended
# A node that does not answer is down after seconds, not after five minutes.
SlurmdTimeout=10
MessageTimeout=5
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=1 RealMemory=8000
NodeName=node2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=1 RealMemory=8000
PartitionName=all Nodes=ALL Default=YES
"""

# A job's processes leave the daemon that started them. One that adopts them keeps a node together.
KEEPER = """
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
daemon = subprocess.Popen(sys.argv[1:])
while os.wait()[0] != daemon.pid: pass
"""


class FailedCheckError(Exception):
    """What the script exists to find, in one line."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise FailedCheckError(what)


@dataclass(frozen=True)
class Job:
    """One end of a job: a requeued job has several."""

    number: int
    state: str
    node: str


@dataclass(frozen=True)
class Cluster:
    folder: Path
    environment: dict[str, str]
    keepers: dict[str, psutil.Process] = field(default_factory=dict)

    def ask(self, *command: str) -> list[str]:
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=30)
            return done.stdout.splitlines() if done.returncode == 0 else []
        return []

    def running(self, node: str) -> list[str]:
        """Return the jobs that run on a node, each as Snakemake's words for its rule and wildcards."""
        return self.ask("squeue", "--noheader", "--states=RUNNING", f"--nodelist={node}", "--format=%k")

    def ended(self) -> list[Job]:
        path = self.folder / "ended"
        lines = path.read_text().splitlines() if path.is_file() else []
        found = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
        return [Job(int(one["JobId"]), one["JobState"], one["NodeList"]) for one in found]

    def computes(self, node: str) -> bool:
        """Say whether a notebook's kernel is at work on a node."""
        found = self.keepers[node].children(recursive=True)
        with contextlib.suppress(psutil.Error):
            return any(one.name() == "book-kernel" for one in found)
        return False

    def kill(self, node: str) -> int:
        """Kill all that runs on a node, as if its power had failed; return how many processes.

        They are stopped first. Killed one by one, those left could still tell of the others' death.
        """
        keeper = self.keepers[node]
        processes: set[psutil.Process] = set()
        while found := {one for one in keeper.children(recursive=True) if one not in processes}:
            for process in found:
                with contextlib.suppress(psutil.Error):
                    process.suspend()
            processes |= found
        for process in [keeper, *processes]:
            with contextlib.suppress(psutil.Error):
                process.kill()
        return len(processes)


def ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Start munged, slurmctld and a slurmd for each node; stop them and all jobs at the end."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        folder.chmod(0o711)  # munged wants its socket to be within everyone's reach
        (folder / "state").mkdir()
        key = folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(128))
        conf = folder / "slurm.conf"
        values = {
            "host": socket.gethostname(),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "folder": folder,
            "ports": ports(3),
        }
        conf.write_text(SLURM_CONF.format(**values))
        # Snakemake's job starts its step without SLURM_CONF, for it expects the file in /etc/slurm.
        srun = folder / "bin" / "srun"
        srun.parent.mkdir()
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        environment = os.environ | {
            "SLURM_CONF": str(conf),
            "SNAKEMAKE_PROFILE": PROFILE,
            "PATH": f"{srun.parent}{os.pathsep}{os.environ['PATH']}",
        }
        made = Cluster(folder, environment)
        stack.callback(stop, made)

        def start(name: str, *words: object) -> psutil.Popen:
            with (folder / f"{name}.log").open("w") as log:
                return psutil.Popen([*map(str, words)], env=environment, stdout=log, stderr=log)

        files = {name: folder / f"munge.{name}" for name in ("socket", "pid", "seed")}
        start(
            "munged", "munged", "--foreground", f"--key-file={key}", f"--socket={files['socket']}",
            f"--pid-file={files['pid']}", f"--seed-file={files['seed']}", f"--log-file={folder}/munge.log",
        )  # fmt: skip
        wait(files["socket"].exists, "munged does not start", 60)
        start("slurmctld", "slurmctld", "-D")
        for node in NODES:
            made.keepers[node] = start(node, sys.executable, "-c", KEEPER, "slurmd", "-D", "-N", node)
        idle = ("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N")
        try:
            wait(lambda: made.ask(*idle) == [*NODES], "the nodes do not come up", 120)
            yield made
        except FailedCheckError:
            for log in sorted(folder.glob("*.log")):  # they are gone with the folder
                print(f"{log.name}:", *log.read_text().splitlines()[-10:], sep="\n  ", file=sys.stderr)
            raise


def stop(cluster: Cluster) -> None:
    for node in cluster.keepers:
        cluster.kill(node)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
            process.wait(10)


def wait(condition: Callable[[], Found], otherwise: str, seconds: float) -> Found:
    """Return what the condition gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        check(time.monotonic() < end, otherwise)
        time.sleep(0.2)
    return found


def snapshot(*folders: Path) -> dict[Path, int]:
    """Return when each executed notebook was written."""
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.glob("*.ipynb")}


def complete(path: Path) -> bool:
    """Say whether a notebook ran from its first code cell to its last without error."""
    cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code" and one.source]
    outputs = [output for cell in cells for output in cell.outputs]
    counted = [cell.execution_count for cell in cells] == [*range(1, len(cells) + 1)]
    return bool(cells) and counted and all(output.output_type != "error" for output in outputs)


@dataclass(frozen=True)
class Book:
    """The quick book as the tests have left it: the records of every run, and its pages."""

    sources: dict[str, str]
    records: dict[str, list[Record]]
    site: Path = ROOT / "_build" / "check" / "html"

    @classmethod
    def found(cls, chapters: list[str]) -> "Book | None":
        paths = {name: ROOT / "_build" / "runs" / "quick" / f"{name}.ipynb" for name in chapters}
        if not all(path.is_file() for path in paths.values()):
            return None
        runs = {name: nbformat.read(path, as_version=4) for name, path in paths.items()}
        sources = {name: run.metadata["l2scaling"]["source"] for name, run in runs.items()}
        return cls(sources, {name: records_of(run) for name, run in runs.items()})

    def differences(self, site: Path, now: "Book") -> list[str]:
        """Name what differs between two books, times aside: records by the last bit, pages by the letter."""
        differ = [name for name in self.records if self.records[name] != now.records[name]]
        ours, theirs = (
            {str(path.relative_to(folder)): timeless(path) for path in folder.rglob("*.html")}
            for folder in (self.site, site)
        )
        return differ + [name for name in ours | theirs if ours.get(name) != theirs.get(name)]


def timeless(page: Path) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "<time>", page.read_text())
    text = re.sub(r'<p><a href="[^"]*book\.pdf">.*?</p>|<!-- book\.pdf -->', "", text)  # printed or not
    text = re.sub(r"took \d+ s", "took <time>", text)
    return re.sub(r"\d+(\.\d+)?( minutes in all|</p></td>\n<td><p>\d</p></td>)", "<time>", text)


def call(cluster: Cluster, *words: str) -> None:
    done = subprocess.run(
        words, cwd=ROOT, env=cluster.environment, capture_output=True, text=True, timeout=LONG
    )
    said = " / ".join((done.stdout + done.stderr).splitlines()[-5:])
    check(done.returncode == 0, f"{' '.join(words)} failed: {said}")


def book(cluster: Cluster) -> str:
    """Build the whole book over both nodes, hold it against the tests' own, and build it once more."""
    toc = re.findall(r"file: notebooks/(\S+)", (ROOT / "_toc.yml").read_text())
    first = Book.found(toc)
    runs, tracked = ROOT / "_build" / "runs" / "quick", ROOT / "_build" / "tracked"
    for stale in (runs, tracked / "quick", tracked / "quick-site" / SITE, ROOT / SITE):
        shutil.rmtree(stale, ignore_errors=True)  # so that there is something to do
    build = ("make", "--no-print-directory", "book", "PROFILE=quick", f"SITE={SITE}")
    call(cluster, *build)
    jobs, before = cluster.ended(), snapshot(runs)
    chapters = [path.stem for path in (tracked / "quick").glob("*.ipynb")]
    check(sorted(chapters) == sorted(toc), f"chapters run: {sorted(chapters)}, in the book: {sorted(toc)}")
    broken = [name for name in toc if not complete(runs / f"{name}.ipynb")]
    check(not broken, f"chapters that did not run to their end: {broken}")
    check((ROOT / SITE / "index.html").is_file(), "the book has no index page")
    check(all(job.state == "COMPLETED" for job in jobs), f"jobs that did not complete: {jobs}")
    check(len(jobs) == len(toc) + 1, f"{len(jobs)} jobs for {len(toc)} chapters and a site")
    nodes = Counter(job.node for job in jobs)
    check(set(nodes) == {*NODES}, f"not both nodes had work: {dict(nodes)}")
    again = "no earlier book of these sources to compare with"
    now = Book.found(toc)
    assert now
    if first and first.sources == now.sources and (first.site / "index.html").is_file():
        differ = first.differences(ROOT / SITE, now)
        check(not differ, f"not the same as in the book of the tests: {', '.join(sorted(differ))}")
        again = f"{sum(map(len, now.records.values()))} records and all pages as in the book of the tests"
    check(again[0] != "n" or not os.environ.get("CI"), again)
    call(cluster, *build)
    check(cluster.ended() == jobs and snapshot(runs) == before, "a second make book ran something")
    return f"{len(toc)} chapters and the pages, {shares(nodes)}; {again}; a second call ran nothing"


def sweep(cluster: Cluster) -> str:
    """Run a sweep over both nodes, kill one on the way, and look for what was lost."""
    earlier = len(cluster.ended())
    folder = cluster.folder / "sweep"
    command = (str(BIN / "l2scaling"), "sweep", *SWEEP, "--output", str(folder))
    points, log = folder / "points", cluster.folder / "sweep.log"
    with log.open("w") as file:
        running = subprocess.Popen(command, cwd=ROOT, env=cluster.environment, stdout=file, stderr=file)
        _, dying = NODES

        def victims_now() -> list[str]:
            check(running.poll() is None, f"the sweep ended before a node could die: {log.read_text()}")
            ended = [job.node for job in cluster.ended()[earlier:]]
            ripe = len(ended) >= POINTS // 3 and {*ended} == {*NODES}
            return cluster.running(dying) if ripe and cluster.computes(dying) else []

        victims = wait(
            victims_now, f"no moment came with work done on both nodes and more begun on {dying}", LONG
        )
        killed = cluster.kill(dying)
        died = time.monotonic()
        status = running.wait(LONG)
    check(status == 0, f"the sweep failed after its node died: {log.read_text().splitlines()[-1]}")
    jobs = cluster.ended()[earlier:]
    nodes = Counter(job.node for job in jobs if job.state == "COMPLETED")
    lost = [job for job in jobs if job.state != "COMPLETED"]
    check(set(nodes) == {*NODES}, f"not both nodes had work: {dict(nodes)}")
    check(len(victims) == 1 == len(lost), f"points on {dying} when it died: {victims}; jobs lost: {lost}")
    check(lost[0].node == dying, f"a job was lost on a node that lived: {lost}")

    notebooks = sorted(points.glob("*.ipynb"))
    names = {path.stem for path in notebooks}
    check(len(notebooks) == POINTS, f"{len(notebooks)} notebooks for {POINTS} points")
    broken = [path.name for path in notebooks if not complete(path)]
    check(not broken, f"points that did not run to their end: {broken}")
    rest = [path.name for path in points.iterdir() if path.suffix not in (".ipynb", ".log")]
    check(not rest, f"half-written files: {rest}")
    with (folder / "evidence.csv").open(newline="") as file:
        rows = Counter((row["point"], row["quantity"]) for row in csv.DictReader(file))
    table = {(name, quantity) for name in names for _, quantity in rows}
    check(rows == Counter(table), "the table does not hold every quantity of every point exactly once")
    before = snapshot(points)
    call(cluster, *command)
    check(cluster.ended()[earlier:] == jobs and snapshot(points) == before, "a second sweep ran something")
    return (
        f"{POINTS} points, {shares(nodes)}; {dying} died with {killed} processes and point "
        f"{victims[0].rpartition('_')[2]}, which ran again; done {time.monotonic() - died:.0f} s later; "
        f"{len(rows)} rows, each once; a second call ran nothing"
    )


def shares(nodes: Counter[str]) -> str:
    return " and ".join(f"{count} on {node}" for node, count in sorted(nodes.items()))


def main() -> int:
    os.environ["PATH"] = os.pathsep.join([str(BIN), os.environ["PATH"], "/usr/sbin"])  # the daemons' place
    missing = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    if missing:
        print(f"slurm: not installed: {' '.join(missing)} (apt install {' '.join(missing)})", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the daemons are stopped then, too
    started = time.monotonic()
    try:
        with cluster() as made:
            for name, part in (("book", book), ("sweep", sweep)):
                began = time.monotonic()
                print(f"{name}: {part(made)} ({time.monotonic() - began:.0f} s)", flush=True)
    except (FailedCheckError, subprocess.TimeoutExpired) as failure:
        print(f"slurm: {' '.join(str(failure).split())}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(ROOT / "_build" / "slurm", ignore_errors=True)
        shutil.rmtree(ROOT / "_build" / "tracked" / "quick-site" / SITE, ignore_errors=True)
    print(f"slurm: nothing lost and nothing half done ({time.monotonic() - started:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
