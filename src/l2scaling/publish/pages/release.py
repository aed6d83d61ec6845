"""A release: one archive of the pages, the executed notebooks, the results and the sources, with their sums.

A zip file, because every system opens one without a tool to install, and a repository such as
Zenodo shows what is in it. Extracted, it needs no server and no other host to be read, and no git to be
built again.
"""

import hashlib
import os
import re
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence import results
from l2scaling.publish.locks import exclusive
from l2scaling.publish.pages import citation, crate
from l2scaling.publish.pages.pdf import DRAFT
from l2scaling.publish.pages.site import own_git
from l2scaling.publish.project import Project
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.provenance import git

SUMS = "SHA256SUMS"
WORDS = ("CITATION.cff", *crate.LICENCES.values())
SOURCE = "source"
"""The folder of the archive that is the project, as a clone of the repository would be."""
MADE_FROM = ("book", "notebooks", "results", "src")
"""The folders of which the book is built: what lies there and is not in the archive would be missed."""
YEARS = range(1980, 2108)
"""A zip file knows no others."""


def release(project: Project, profile: str, site: Path, folder: Path) -> Path:
    """Write the archive of a built site, of its runs and of the results, and return its path.

    The same files give the same bytes, where the same zlib packs them. Raises ``RequestError`` if
    the site or a run is missing or is not of the sources as they are now, or if nobody knows which files are
    sources; ``RunError`` if the evidence may not be published. An archive that is there is replaced only by a
    whole one.
    """
    book = citation.book_reference(project)
    moment = _moment(book.date)
    name = f"l2scaling-{book.version}" + ("" if profile == "published" else f"-{profile}")
    archive = folder / f"{name}.zip"
    with exclusive(project, archive), exclusive(project, site):  # no build replaces it meanwhile
        _check(project, profile, site)
        names, commit = _sources(project)
        contents = dict(_contents(project, profile, site))
        contents |= {f"{SOURCE}/{one}": (project.root / one).read_bytes() for one in names}
        runs = {chapter: executed.executed(project, chapter, profile) for chapter in project.chapters()}
        sizes = {one: len(data) for one, data in sorted(contents.items())}
        contents[crate.METADATA] = crate.crate(project, profile, runs, sizes, commit).encode()
        contents["README.txt"] = _README.format(
            title=book.book, version=book.version, profile=profile, name=name,
            choice="" if profile == "published" else f" PROFILE={profile}",
        ).encode()  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        draft = archive.with_suffix(".draft")
        programs = {f"{SOURCE}/{one}" for one in names if (project.root / one).stat().st_mode & stat.S_IXUSR}
        _pack(draft, name, contents, programs, moment)
        draft.replace(archive)
    return archive


def _moment(released: tuple[int, int, int]) -> tuple[int, int, int, int, int, int]:
    """Return the time that all files of the archive carry: a setting's, or that of the release."""
    text = os.environ.get("SOURCE_DATE_EPOCH") or ""
    if not text:
        return (*released, 0, 0, 0)
    moment = datetime.fromtimestamp(int(text), UTC) if re.fullmatch(r"\d{1,10}", text) else None
    if moment is None or moment.year not in YEARS:
        raise RequestError(
            f"SOURCE_DATE_EPOCH cannot be {text!r}; "
            f"allowed: seconds since 1970, in the years {YEARS[0]} to {YEARS[-1]}"
        )
    return moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second


def _check(project: Project, profile: str, site: Path) -> None:
    """Raise an error unless the site shows the runs of a profile, fresh and fit to publish."""
    chapters = project.chapters()
    runs = {chapter: executed.executed(project, chapter, profile) for chapter in chapters}
    records = [record for run in runs.values() for record in executed.records_of(run)]
    results.check(project, profile, chapters, records, executed.setups(runs))
    if not (site / "index.html").is_file():
        raise RequestError(f"{str(site)!r} holds no built book; allowed: a folder made by l2scaling site")
    for chapter in chapters:
        run = project.run_path(chapter, profile).read_bytes()
        shown = [path.read_bytes() for path in site.glob(f"_downloads/*/{chapter}.executed.ipynb")]
        if shown != [run]:
            raise RequestError(
                f"{str(site)!r} does not show the run of chapter {chapter!r} in profile {profile!r}; "
                "allowed: a site built from it, which make book makes"
            )


