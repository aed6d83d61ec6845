"""The built book as files and as evidence: what it shows is what the runs hold."""

import copy
import os
import re
import shutil
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT, complaint, l2scaling

from l2scaling.publish.errors import RunError
from l2scaling.publish.evidence import claims, results
from l2scaling.publish.pages import ledger, site
from l2scaling.publish.project import Project
from l2scaling.publish.runs import executed

PROJECT = Project(ROOT)


class Links(HTMLParser):
    """Collect what a page loads, where it points, and the ids it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.images: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag in ("script", "img", "iframe", "source") and "src" in values:
            self.loads.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(values["href"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "img":
            self.images[values.get("src", "")] = values.get("alt", "")


@pytest.fixture(scope="session")
def pages(quick_site) -> dict[Path, Links]:
    return {
        path: Links(path.read_text()) for path in quick_site.rglob("*.html") if "_static" not in path.parts
    }


def test_pages_load_nothing_from_elsewhere_and_every_file_they_name_is_there(pages):
    for path, page in pages.items():
        for address in page.loads:
            assert not re.match(r"(https?:)?//", address), (path, address)
            assert (path.parent / address.split("?")[0]).exists(), (path, address)


def test_links_inside_the_book_lead_somewhere(pages):
    resolved = {path.resolve(): page for path, page in pages.items()}
    for path, page in pages.items():
        for address in page.links:
            if re.match(r"\w+:|#$", address):
                continue
            place, _, anchor = address.partition("#")
            target = (path.parent / place).resolve() if place else path.resolve()
            assert target.exists(), (path, address)
            if anchor and target in resolved:
                assert anchor in resolved[target].ids, (path, address)


def test_every_figure_tells_its_finding_in_words(pages):
    """A sentence; the small pictures of indices may be as terse as they are."""
    for path, page in pages.items():
        for source, words in page.images.items():
            least = 60 if "_images" in source else 1
            assert len(words.strip()) >= least, (path, source, words)


@pytest.mark.parametrize("chapter", PROJECT.chapters())
def test_a_chapter_weighs_at_most_600_kb_beside_what_all_pages_share(quick_site, pages, chapter):
    page = quick_site / "notebooks" / f"{chapter}.html"
    figures = {(page.parent / source).resolve() for source in pages[page].images}
    weight = page.stat().st_size + sum(figure.stat().st_size for figure in figures)
    assert weight <= 600_000


def test_each_claim_has_its_place_speaker_source_and_verdict(quick_site, pages):
    page = quick_site / "book" / "verdicts.html"
    text = page.read_text()
    for claim in claims.read_claims(PROJECT):
        assert f"claim-{claim.id.lower()}" in pages[page].ids
        section = text.split(f'id="claim-{claim.id.lower()}"')[1].split("</section>")[0]
        assert f"Said by: {claim.who}" in section
        assert f'href="{claims.SOURCES[claim.source][1]}"' in section
        assert "Verdict: <strong>" in section
        assert section.count("After a look: ") == len(claim.looked)
        assert ("not yet tried" in section) == ("<table" not in section)


def test_numbers_on_the_index_are_those_of_the_evidence(quick_site):
    (record,) = [
        one for one in executed.gather(PROJECT, "quick", ["penalty-and-pull"]) if one.claim == "A3"
    ]  # fmt: skip
    text = (quick_site / "book" / "index.html").read_text()
    assert f"{record.measured:.3f}" in re.sub(r"<[^>]+>", "", text)


def test_a_book_after_an_edit_is_the_one_built_from_nothing(sample):
    """What was read before is read again only where it has changed, whatever the dates say."""
    project = Project(sample)
    words, place = sample / "book" / "index.md", project.build / "html"

    def everything() -> dict[str, bytes]:
        files = (path for path in place.rglob("*") if path.is_file())
        return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}

    def built() -> tuple[str, dict[str, bytes]]:
        for command in ("run", "sample"), ("site",):
            done = l2scaling(*command, "--profile", "quick", project=sample)
            assert done.returncode == 0, done.stderr
        (said,) = re.findall(r"\d+ added, \d+ changed", (project.build / "site-quick.log").read_text())
        files = {
            path.relative_to(place).as_posix(): path.read_bytes()
            for path in place.rglob("*.*")
            if path.is_file()
        }
        return said, files

    words.write_text("# A small book\n\nThe symbols are few.\n\n```{include} _generated/runs.md\n```\n")
    (sample / "book" / "other.md").write_text("# Another page\n\n[Home](index.md).\n")
    (sample / "_toc.yml").write_text((sample / "_toc.yml").read_text() + "- file: book/other\n")
    assert built()[0] == "3 added, 0 changed"
    words.write_text(words.read_text().replace("A small book", "A smaller book"))  # a title on other pages
    os.utime(words, (0, 0))
    (sample / "notebooks" / "profiles.yml").write_text("sample: {quick: {pause: 0.5}}\n")
    said, after = built()
    assert said == "0 added, 2 changed"
    assert b"A smaller book" in after["book/other.html"]
    shutil.rmtree(project.build / "work")
    done = l2scaling("site", "--profile", "quick", project=sample)
    assert done.returncode == 0, done.stderr
    now = everything()
    assert {path for path in now.keys() | after.keys() if now.get(path) != after.get(path)} == set()


def test_pages_with_warnings_are_not_taken_for_read(sample):
    words = sample / "book" / "index.md"
    assert l2scaling("run", "sample", "--profile", "quick", project=sample).returncode == 0
    words.write_text("# A small book\n\n### Too deep\n")
    for _ in range(2):
        assert "myst.header" in complaint(l2scaling("site", "--profile", "quick", project=sample), 1)


def test_no_link_to_a_repository_unless_one_is_known(quick_site, monkeypatch, tmp_path):
    monkeypatch.delenv("L2SCALING_REPOSITORY", raising=False)
    assert site.repository(Project(tmp_path)) is None
    monkeypatch.setenv("L2SCALING_REPOSITORY", "git@forge.example:group/book.git")
    assert site.repository(PROJECT) == "https://forge.example/group/book"
    monkeypatch.setenv("L2SCALING_REPOSITORY", str(tmp_path))
    assert site.repository(PROJECT) is None


def test_evidence_that_may_not_be_published_stops_the_build(quick_site):
    chapters = PROJECT.chapters()
    records = executed.gather(PROJECT, "quick", chapters)
    results.check(PROJECT, "quick", chapters, records)
    (exact, *_) = [one for one in records if one.kind == "exact"]
    broken = [replace(one, holds=False) if one is exact else one for one in records]
    with pytest.raises(RunError, match="exact identity fails"):
        results.check(PROJECT, "quick", chapters, broken)
    with pytest.raises(RunError, match=r"claim A3 has no record"):
        results.check(PROJECT, "quick", chapters, [one for one in records if one.claim != "A3"])
    with pytest.raises(RunError, match=r"differs from results"):
        results.check(PROJECT, "published", chapters, records)  # other sizes, other numbers


@pytest.fixture
def reviewed(quick_site, tmp_path):
    """A project whose results are those of the quick run of one chapter, and that run's records."""
    project = Project(tmp_path)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "claims.yml").write_text("[]\n")
    project.results.mkdir()
    records = executed.gather(PROJECT, "quick", ["ridge"])
    beside = {"stated": None, "setup": "that of the review"}
    results.write_results(project, "ridge", [asdict(one) | beside for one in records])
    return project, records


