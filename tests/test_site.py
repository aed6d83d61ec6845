"""The built book, in a real browser and as evidence: what it shows is what the runs hold."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT

from l2scaling.publish import gather, site
from l2scaling.publish.project import Project, RunError

PROJECT = Project(ROOT)
PAGES = [
    f"{name}.html"
    for name in re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text())
]  # fmt: skip


class Links(HTMLParser):
    """Collect what a page loads, where it points, and the ids it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.without_alt: list[str] = []
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
        if tag == "img" and not values.get("alt", "").strip():
            self.without_alt.append(values.get("src", ""))


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


def test_every_image_says_what_it_shows(pages):
    assert {str(path): page.without_alt for path, page in pages.items() if page.without_alt} == {}


def test_each_claim_has_its_place_speaker_thread_and_verdict(quick_site, pages):
    page = quick_site / "book" / "verdicts.html"
    text = page.read_text()
    for claim in gather.claims(PROJECT):
        assert f"claim-{claim.id.lower()}" in pages[page].ids
        section = text.split(f'id="claim-{claim.id.lower()}"')[1].split("</section>")[0]
        assert f"Said by: {claim.who}" in section
        assert "stackexchange.com/questions/" in section
        assert "Verdict: <strong>" in section
        assert ("not yet tried" in section) == ("<table" not in section)


def test_numbers_on_the_index_are_those_of_the_evidence(quick_site):
    (record,) = [
        one for one in gather.gather(PROJECT, "quick", ["penalty-and-pull"]) if one.claim == "A3"
    ]  # fmt: skip
    text = (quick_site / "book" / "index.html").read_text()
    assert f"{record.measured:.3f}" in re.sub(r"<[^>]+>", "", text)


def test_no_link_to_a_repository_unless_one_is_known(quick_site, monkeypatch, tmp_path):
    monkeypatch.delenv("L2SCALING_REPOSITORY", raising=False)
    assert site.repository(Project(tmp_path)) is None
    monkeypatch.setenv("L2SCALING_REPOSITORY", "git@forge.example:group/book.git")
    assert site.repository(PROJECT) == "https://forge.example/group/book"
    monkeypatch.setenv("L2SCALING_REPOSITORY", str(tmp_path))
    assert site.repository(PROJECT) is None


def test_evidence_that_may_not_be_published_stops_the_build(quick_site):
    chapters = PROJECT.chapters()
    records = gather.gather(PROJECT, "quick", chapters)
    gather.check(PROJECT, "quick", chapters, records)
    (exact, *_) = [one for one in records if one.kind == "exact"]
    broken = [replace(one, holds=False) if one is exact else one for one in records]
    with pytest.raises(RunError, match="exact identity fails"):
        gather.check(PROJECT, "quick", chapters, broken)
    with pytest.raises(RunError, match=r"claim A3 has no record"):
        gather.check(PROJECT, "quick", chapters, [one for one in records if one.claim != "A3"])
    with pytest.raises(RunError, match=r"differs from results"):
        gather.check(PROJECT, "published", chapters, records)  # other sizes, other numbers


def test_a_prediction_that_is_not_met_is_published_and_reopens_its_claim(quick_site):
    chapters = PROJECT.chapters()
    records = gather.gather(PROJECT, "quick", chapters)
    missed = [replace(one, holds=False) if one.claim == "A3" else one for one in records]
    gather.check(PROJECT, "quick", chapters, missed)


# ---------------------------------------------------------------- in the browser


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_requests_errors_or_overflow(browser, quick_site, name, scheme, width):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 844})
    page = context.new_page()
    outside, errors = [], []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else outside.append(r.url))
    page.on("requestfailed", lambda r: errors.append(r.url))
    page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto((quick_site / name).resolve().as_uri())
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached")
        assert page.locator("mjx-merror").count() == 0
        # every formula was set: none still shows its source
        assert page.evaluate(
            "[...document.querySelectorAll('.math')].every(e => e.querySelector('mjx-container'))"
        )
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert outside == []
    assert errors == []
    context.close()


def test_the_front_door_leads_to_the_index(browser, quick_site):
    page = browser.new_page()
    page.goto((quick_site / "index.html").resolve().as_uri())
    page.wait_for_url("**/book/index.html")
    assert page.locator("#main-content h1").first.inner_text().startswith("Big Penalty, Same Pull")
    page.close()


def test_search_works_without_a_server(browser, quick_site):
    page = browser.new_page()
    page.goto((quick_site / "search.html").resolve().as_uri() + "?q=Cauchy")
    page.wait_for_selector("ul.search li a")
    assert "penalty" in page.locator("ul.search li a").first.inner_text()
    page.close()