def _contents(project: Project, profile: str, site: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of what comes into the archive from files."""
    for path in sorted(site.rglob("*")):
        # a printing that was killed leaves drafts; .buildinfo is what Sphinx notes of this machine for itself
        if path.is_file() and not path.name.startswith((DRAFT, ".buildinfo")) and path.suffix != ".draft":
            yield f"html/{path.relative_to(site).as_posix()}", path.read_bytes()
    for chapter in project.chapters():
        yield f"notebooks/{chapter}.ipynb", project.run_path(chapter, profile).read_bytes()
    for pattern in ("*.json", "*.csv"):
        for path in project.results.glob(pattern):
            yield f"results/{path.name}", path.read_bytes()
    for word in WORDS:
        if (project.root / word).is_file():
            yield word, (project.root / word).read_bytes()


def _sources(project: Project) -> tuple[list[str], str | None]:
    """Return the names of the project's own files, and the commit whose files they are, if it is one.

    Git knows them; in an archive that was unpacked, its sums do.
    """
    try:
        known = own_git(project, "ls-files", "-z").split("\0")
        names = sorted(one for one in known if one and (project.root / one).is_file())
        changed = git(project, "status", "--porcelain", "--untracked-files=no")
        commit = None if changed else git(project, "rev-parse", "HEAD").strip()
        new = git(project, "ls-files", "--others", "--exclude-standard", "--", *MADE_FROM).splitlines()
    except (OSError, subprocess.CalledProcessError):
        sums = project.root.parent / SUMS
        if project.root.name != SOURCE or not sums.is_file():
            raise RequestError(
                f"nobody knows which files of {str(project.root)!r} are sources; "
                f"allowed: a git checkout, or folder {SOURCE} of a release that was unpacked"
            ) from None
        listed = (line.partition("  ")[2] for line in sums.read_text(encoding="utf-8").splitlines())
        return [one.removeprefix(f"{SOURCE}/") for one in listed if one.startswith(f"{SOURCE}/")], None
    if new:  # the book could not be built from an archive without it
        raise RequestError(f"{new[0]!r} is unknown to git; allowed: sources that were added, or are ignored")
    return names, commit


def _pack(
    path: Path, name: str, contents: dict[str, bytes], programs: set[str], moment: tuple[int, ...]
) -> None:
    sums = "".join(f"{hashlib.sha256(contents[one]).hexdigest()}  {one}\n" for one in sorted(contents))
    with zipfile.ZipFile(path, "w") as archive:
        for one, data in sorted({**contents, SUMS: sums.encode()}.items()):
            entry = zipfile.ZipInfo(f"{name}/{one}", moment)  # type: ignore[arg-type]
            entry.create_system = 3  # Unix, so that the mode below counts
            entry.external_attr = (stat.S_IFREG | (0o755 if one in programs else 0o644)) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, compresslevel=9)


_README = """\
{title}
Version {version}, from the runs of profile "{profile}".

To read, open html/index.html in a browser. The pages ask nothing of any other host.

  html/       the book
  notebooks/  the executed notebook behind each chapter; it names its commit, versions and machine
  results/    the reviewed evidence: what each chapter predicted and measured
  source/     all that the book is built from, with a README.md of its own

ro-crate-metadata.json says the same to programs: each run with its parameters, versions and dates
(an RO-Crate 1.1, after the profile Process Run Crate).

To verify, in this folder, {name}:

  sha256sum -c --quiet SHA256SUMS       (on macOS: shasum -a 256 -c SHA256SUMS)

It is silent, or names each file that is not as it was released.

To build the book again, on Linux with Python 3.11 or newer and make (source/README.md says more):

  cd source
  mkdir -p _build/runs && cp -R ../notebooks _build/runs/{profile}
  make book{choice}

The second line is what restores the runs, so that none is repeated; leave it out to run every chapter.

To cite, see CITATION.cff. Code is under the licence in LICENSE (MIT), text and figures under the
one in LICENSE-TEXT (CC BY 4.0).
"""
