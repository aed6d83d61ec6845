"""The release archive: whole, verifiable with standard tools, readable, and built again from itself."""

import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import (
    ROOT,
    complaint,
    environment,
    l2scaling,
    lack,
    link_environment,
    need,
    path_without,
    tool,
)

from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.pages import site
from l2scaling.publish.pages.release import _sources, release
from l2scaling.publish.project import Project, title
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.provenance import git

PROJECT = Project(ROOT)
CHAPTER = "penalty-and-pull"


@pytest.fixture(scope="session")
def archive(quick_site, tmp_path_factory) -> Path:
    return release(PROJECT, "quick", quick_site, tmp_path_factory.mktemp("release"))


@pytest.fixture
def unpacked(archive, tmp_path) -> Path:
    """The archive, extracted far from the project."""
    shutil.unpack_archive(archive, tmp_path)
    (folder,) = tmp_path.iterdir()
    return folder


def verify(folder: Path) -> subprocess.CompletedProcess:
    command = ["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_sums_cover_every_file_and_notice_one_changed_byte(archive, unpacked):
    assert unpacked.name == archive.stem
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    summed = {line.split("  ")[1] for line in (unpacked / "SHA256SUMS").read_text().splitlines()}
    assert summed == files - {"SHA256SUMS"}
    assert {"README.txt", "CITATION.cff", "LICENSE", "LICENSE-TEXT", "html/index.html"} <= summed
    # what differs from the commit is left out here, as a test must not ask for a clean tree
    assert {f"source/{name}" for name in git(PROJECT, "ls-files").splitlines()} >= {
        name for name in summed if name.startswith("source/")
    }
    assert {"source/Makefile", "source/requirements.lock", "source/.ci/run"} <= summed
    for chapter in PROJECT.chapters():
        run = (unpacked / "notebooks" / f"{chapter}.ipynb").read_bytes()
        assert run == PROJECT.run_path(chapter, "quick").read_bytes()
        assert f"results/{chapter}.json" in summed
    assert "sha256sum -c" in (unpacked / "README.txt").read_text()
    done = verify(unpacked)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    victim = unpacked / "html" / "book" / "index.html"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    done = verify(unpacked)
    assert done.returncode == 1
    assert done.stdout == "html/book/index.html: FAILED\n"


def test_the_unpacked_book_opens_from_its_files_alone(browser, unpacked):
    page = browser.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: errors.append(request.url))
    page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((unpacked / "html" / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")  # the front door leads on
    page.wait_for_load_state("networkidle")
    for name in ("book/index", f"notebooks/{CHAPTER}"):
        page.goto((unpacked / "html" / f"{name}.html").as_uri())
        page.wait_for_load_state("networkidle")
        page.wait_for_function("document.documentElement.dataset.math === 'set'")
        assert page.evaluate("document.images.length") > 0
        assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    page.close()
    assert errors == []
    assert [one for one in asked if not one.startswith((unpacked.as_uri(), "data:"))] == []


def test_the_same_files_give_the_same_bytes_and_nothing_of_the_machine(
    archive, quick_site, tmp_path, monkeypatch
):
    site = tmp_path / "site"
    shutil.copytree(quick_site, site, copy_function=shutil.copyfile)  # other times and modes
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    again = release(PROJECT, "quick", site, tmp_path)
    assert again.read_bytes() == archive.read_bytes()
    entries = zipfile.ZipFile(archive).infolist()
    modes = {entry.filename.partition("/")[2]: entry.external_attr >> 16 for entry in entries}
    assert {(mode, entry.extra) for mode, entry in zip(modes.values(), entries, strict=True)} == {
        (0o100644, b""), (0o100755, b""),
    }  # fmt: skip
    assert modes["source/.ci/run"] == 0o100755
    assert {mode for name, mode in modes.items() if not name.startswith("source/")} == {0o100644}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = zipfile.ZipFile(release(PROJECT, "quick", site, tmp_path)).infolist()
    assert {entry.date_time for entry in dated} == {(2023, 11, 14, 22, 13, 20)}


def commit(root: Path) -> None:
    """Make a git checkout of a project, in which all but what is built is committed."""
    need("git", otherwise="nobody knows which files are sources")
    shutil.copy(ROOT / ".gitignore", root)
    for words in ("init", "add --all", "-c user.name=x -c user.email=x@x.example commit --message x"):
        name, *rest = words.split()
        subprocess.run(["git", name, *rest], cwd=root, capture_output=True, check=True)


def show(project: Project) -> None:
    """Let the pages offer the run, as those of a chapter with a run card do."""
    shown = project.build / "html" / "_downloads" / "0" / "sample.executed.ipynb"
    shown.parent.mkdir(parents=True)
    shutil.copy(project.run_path("sample", "quick"), shown)


@pytest.fixture
def small(sample) -> Project:
    """The sample with a run, and pages that show it."""
    commit(sample)
    project = Project(sample)
    assert l2scaling("run", "sample", "--profile", "quick", project=sample).returncode == 0
    show(project)
    (project.build / "html" / "index.html").write_text("the pages")
    return project


def test_an_interrupted_release_leaves_the_last_one_and_the_next_completes(small, monkeypatch):
    site, folder = small.build / "html", small.build / "release"
    good = release(small, "quick", site, folder)
    before = good.read_bytes()
    (site / "index.html").write_text("other pages")

    def interrupt(archive, entry, *_, **__):
        if entry.filename.endswith("index.html"):
            raise KeyboardInterrupt
        return write(archive, entry, *_, **__)

    write = zipfile.ZipFile.writestr
    with monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "writestr", interrupt)
        with pytest.raises(KeyboardInterrupt):
            release(small, "quick", site, folder)
    assert good.read_bytes() == before
    assert release(small, "quick", site, folder) == good
    assert zipfile.ZipFile(good).read(f"{good.stem}/html/index.html") == b"other pages"
    assert list(folder.iterdir()) == [good]


def test_what_is_missing_stale_or_not_fit_to_publish_is_refused(small):
    site, folder = small.build / "html", small.build / "release"

    def refused(words: str, profile: str = "quick", site: Path = site, error: type = RequestError) -> None:
        with pytest.raises(error, match=words):
            release(small, profile, site, folder)

    refused("has no run in profile 'published'", profile="published")
    refused("'/nowhere' holds no built book", site=Path("/nowhere"))
    (shown,) = site.glob("_downloads/*/*")
    run = shown.read_bytes()
    shown.write_bytes(run + b"\n")
    refused("does not show the run of chapter 'sample'")
    shown.write_bytes(run)
    lock = small.root / "requirements.lock"
    lock.write_text((locked := lock.read_text()) + "\n")
    refused("chapter 'sample' in profile 'quick' is not of the sources as they are")
    lock.write_text(locked)
    shutil.move(small.root / ".git", small.root / "history")
    refused("nobody knows which files of .* are sources; allowed: a git checkout, or folder source")
    shutil.move(small.root / "history", small.root / ".git")
    (new := small.root / "src" / "l2scaling" / "new.py").touch()
    refused("'src/l2scaling/new.py' is unknown to git; allowed: sources that were added")
    new.unlink()
    claim = "- {id: A1, source: T1, who: x, claim: y, ruling: holds, chapters: [sample]}\n"
    (small.root / "book" / "claims.yml").write_text(claim)
    refused("claim A1 has no record from sample", error=RunError)
    # the command says the same in one line
    assert "'fast'" in complaint(l2scaling("release", "--profile", "fast", project=small.root), 2)
    assert "A1" in complaint(l2scaling("release", "--profile", "quick", project=small.root), 1)
    assert not folder.exists()


# ---------------------------------------------------------------- built again, from the archive alone


def files(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_the_book_is_built_again_from_the_archive_alone_without_git_and_without_a_run(built_sample, tmp_path):
    commit(built_sample)
    show(Project(built_sample))
    archive = release(Project(built_sample), "quick", built_sample / "_build" / "html", tmp_path)
    shutil.unpack_archive(archive, tmp_path / "elsewhere")
    folder = tmp_path / "elsewhere" / archive.stem
    shutil.rmtree(built_sample)
    source = folder / "source"
    link_environment(source)  # what make would install from the lock that lies there
    commands = re.search(r"To build the book again.*:\n\n((?:  .+\n)+)", (folder / "README.txt").read_text())
    bare = environment(source) | {"PATH": path_without(tmp_path / "bin", "git")}
    done = subprocess.run(
        ["bash", "-euc", commands[1]], cwd=folder, env=bare, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sample:" not in done.stderr, "a chapter was run again"
    project = Project(source)
    assert (
        project.run_path("sample", "quick").read_bytes() == (folder / "notebooks/sample.ipynb").read_bytes()
    )
    show(project)
    again, before = files(project.build / "html"), files(folder / "html")
    again.pop(".buildinfo")
    assert again.keys() == before.keys()
    assert [name for name in before if again[name] != before[name]] == []

    second = release(project, "quick", project.build / "html", tmp_path / "second")
    assert zipfile.ZipFile(second).namelist() == zipfile.ZipFile(archive).namelist()

    shutil.rmtree(source / "_build")  # and with a run, where none is restored
    done = subprocess.run(
        ["make", "book", "PROFILE=quick"], cwd=source, env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "sample:" in done.stderr) == (0, True), done.stderr


def test_an_archive_that_lies_in_another_repository_takes_nothing_of_it_for_its_own(tmp_path, monkeypatch):
    need("git", otherwise="there is no repository to lie in")
    monkeypatch.delenv("L2SCALING_REPOSITORY", raising=False)
    for words in ("init", "remote add origin https://forge.example/group/other"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, capture_output=True, check=True)
    (source := tmp_path / "l2scaling-0.1.0" / "source").mkdir(parents=True)
    (source.parent / "SHA256SUMS").write_text("0a  README.txt\n0a  source/Makefile\n")
    assert site.repository(Project(tmp_path)) == "https://forge.example/group/other"
    assert site.repository(Project(source)) is None
    assert _sources(Project(source)) == (["Makefile"], None)


# ---------------------------------------------------------------- what it says of itself to programs


def test_each_run_is_described_with_what_it_was_made_from_and_with(unpacked):
    graph = json.loads((unpacked / "ro-crate-metadata.json").read_text())["@graph"]
    there = {entity["@id"]: entity for entity in graph}
    assert len(there) == len(graph)

    def named(value) -> list[str]:
        if isinstance(value, list):
            return [name for one in value for name in named(one)]
        return [value["@id"]] if isinstance(value, dict) else []

    for entity in graph:
        for field, value in entity.items():
            if field != "@id" and entity["@id"] != "ro-crate-metadata.json":
                assert all(name in there for name in named(value)), (entity["@id"], field)
        if "File" in entity["@type"]:
            assert (unpacked / entity["@id"]).stat().st_size == int(entity["contentSize"])
    parts = named(there["./"]["hasPart"])
    assert len(set(parts)) == len(parts)
    for kind in ("results/*.json", "results/*.csv", "notebooks/*.ipynb", "source/requirements*"):
        assert {one.relative_to(unpacked).as_posix() for one in unpacked.glob(kind)} <= {
            *parts, "source/requirements-torch-needs.in",
        }  # fmt: skip
    for chapter in PROJECT.chapters():
        run, action = executed.executed(PROJECT, chapter, "quick"), there[f"#run-{chapter}"]
        record = run.metadata["l2scaling"]
        assert action["result"] == {"@id": f"notebooks/{chapter}.ipynb"}
        assert there[f"notebooks/{chapter}.ipynb"]["name"] == title(run)
        assert action["startTime"][:19] == run.metadata["papermill"]["start_time"][:19]
        given = [there[one["@id"]] for one in action["object"]]
        values = {one["name"]: one["value"] for one in given if one["@type"] == "PropertyValue"}
        as_text = {name: one if isinstance(one, str) else json.dumps(one) for name, one in values.items()}
        assert as_text == {
            name: one if isinstance(one, str) else json.dumps(one)
            for name, one in record["parameters"].items()
        }
        further = {there[one["@id"]]["value"] for one in action["additionalProperty"]}
        assert {record["processor"], "quick", record["threads"]} <= further
        program = there[action["instrument"]["@id"]]
        assert record["commit"] is None or record["commit"] in program["version"]
        software = [there[one["@id"]] for one in program["softwareRequirements"]]
        versions = {one["name"]: one["softwareVersion"] for one in software if "softwareVersion" in one}
        assert versions == {name: one for name, one in record["versions"].items() if name != "l2scaling"}
        assert "source/requirements.lock" in {one["@id"] for one in software}


VALIDATE = """
import io, json, sys
from importlib.resources import files
import requests, requests_cache, urllib3
from rocrate_validator.cli import cli
cache, said, crate = sys.argv[1:]
# the context of RO-Crate 1.1 as this package carries it, so that nothing is asked of another host
address = "https://w3id.org/ro/crate/1.1/context"
text = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
assert json.loads(text)["@id"] == address
session = requests_cache.CachedSession(cache, backend="sqlite", expire_after=-1)
found = requests.Response()
found.status_code, found.url, found._content = 200, address, text
found.request = session.prepare_request(requests.Request("GET", address))
found.headers["Content-Type"] = "application/ld+json"
found.raw = urllib3.HTTPResponse(
    io.BytesIO(text), found.headers, status=200, preload_content=False, request_url=address
)
session.cache.save_response(found)
sys.argv[1:] = ["-y", "validate", "--offline", "--cache-path", cache, "--no-paging"]
sys.argv += ["-p", "process-run-crate-0.5", "-l", "recommended", "-f", "json", "-o", said, crate]
cli()
"""

UNMET = {
    "The Application SHOULD have a url",  # the notebooks lie in the archive itself
    "The SoftwareApplication id SHOULD be an absolute URI",
    "The Action SHOULD have an agent that is a Person or Organization",  # a run does not know whose it is
    "The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`",
    "The organization SHOULD have a URL.",
}
"""What is recommended and would have to be invented."""


def faults(crate: Path, folder: Path) -> set[tuple[str, str]]:
    """Return what the validator of RO-Crates finds, by severity; it runs in an environment of its own."""
    said = folder / "said.json"
    said.unlink(missing_ok=True)
    packages = ["--from", "roc-validator==0.13.0", "--with", "rocrate==0.15.0"]
    done = tool(*packages, "python", "-c", VALIDATE, folder / "cache", said, crate, cwd=folder)
    if not said.is_file():
        lack(f"the validator of crates could not be fetched: {(done.stdout + done.stderr).splitlines()[-3:]}")
    return {(one["severity"], one["message"]) for one in json.loads(said.read_text())["issues"]}


def test_the_archive_is_a_process_run_crate_and_a_broken_one_is_noticed(unpacked, tmp_path):
    assert faults(unpacked, tmp_path) <= {("RECOMMENDED", message) for message in UNMET}
    metadata = unpacked / "ro-crate-metadata.json"
    metadata.write_text(metadata.read_text().replace('"instrument"', '"description"'))
    (unpacked / "results" / f"{CHAPTER}.json").unlink()
    severe = " ".join(message for severity, message in faults(unpacked, tmp_path) if severity == "REQUIRED")
    assert "MUST have an instrument" in severe
    assert f"results/{CHAPTER}.json" in severe


@pytest.mark.parametrize("date", ["yesterday", "-1", "0", "9999999999"])
def test_the_date_of_a_release_has_to_fit_into_a_zip_file(sample, monkeypatch, date):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
    with pytest.raises(RequestError, match=f"'{date}'; allowed: .* in the years 1980 to 2107"):
        release(Project(sample), "quick", sample, sample)


def test_make_release_is_a_target_that_builds_the_book_first():
    done = subprocess.run(
        ["make", "--dry-run", "release"], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ,
    )  # fmt: skip
    assert done.stdout.index("snakemake ") < done.stdout.index("l2scaling release")
