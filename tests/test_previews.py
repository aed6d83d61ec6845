"""What a link leads to is shown beside it: by mouse and by keyboard, from a disk, to nobody's hindrance."""

import json

import pytest
from conftest import ROOT
from test_pages import barriers, opened

from l2scaling.publish.pages import previews

SCRIPT = ROOT / "book" / "_static" / "previews.js"
SHOWN = "document.querySelector('#preview').checkVisibility({visibilityProperty: true})"
LINKS = [
    ("notebooks/widening", "prop", "Proposition"),
    ("notebooks/widening", "fig", "Fig."),
    ("book/notation", "equation", "(47)"),
    ("book/controls", "claim", "Verdict"),
    ("book/verdicts", "record", "measured"),
    ("book/glossary", "term", "pull"),
    ("book/cheat-sheet", "term", "regret"),
    ("book/atlas", "atlas", "coefficient"),
]


def first(page, kind: str):
    """Return the first link to something of a kind that can be seen, in the middle of the screen."""
    links = page.locator(f".bd-article a[href*='#{kind}-']:not(.headerlink)")
    link = next(one for one in links.all() if one.is_visible())
    link.evaluate("one => one.scrollIntoView({block: 'center', behavior: 'instant'})")
    return link


@pytest.fixture
def visited(browser, quick_site):
    """Return a function that opens a page in a context of its own, in which nothing may fail."""
    contexts, said = [], []

    def visit(name: str, **options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1400, "height": 844}} | options))

        def watch(page) -> None:
            page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else said.append(r.url))
            page.on("requestfailed", lambda r: said.append(r.url))
            page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda e: said.append(str(e)))

        return opened(contexts[-1], quick_site / f"{name}.html", watch=watch)

    yield visit
    for context in contexts:
        context.close()
    assert said == []


@pytest.mark.parametrize(("name", "kind", "words"), LINKS)
def test_a_link_shows_what_it_leads_to(visited, name, kind, words):
    page = visited(name)
    link = first(page, kind)
    link.hover()
    page.wait_for_function(SHOWN)
    box = page.get_by_role("tooltip")
    if kind != "equation":
        assert words.lower() in box.inner_text().lower()
    assert link.get_attribute("aria-describedby") == "preview"
    assert box.locator("a, button, [id]").count() == 0
    assert page.evaluate(
        "[...document.querySelectorAll('#preview .math')].every((one) => one.querySelector('mjx-container'))"
    )
    assert page.evaluate(
        "[...document.querySelectorAll('#preview img')].every((one) => one.naturalWidth > 0)"
    )
    place, here = box.bounding_box(), link.bounding_box()
    assert place["y"] >= here["y"] or place["y"] + place["height"] <= here["y"] + here["height"]
    assert place["x"] + place["width"] <= 1400
    assert place["height"] <= 0.7 * 844


def test_the_mouse_may_go_into_a_preview_and_away_from_it(visited):
    page = visited("book/verdicts")
    first(page, "record").hover()
    page.wait_for_function(SHOWN)
    box = page.get_by_role("tooltip")
    box.hover()
    page.wait_for_timeout(600)
    assert page.evaluate(SHOWN)  # hoverable and persistent
    page.mouse.move(5, 5)
    page.wait_for_function(f"!{SHOWN}")
    assert page.locator("[aria-describedby='preview']").count() == 0


def test_the_keyboard_shows_a_preview_and_escape_ends_it(visited):
    page = visited("book/controls")
    link = first(page, "claim")
    page.keyboard.press("Tab")  # so that the browser counts what follows as the keyboard's
    link.focus()
    page.wait_for_function(SHOWN)
    page.mouse.move(5, 5)
    page.wait_for_timeout(400)
    assert page.evaluate(SHOWN)  # the mouse does not take from the keyboard
    page.keyboard.press("Escape")
    assert not page.evaluate(SHOWN)
    assert link.evaluate("one => one === document.activeElement")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    page.wait_for_function(SHOWN)
    page.keyboard.press("Tab")
    page.wait_for_function(
        "document.activeElement.getAttribute('aria-describedby') === 'preview' || !" + SHOWN
    )


def test_nothing_is_shown_where_nothing_hovers_or_on_paper(visited):
    page = visited("book/controls", has_touch=True, is_mobile=True)
    assert page.evaluate("matchMedia('(hover: none)').matches")
    page.keyboard.press("Tab")
    first(page, "claim").focus()
    page.wait_for_timeout(500)
    assert not page.evaluate(SHOWN)
    page = visited("book/controls")
    first(page, "claim").hover()
    page.wait_for_function(SHOWN)
    page.emulate_media(media="print")
    assert not page.evaluate(SHOWN)


@pytest.mark.parametrize(("name", "kind"), [("notebooks/widening", "prop"), ("book/controls", "claim")])
def test_an_open_preview_is_no_barrier_in_either_colour_mode(browser, quick_site, name, kind):
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    page = opened(context, quick_site / f"{name}.html")  # axe-core itself asks for style sheets, in vain
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    first(page, kind).hover()
    page.wait_for_function(SHOWN)
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        page.wait_for_timeout(50)
        assert barriers(page) == {}
        assert page.evaluate(SHOWN)
    context.close()


def test_a_page_without_formulas_sets_those_of_a_preview(visited):
    page = visited("book/verdicts")
    assert page.evaluate("typeof MathJax") == "undefined"
    page.evaluate("""() => {
      const link = document.querySelector(".bd-article a[href*='#record-']");
      link.href = "../notebooks/penalty-and-pull.html#prop-separable";
    }""")
    first(page, "prop").hover()
    page.wait_for_function(SHOWN)
    assert page.locator("#preview mjx-container").count() > 5
    assert page.locator(".bd-article mjx-container").count() == 0


def test_a_narrow_window_holds_the_preview(visited):
    page = visited("notebooks/widening", viewport={"width": 390, "height": 844})
    first(page, "prop").hover()
    page.wait_for_function(SHOWN)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = page.get_by_role("tooltip").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def test_every_link_of_these_kinds_has_a_preview_and_no_page_grew(quick_site):
    found = previews.all_linked(quick_site)
    assert {kind for all_ in found.values() for kind in (one.partition("-")[0] for one in all_)} <= set(
        previews.KINDS
    )
    for name, anchors in found.items():
        text = (quick_site / previews.path(name)).read_text()
        assert json.loads(text.partition("] = ")[2].strip().removesuffix(";")).keys() == anchors, name
        assert len(text) < 200_000
    assert "|".join(previews.KINDS) in SCRIPT.read_text()
    assert SCRIPT.stat().st_size < 6_000
    assert len(SCRIPT.read_text().splitlines()) <= 130
