"""The release archive: whole, verifiable with standard tools, readable anywhere, the same each time."""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, complaint, l2scaling

from l2scaling.publish.errors import RequestError, RunError
from l2scaling.publish.pages.release import release
from l2scaling.publish.project import Project

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
    assert {(entry.external_attr >> 16, entry.extra) for entry in entries} == {(0o100644, b"")}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    dated = zipfile.ZipFile(release(PROJECT, "quick", site, tmp_path)).infolist()
    assert {entry.date_time for entry in dated} == {(2023, 11, 14, 22, 13, 20)}


@pytest.fixture
def small(sample) -> Project:
    """The sample with a run, and pages that show it."""
    project = Project(sample)
    assert l2scaling("run", "sample", "--profile", "quick", project=sample).returncode == 0
    run = project.run_path("sample", "quick")
    shown = project.build / "html" / "_downloads" / "0" / "sample.executed.ipynb"
    shown.parent.mkdir(parents=True)
    shutil.copy(run, shown)
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
    claim = "- {id: A1, source: T1, who: x, claim: y, ruling: holds, chapters: [sample]}\n"
    (small.root / "book" / "claims.yml").write_text(claim)
    refused("claim A1 has no record from sample", error=RunError)
    # the command says the same in one line
    assert "'fast'" in complaint(l2scaling("release", "--profile", "fast", project=small.root), 2)
    assert "A1" in complaint(l2scaling("release", "--profile", "quick", project=small.root), 1)
    assert not folder.exists()


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