def test_what_moved_with_the_setup_is_told_and_what_an_edit_moved_stops_the_build(reviewed):
    project, records = reviewed
    one = next(record for record in records if record.kind != "exact")
    far = one.measured + 10 * (1 + abs(one.measured) + one.high - one.low)
    other = replace(one, measured=far, low=far, high=far, holds=not one.holds)
    moved = [other if record is one else record for record in records]

    def check(records, setup):
        return results.check(project, "published", ["ridge"], records, {"ridge": setup})

    assert check(records, "that of the review") == check(records, "another") == []
    with pytest.raises(RunError, match="differs from results"):
        check(moved, "that of the review")
    with pytest.raises(RunError, match="differs from results"):
        results.check(project, "published", ["ridge"], moved)
    (told,) = check(moved, "another")
    assert (told.now, told.there, told.here) == (asdict(other), "that of the review", "another")
    for declared in ({"n": one.n + 1}, {"quantity": "another"}, {"claim": "A1"}):
        edited = [replace(other, **declared) if record is one else record for record in records]
        with pytest.raises(RunError, match="differs from results"):
            check(edited, "another")
    with pytest.raises(RunError, match="differs from results"):
        check([record for record in records if record is not one], "another")

    page = ledger.moved_page([told], len(records), "published")
    assert f"**1 of {len(records)} records" in page
    assert one.quantity in page
    assert "that of the review" in page
    assert "another" in page
    assert "as reviewed" in ledger.moved_page([], len(records), "published")
    assert "not held against" in ledger.moved_page([], len(records), "quick")


def test_the_setup_of_a_run_names_what_rounds(quick_site):
    run = executed.executed(PROJECT, "ridge", "quick")
    said = run.metadata["l2scaling"]
    there = executed.setups({"ridge": run})["ridge"]
    assert there.startswith(f"{said['processor']}, 1 thread, python ")
    changes = [{"processor": "another"}, {"threads": "2"}]
    changes += [{"versions": said["versions"] | {name: "0.1"}} for name in ("python", *executed.LIBRARIES)]
    for change in changes:
        other = copy.deepcopy(run)
        other.metadata["l2scaling"] |= change
        assert executed.setup(other) != there, change
    same = copy.deepcopy(run)
    version = said["versions"]
    same.metadata["l2scaling"]["versions"] |= {
        "python": f"{version['python']}9", "torch": f"{version['torch'].partition('+')[0]}+other",
    }  # fmt: skip
    assert executed.setup(same) == there


def test_a_prediction_that_is_not_met_is_published_and_reopens_its_claim(quick_site):
    chapters = PROJECT.chapters()
    records = executed.gather(PROJECT, "quick", chapters)
    missed = [replace(one, holds=False) if one.claim == "A3" else one for one in records]
    results.check(PROJECT, "quick", chapters, missed)
