"""The search page answers what readers ask, in the words in which they ask it, and asks nobody else."""

import json

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import ROOT
from test_pages import barriers

from l2scaling.publish.pages import search

QUESTIONS = yaml.safe_load((ROOT / "tests" / "questions.yml").read_text())

ASK = """question => {
  const field = document.querySelector(".bd-search-container input");
  const results = document.querySelector("#search-results");
  field.value = question;
  field.form.requestSubmit();
  const hits = [...results.querySelectorAll(":scope > li > a")].map((one) => one.getAttribute("href"));
  return {asked: results.dataset.for, hits};
}"""


@pytest.fixture
def found(browser, quick_site):
    """Return a function that asks the search page of the book, opened as a file, and gives its hits."""
    page = browser.new_page()
    page.goto((quick_site / "search.html").resolve().as_uri())
    page.wait_for_function("document.querySelector('#search-results').dataset.for === ''")

    def hits(question: str) -> list[str]:
        said = page.evaluate(ASK, question)
        assert said["asked"] == question
        return [hit.replace(".html", "") for hit in said["hits"]]

    yield hits
    page.close()


def answers(hit: str, pages: list[str]) -> bool:
    return hit in pages or hit.partition("#")[0] in pages


def test_the_page_that_answers_is_among_the_first_three_hits_of_a_hundred_questions(found):
    asked = {one["ask"]: one["pages"] for one in QUESTIONS}
    assert len(asked) == len(QUESTIONS)
    missed = {ask for ask, pages in asked.items() if not any(answers(hit, pages) for hit in found(ask)[:3])}
    assert len(asked) - len(missed) >= 100, missed


def test_a_question_whose_page_is_another_would_be_missed(found):
    """The control: the hits of one question do not answer the next."""
    hits = [found(one["ask"])[:3] for one in QUESTIONS]
    moved = [
        any(answers(hit, one["pages"]) for hit in other)
        for one, other in zip(QUESTIONS, hits[1:] + hits[:1], strict=True)
    ]
    assert sum(moved) < len(moved) / 2


@pytest.mark.parametrize(
    "same",
    [
        ["λ bound", "lambda bound"],
        ["weight decay", "weight-decay", "Weight  decay?"],
        ["AdamW", "adamw", "AdamW's", "AdamW’s"],
        ["normalised layers", "normalized layers"],
        ["η", "eta"],
    ],
)
def test_what_means_the_same_finds_the_same(found, same):
    first, *others = (found(words)[:3] for words in same)
    assert first
    assert all(other == first for other in others)


def test_what_is_nowhere_is_not_found(found):
    assert found("xylophone") == found("the") == found("") == []


def test_a_hit_has_title_section_and_words_and_is_reached_by_keyboard(browser, quick_site):
    page = browser.new_page()
    page.goto((quick_site / "search.html").resolve().as_uri() + "?q=LogisticRegression%20C")
    hit = page.locator("#search-results > li").first
    assert page.evaluate("document.activeElement.name") == "q"
    assert "atlas" in hit.locator("> a").inner_text()
    assert "sklearn.linear_model.LogisticRegression" in hit.locator("> a .place").inner_text()
    assert "LogisticRegression" not in hit.locator("> p").inner_text()  # the heading says it
    assert "1/(C·N)" in hit.locator("> p").inner_text()
    assert page.get_by_role("status").inner_text().endswith("for “LogisticRegression C”, the best 12")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/book/atlas.html#atlas-sklearn-linear-model-logisticregression")
    page.close()


def test_results_follow_what_is_typed_and_hinder_nobody(browser, quick_site):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page, outside = context.new_page(), []
    page.on(
        "request", lambda one: None if one.url.startswith(("file:", "data:")) else outside.append(one.url)
    )
    page.on("console", lambda one: outside.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: outside.append(str(one)))
    page.goto((quick_site / "search.html").resolve().as_uri())
    page.keyboard.type("half-life")
    page.wait_for_selector("#search-results mark")
    assert page.url.endswith("?q=half-life")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert outside == []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        page.wait_for_timeout(50)
        assert barriers(page) == {}
    context.close()


def test_only_the_search_page_loads_what_it_looks_in(quick_site):
    assert '<script src="search/places.js">' in (quick_site / "search.html").read_text()
    assert "places.js" not in (quick_site / "book" / "index.html").read_text()
    assert (quick_site / search.NAME).stat().st_size < 1_500_000


def test_every_place_leads_somewhere(quick_site):
    text = (quick_site / search.NAME).read_text()
    for name, places in json.loads(text.removeprefix("window.places = ").strip().removesuffix(";")):
        page = BeautifulSoup((quick_site / f"{name}.html").read_text(), "html.parser")
        ids = {one["id"] for one in page.select("article [id]")}
        assert {anchor for anchor, _, _ in places} <= ids, name
        assert all(heading for _, heading, _ in places)
        tex = [words for _, _, words in places if "\\" in words]
        assert tex == [] or name == "book/references", name  # a title there has some
