"""Both commands of the README on a bare Debian, made for the purpose and removed after it: make fresh.

It has what the README asks for and nothing else, a user without rights whose home is empty, and a
clone of what is committed here. From outside come the means to reach package indexes, no other
setting. Python's standard library is enough, since this runs where nothing is installed.
"""

import argparse
import configparser
import contextlib
import fcntl
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "fresh"
BARE = FOLDER / "root"
SUITES = ("bookworm", "trixie")
"""Releases of Debian, whose Pythons are 3.11 and 3.13."""

ASKED_FOR = "python3,python3-venv,git,make,ca-certificates"
USER = "reader"
HOME = f"/home/{USER}"
CHECKOUT = f"{HOME}/book"
PATH = "/usr/local/bin:/usr/bin:/bin"

ABSENT = ("chromium", "java", "node", "sbatch", "sinfo", "cc")
"""What the README calls optional, and a compiler."""

NAMED = ("chromium", "java", "node")
"""What some test needs, and so must be named where that test is left out."""

PIP_OPTIONS = frozenset(
    {"index-url", "extra-index-url", "find-links", "no-index", "constraint", "trusted-host", "cert"}
    | {"client-cert", "proxy", "timeout", "default-timeout", "retries", "disable-pip-version-check"}
)
"""Where pip takes packages from, and how it gets there."""

PIP_ASIDE = re.compile(r"WARNING: Location '.*' is ignored: it is neither a file nor a directory")
"""What pip says of each package that an index in a folder does not have; the log keeps it."""

PATH_OPTIONS = frozenset({"find-links", "constraint", "cert", "client-cert"})
CERTIFICATES = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"})
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

FORBIDDEN = {"nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV, "noexec": os.ST_NOEXEC}
"""What a mount may forbid, by its option and its bit."""


class UnusableError(Exception):
    """Why nothing can be tried here, in one line."""


class FailedStepError(Exception):
    """What the script exists to find, in one line."""


@dataclass(frozen=True)
class Index:
    """How pip reaches its packages on the outside."""

    configuration: str
    """One file that says what the user's and the system's files say together."""
    variables: dict[str, str]
    paths: tuple[Path, ...]
    """The files and folders that these name."""


def main() -> int:
    """Make the root, use it and remove it; return 0, 1 for a failed step, 2 if there can be none."""
    parser = argparse.ArgumentParser(prog="fresh", description=__doc__.split(":")[0])
    parser.add_argument(
        "--profile", default="published", choices=("quick", "published", "full"), help="of the book"
    )
    parser.add_argument("--suite", default=SUITES[0], choices=SUITES, help="release of Debian")
    parser.add_argument("--only", choices=commands(), help="try one of the two commands")
    parser.add_argument("--bring", action="store_true", help="put the book's site and runs into _build here")
    parser.add_argument(
        "--ask", action="store_true", help="say whether this machine can, and do nothing else"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # how it calls itself
    options = parser.parse_args()
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"  # a user's own lacks them
    try:
        if options.inside:
            as_first_process()
            use(options)
            return 0
        maker()
        refuse_without_mounts()
        if options.ask:
            return 0
        refuse_unrecorded()
        with alone() as lock:
            return supervise(lock)
    except (UnusableError, FailedStepError) as error:
        print(f"fresh: {error}", file=sys.stderr, flush=True)
        return 2 if isinstance(error, UnusableError) else 1


# ---- outside: what this machine has, and what is left behind


def maker() -> str:
    """Return the program that makes roots."""
    for name in ("mmdebstrap", "debootstrap"):
        if found := shutil.which(name):
            return found
    raise UnusableError("neither mmdebstrap nor debootstrap is installed; on Debian: apt install mmdebstrap")


def namespaces() -> list[str]:
    """Return a command that runs another where its mounts and processes end with it.

    Who is not root plays root, over the user numbers that /etc/subuid grants.
    """
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
    return ["unshare", *own, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]


def refuse_without_mounts() -> None:
    mounting = [*namespaces(), "mount", "-t", "proc", "proc", "/proc"]
    try:
        subprocess.run(mounting, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = last_line(getattr(error, "stderr", None) or str(error))
        raise UnusableError(
            f"a bare root needs the right to mount ({said}); allowed: root, or a user named in /etc/subuid"
        ) from error


def last_line(said: str) -> str:
    return said.strip().rpartition("\n")[2]


def git(*words: str | Path) -> str:
    """Call git without the user's settings, on a checkout that somebody else may own."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    settings = FOLDER / "gitconfig"
    settings.write_text("[safe]\n\tdirectory = *\n")
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    variables |= {"GIT_CONFIG_GLOBAL": str(settings), "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(["git", *words], cwd=ROOT, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise UnusableError(f"git {words[0]} failed ({last_line(done.stderr)}); allowed: a git checkout")
    return done.stdout


def refuse_unrecorded() -> None:
    """Refuse a tree that differs from its commit, and name files that git does not know."""
    lines = git("status", "--porcelain").splitlines()
    unknown = [line[3:] for line in lines if line.startswith("??")]
    if len(unknown) < len(lines):
        changed = next(line[3:] for line in lines if not line.startswith("??"))
        raise UnusableError(f"{changed!r} differs from the last commit; allowed: a tree without changes")
    if unknown:
        say(f"left out, since git does not know them: {', '.join(unknown)}")


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Hold the lock that the kernel frees when all who hold it are dead."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnusableError("another one is at work in _build/fresh; allowed: one at a time") from None
        yield file.fileno()


def supervise(lock: int) -> int:
    """Run this script again in namespaces of its own, and remove the root whatever happens.

    The one inside lives as long as the pipe to it: if this process is killed, it dies too, and so do
    all its processes and mounts. The next call then removes the folder.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for one in signals:
        signal.signal(one, stop)
    remove_root()
    inside = subprocess.Popen(
        [*namespaces(), sys.executable, __file__, *sys.argv[1:], "--inside"],
        stdin=subprocess.PIPE, pass_fds=[lock], start_new_session=True,
    )  # fmt: skip
    try:
        status = inside.wait()
        if status not in (0, 1, 2):
            raise FailedStepError(f"killed from outside (status {status}); logs: {FOLDER}")
        return status
    finally:
        for one in signals:
            signal.signal(one, signal.SIG_IGN)
        inside.stdin.close()
        inside.wait()
        remove_root()


def remove_root() -> None:
    """Remove the root, unless anything is mounted in it."""
    if not BARE.exists():
        return
    if held := mounted_in(BARE):
        raise FailedStepError(f"{held[0]} is still mounted; nothing was removed")
    # in namespaces, for there its files belong to whom they belong
    done = subprocess.run([*namespaces(), "rm", "-rf", "--one-file-system", BARE], stdin=subprocess.DEVNULL)
    if done.returncode:
        raise FailedStepError(f"{BARE} could not be removed")


def mounted_in(folder: Path) -> list[Path]:
    """Return the places at and below a folder on which something is mounted."""
    fields = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    places = [Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), field)) for field in fields]
    return [place for place in places if place.is_relative_to(folder)]


# ---- what pip on the outside is told


def pip_files(variables: Mapping[str, str]) -> list[Path]:
    """Return the configuration files that pip would read outside, the last word last."""
    home = Path(variables.get("HOME", "/nonexistent"))
    chosen = variables.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    shared = (variables.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    own = Path(variables.get("XDG_CONFIG_HOME") or home / ".config")
    files = [*(Path(one, "pip", "pip.conf") for one in shared), Path("/etc/pip.conf")]
    files += [home / ".pip" / "pip.conf", own / "pip" / "pip.conf"]
    return [*files, Path(chosen)] if chosen else files


def index(variables: Mapping[str, str], files: Sequence[Path]) -> Index:
    """Collect what says where packages come from, and leave out the rest, such as where they go."""
    read = configparser.RawConfigParser()
    try:
        read.read(files)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UnusableError(f"pip's configuration cannot be read ({' '.join(str(error).split())})") from error
    merged = configparser.RawConfigParser()
    paths: list[Path] = []

    def local(option: str, value: str) -> str:
        """Take note of the paths in a value, and return it with the user's home spelt out."""
        words = [re.sub("^~(?=/)", variables.get("HOME", "~"), word) for word in value.split()]
        for word in words:
            if word.startswith("file://"):
                path = Path(unquote(urlsplit(word).path))
                # the pages of an index lead to files that lie beside it
                paths.append(path.parent if option.endswith("index-url") else path)
            elif option in PATH_OPTIONS and word.startswith("/"):
                paths.append(Path(word))
        return "\n".join(words)

    for section in read.sections():
        for name, value in read[section].items():
            option = name.replace("_", "-")
            if option in PIP_OPTIONS:
                merged.read_dict({section: {option: local(option, value)}})
    passed = {}
    for name, value in variables.items():
        option = name.removeprefix("PIP_").lower().replace("_", "-")
        if name.startswith("PIP_") and option in PIP_OPTIONS:
            passed[name] = " ".join(local(option, value).split("\n"))
        elif name in CERTIFICATES:
            passed[name] = value
            paths.append(Path(value))
        elif name.upper() in PROXIES:
            passed[name] = value
    text = io.StringIO()
    merged.write(text)
    return Index(text.getvalue(), passed, outermost(paths))


def outermost(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the paths that are there, without those that lie below another."""
    there = sorted({path for path in paths if path.exists()})
    return tuple(path for path in there if not any(path != one and path.is_relative_to(one) for one in there))


# ---- inside: as root of a machine with mounts and processes of its own


def as_first_process() -> None:
    """Return in a child; here, adopt the orphans, and end everything as soon as the outside is gone."""
    if os.getpid() != 1:
        raise UnusableError("--inside is for the script itself; allowed: make fresh")
    child = os.fork()
    if not child:
        return

    def end_with_outside() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=end_with_outside, daemon=True).start()
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) % 256)


def use(options: argparse.Namespace) -> None:
    os.umask(0o022)
    found = index(os.environ, pip_files(os.environ))
    step("root", *bootstrap(options.suite), variables=os.environ | {"LC_ALL": "C"})
    furnish(found)
    for name, command in commands(options.profile).items():
        if options.only in (None, name):
            say(f"{name}: {command}, as {USER} in {CHECKOUT}")
            step(name, *as_reader(found, command), aloud=True)
            if options.bring and name == "book":
                bring(options.profile)
    if options.only != "book":
        tell_skips((FOLDER / "tests.log").read_text())
    say(f"passed on a bare Debian, {options.suite}")


def commands(profile: str = "published") -> dict[str, str]:
    """Return the commands of the README by the names of their steps."""
    return {
        "book": "make book" + (f" PROFILE={profile}" if profile != "published" else ""),
        "tests": "make test",
    }


def bootstrap(suite: str) -> list[str]:
    """Return the command that makes the root, from the sources of packages that are in use outside."""
    program = maker()
    choice = ["--variant=minbase", f"--include={ASKED_FOR}"]
    listed = asked("apt-get", "indextargets", "--format", APT_FORM, "Created-By: Packages")
    sources = apt_sources(listed, suite)
    if Path(program).name == "debootstrap":
        return [program, *choice, suite, str(BARE), *(entry.split()[1] for entry in sources[:1])]
    ways = [f"--aptopt={line}" for line in asked("apt-config", "dump") if APT_WAYS.match(line)]
    return [program, "--mode=root", "--format=directory", *choice, *ways, suite, str(BARE), *sources]


APT_FORM = "$(ORIGIN) deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
APT_WAYS = re.compile(r"Acquire::(https?::|Check-|Retries|ForceIPv)\S* \"")
"""How apt is told to reach its sources: proxies and certificates among them."""


def apt_sources(targets: Sequence[str], suite: str) -> list[str]:
    """Return Debian's own entries for the release, the release first; none where apt has others."""
    entries = [line.split(" ", 1)[1] for line in targets if line.startswith("Debian ")]
    fitting = [one for one in entries if re.search(rf" {suite}(-updates|-security)? main$", one)]
    fitting.sort(key=lambda one: not one.endswith(f" {suite} main"))
    return fitting if fitting and fitting[0].endswith(f" {suite} main") else []


def asked(*command: str) -> list[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):  # a system without apt
        return []


def furnish(found: Index) -> None:
    """Give the root what a running machine has, the user, the clone and the way to packages."""
    mount("--bind", BARE, BARE)  # only what is mounted can become the root
    mount("-t", "proc", "proc", BARE / "proc")
    mount("--rbind", "/sys", BARE / "sys")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", BARE / "dev")
    for name in ("null", "zero", "full", "random", "urandom"):
        (BARE / "dev" / name).touch()
        mount("-o", "bind", f"/dev/{name}", BARE / "dev" / name)
    for name, target in {"fd": "", "stdin": "/0", "stdout": "/1", "stderr": "/2"}.items():
        (BARE / "dev" / name).symlink_to(f"/proc/self/fd{target}")
    (BARE / "dev" / "shm").mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", BARE / "dev" / "shm")
    for path in (Path("/etc/resolv.conf"), Path("/etc/hosts")):
        (BARE / path.relative_to("/")).unlink(missing_ok=True)
        if path.exists():
            shutil.copyfile(path, BARE / path.relative_to("/"))
    (BARE / "etc" / "pip.conf").write_text(found.configuration)
    for path in outermost([*found.paths, SYSTEM_CERTIFICATES]):
        place = BARE / inside("realpath", "--canonicalize-missing", path).strip().lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        for above in place.relative_to(BARE).parents:  # root's home, say, is closed to others
            (BARE / above).chmod((BARE / above).stat().st_mode | 0o011)
        if not place.exists():
            place.mkdir() if path.is_dir() else place.touch()
        # a user who plays root must leave what else is forbidden there
        kept = [name for name, bit in FORBIDDEN.items() if os.statvfs(path).f_flag & bit]
        mount("-o", ",".join(["bind", "ro", *kept]), path, place)

    if surplus := [name for name in ABSENT if inside("sh", "-c", f"command -v {name} || true")]:
        raise FailedStepError(f"the root is not bare: it has {surplus[0]}")
    inside("useradd", "--home-dir", HOME, "--shell", "/bin/bash", USER)
    (BARE / HOME[1:]).mkdir()
    git("clone", "--quiet", "--no-local", ROOT, BARE / CHECKOUT[1:])
    copy = ("-C", BARE / CHECKOUT[1:], "remote")
    if "origin" in git("remote").split():  # the pages name it, where it is on the web
        git(*copy, "set-url", "origin", git("remote", "get-url", "origin").strip())
    else:
        git(*copy, "remove", "origin")
    inside("chown", "--recursive", f"{USER}:{USER}", HOME)


def mount(*words: str | Path) -> None:
    call("mount", *words)


def inside(*command: str | Path) -> str:
    return call("chroot", BARE, "env", "-i", f"PATH={PATH}:/usr/sbin:/sbin", *command)


def call(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise FailedStepError(f"{' '.join(map(str, command))} failed: {done.stderr.strip()}")
    return done.stdout


def as_reader(found: Index, command: str) -> list[str]:
    """Return what calls a command as the user who has nothing."""
    variables = {"HOME": HOME, "PATH": PATH} | found.variables
    words = [f"{name}={value}" for name, value in variables.items()]
    there = ["sh", "-c", f"cd {CHECKOUT} && exec {command}"]
    # the kernel grants those in a chroot no namespaces of their own, which some tests use
    entry = 'cd "$0" && pivot_root . . && umount --lazy . && exec "$@"'
    bare = ["unshare", "--mount", "sh", "-c", entry, str(BARE)]
    user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
    return [*bare, *user, "env", "-i", *words, *there]


def step(name: str, *command: str, variables: Mapping[str, str] | None = None, aloud: bool = False) -> None:
    """Run a command, keep what it says in a log, and say how long it took."""
    log = FOLDER / f"{name}.log"
    started = time.monotonic()
    with log.open("w") as file, subprocess.Popen(
        command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout:
            print(line, end="", file=file, flush=True)
            if aloud and not PIP_ASIDE.match(line):
                print(" ", line, end="", flush=True)
    if process.returncode and not aloud:
        print("", *log.read_text().splitlines()[-10:], sep="\n  ", file=sys.stderr)
    if process.returncode:
        raise FailedStepError(f"step '{name}' failed with status {process.returncode}; see {log}")
    say(f"{name}: {time.monotonic() - started:.0f} s")


def tell_skips(said: str) -> None:
    """Print what pytest left out for lack of something; each thing that is lacking must be named."""
    reasons: Counter[str] = Counter()
    for count, reason in re.findall(r"^SKIPPED \[(\d+)\] \S+: (.+)$", said, re.MULTILINE):
        reasons[reason] += int(count)
    say("left out by the tests, for what this machine lacks:")
    for reason, count in reasons.most_common():
        print(f"  {count:4d}  {reason}", flush=True)
    if silent := [name for name in NAMED if not re.search(rf"\b{name}\b", "\n".join(reasons), re.IGNORECASE)]:
        raise FailedStepError(f"step 'tests' left nothing out for lack of {silent[0]}, which is not there")


def bring(profile: str) -> None:
    """Put the book's runs and site in place of those here, with what Snakemake knows of them."""
    made = BARE / CHECKOUT[1:]
    stage = FOLDER / "brought"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir()
    parts = [
        f"_build/runs/{profile}",
        f"_build/tracked/{profile}",
        f"_build/tracked/{profile}-site",
        "_build/html",
    ]
    records = ".snakemake/metadata"
    # in one call, which keeps the links between them
    copy = ("cp", "--archive", "--no-preserve=ownership", "--parents", *parts, records, stage)
    call("env", f"--chdir={made}", *copy)
    call("chown", "--recursive", f"--reference={ROOT}", stage)
    with (ROOT / "_build" / "lock").open("w") as lock:  # as make book does
        fcntl.flock(lock, fcntl.LOCK_EX)
        for part in parts:
            old = stage / "old"
            (ROOT / part).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / part).exists():
                (ROOT / part).rename(old)
            (stage / part).rename(ROOT / part)
            shutil.rmtree(old, ignore_errors=True)
        call("mkdir", "--parents", ROOT / records)
        call("cp", "--archive", f"{stage / records}/.", ROOT / records)
    shutil.rmtree(stage)
    say(f"the book: {ROOT}/_build/html/index.html")


def say(what: str) -> None:
    print(f"fresh: {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
