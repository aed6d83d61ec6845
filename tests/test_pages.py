"""The pages as readers meet them: in Chromium, by keyboard, without JavaScript, on paper, by the rules."""

import contextlib
import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
from conftest import BIN, ROOT, complaint, environment, l2scaling, lack, need, snakemake
from pypdf import PdfReader

from l2scaling.publish.pages import pdf, site
from l2scaling.publish.project import Project

PAGES = [f"{name}.html" for name in re.findall(r"(?:file|root): (\S+)", (ROOT / "_toc.yml").read_text())]
CHAPTER = "notebooks/penalty-and-pull.html"
VNU = ROOT / "_build" / "tools" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"

SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries()))
    .observe({type: "layout-shift", buffered: true});
"""
MOST_SHIFT = 0.02


def opened(context, path: Path, anchor: str = "", watch=lambda page: None):
    page = context.new_page()
    watch(page)
    page.add_init_script(SHIFTS)
    page.goto(path.resolve().as_uri() + anchor)
    if page.locator("article .math").count():
        page.wait_for_function("document.documentElement.dataset.math === 'set'")
    page.evaluate("document.fonts.ready.then(() => true)")
    return page


def shift(page) -> float:
    """Read a page to its end and return how far its text moved meanwhile, as Chromium scores it."""
    return page.evaluate("""async () => {
      const pause = (time) => new Promise((done) => requestAnimationFrame(() => setTimeout(done, time)));
      const screens = Math.ceil(document.documentElement.scrollHeight / window.innerHeight);
      for (let screen = 0; screen < screens; screen++) {
        window.scrollBy({top: window.innerHeight, behavior: "instant"});
        await pause(0);
      }
      await pause(100);
      return window.shifts.reduce((sum, one) => sum + one.value, 0);
    }""")


BASELINE: set[tuple[str, str]] = set()
"""What axe-core finds and we cannot mend, as (page, rule): an entry that no longer occurs has to go."""

IN_COLOUR = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that ask what colours there are; all others find the same in either mode."""

# Contrast takes most of the time, and text that looks alike, on grounds that look alike, has the same:
# so one of each look is asked. A look is the styles of an element and of all that it lies in.
LOOKS = """() => {
  const styles = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight",
    "textShadow", "position", "display", "visibility"];
  const looks = new Map(), numbers = new Map(), chosen = new Set();
  for (const one of document.querySelectorAll("body, body *")) {
    const style = getComputedStyle(one);
    const look = [looks.get(one.parentElement), one.checkVisibility(), one.tagName,
      one.getAttribute("aria-hidden"), one.matches(":disabled"), ...styles.map((name) => style[name])].join();
    if (!numbers.has(look)) numbers.set(look, numbers.size);
    looks.set(one, numbers.get(look));
    delete one.dataset.look;
    const speaks = ({nodeType, data}) => nodeType === Node.TEXT_NODE && data.trim();
    if (one.value || one.placeholder || [...one.childNodes].some(speaks)) {
      if (!chosen.has(numbers.get(look))) one.dataset.look = numbers.get(look);
      chosen.add(numbers.get(look));
    }
  }
  axe.configure({rules: [{id: "color-contrast", selector: "[data-look]"}]});
}"""


def barriers(page, rules: list[str] | None = None) -> dict[str, list[str]]:
    """Return what axe-core finds in a page by all of its rules, or by some: rules and elements."""
    page.evaluate(
        "axe => window.axe || eval(axe)", (files("axe_playwright_python") / "axe.min.js").read_text()
    )
    page.evaluate(LOOKS)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(options).then((found) => found.violations)", options)
    return {one["id"]: [node["html"][:200] for node in one["nodes"]] for one in found}


# What a chapter shows before anything is opened: how far down its first figure begins, its code, and
# what is wider than its place and neither wraps nor scrolls in sight of the reader.
SHOWN = """() => {
  const open = (one) => !one.closest("details:not([open])");
  const seen = (one) => one.checkVisibility() && open(one);
  const all = (what) => [...document.querySelectorAll(`.bd-article ${what}`)].filter(seen);
  const wide = (one) => one.scrollWidth > one.clientWidth + 1;
  const place = (one) => one.getBoundingClientRect();
  const edge = place(document.querySelector(".bd-article")).right;
  const beyond = (one) => one.matches("span:not(.wide)") && place(one.firstElementChild).right > edge + 1;
  const scrolls = (one) => ["auto", "scroll"].includes(getComputedStyle(one).overflowX);
  const hidden = (one) => one.matches("div, .wide") && wide(one) && !scrolls(one);
  const room = (one) => 2 * parseFloat(getComputedStyle(one).paddingTop);
  const ratio = (one) => (one.clientWidth - room(one)) / (one.clientHeight - room(one));
  const squashed = (one) => Math.abs(Math.log(ratio(one) / (one.naturalWidth / one.naturalHeight))) > 0.02;
  return {
    figure: all("figure img")[0].getBoundingClientRect().top + scrollY,
    code: all(".cell_input pre").length,
    cut: all(".cell_input pre, .highlight pre").filter(wide).map((one) => one.textContent.slice(0, 200)),
    equations: all(".math").filter((one) => hidden(one) || beyond(one)).map((one) => one.textContent),
    open: [...document.querySelectorAll("details.hide[open]")].length,
    squashed: all("figure img").filter((one) => squashed(one)).map((one) => one.src),
  };
}"""
FURTHEST, MOST_CODE = 1500, 20


SHAPES = [(1400, "dark"), (390, "light")]


@pytest.mark.parametrize(("width", "scheme"), SHAPES)
@pytest.mark.parametrize("name", [*PAGES, "genindex.html", "search.html", "404.html"])
def test_a_page_opens_without_requests_errors_overflow_shifts_or_barriers(
    context, quick_site, name, width, scheme
):
    """The widest one is looked at by axe-core, in both colour modes."""
    outside, errors = [], []

    def watch(page) -> None:
        page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else outside.append(r.url))
        page.on("requestfailed", lambda r: errors.append(r.url))
        page.on("console", lambda m: errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: errors.append(str(e)))

    shape = context(color_scheme=scheme, width=width)
    page = opened(shape, quick_site / name, watch=watch)
    if name != "404.html":
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
    # every formula was set: none still shows its source
    assert page.evaluate(
        "[...document.querySelectorAll('.math')].every(e => e.querySelector('mjx-container'))"
    )
    assert page.locator("mjx-merror").count() == 0
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.locator("table:not(.indextable):not(:has(th))").count() == 0
    if name.startswith("notebooks/"):
        shown = page.evaluate(SHOWN)
        assert shown["code"] <= MOST_CODE
        assert shown["cut"] == shown["equations"] == shown["squashed"] == []
        assert shown["open"] == 0
        if width == 1400:
            assert shown["figure"] <= FURTHEST
    assert shift(page) < MOST_SHIFT
    assert outside == []
    assert errors == []
    if width == 1400:
        page.evaluate("window.scrollTo({top: 0, behavior: 'instant'})")
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found = barriers(page)
        page.emulate_media(color_scheme="light", reduced_motion="reduce")
        page.wait_for_function("document.documentElement.dataset.theme !== 'dark'")
        page.evaluate("new Promise((done) => setTimeout(done, 50))")
        found |= barriers(page, IN_COLOUR)
        known = {rule for page_, rule in BASELINE if page_ == name}
        assert {rule: nodes for rule, nodes in found.items() if rule not in known} == {}
        assert known <= set(found), "the baseline has an entry that is mended"
    page.close()


def test_formulas_set_late_would_be_seen_to_shift_the_text(browser, quick_site):
    """The control of the test above: the same page without what makes the text wait."""
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    context.route("**/math.js*", lambda route: route.abort())
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto((quick_site / "notebooks" / "widening.html").resolve().as_uri())  # formulas from the first line
    page.evaluate("MathJax.startup.promise.then(() => true)")
    assert shift(page) > MOST_SHIFT
    context.close()


def test_the_text_is_there_without_mathjax_and_without_javascript(browser, quick_site):
    for options, blocked in [({}, "**/tex-chtml.js*"), ({"java_script_enabled": False}, "**/nothing")]:
        context = browser.new_context(**options)
        context.route(blocked, lambda route: route.abort())
        page = context.new_page()
        page.goto((quick_site / CHAPTER).resolve().as_uri())
        page.locator("article p").first.wait_for(state="visible", timeout=5000)
        assert page.locator("article figure img").first.is_visible()
        folds = page.locator("article details:is(.hide, .fold)")
        assert folds.count() > 5
        assert page.locator("article details.fold").count() > 0
        opened_or_closed = folds.evaluate_all("all => all.map((one) => one.open)")
        assert set(opened_or_closed) == {not options.get("java_script_enabled", True)}
        context.close()


def test_one_control_opens_all_code_and_the_next_page_remembers(browser, quick_site):
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    page = opened(context, quick_site / CHAPTER)
    control = page.get_by_role("button", name="Open code and proofs")
    open_folds = "document.querySelectorAll('details:is(.hide, .fold)[open]').length"
    assert page.evaluate(open_folds) == 0
    control.focus()
    page.keyboard.press("Enter")
    count = page.evaluate(open_folds)
    assert count == page.locator("details:is(.hide, .fold)").count() > 5
    assert control.count() == 0  # it says what it would do next
    other = opened(context, quick_site / "notebooks" / "ridge.html")
    assert other.evaluate(open_folds) == other.locator("details:is(.hide, .fold)").count()
    other.get_by_role("button", name="Close code and proofs").click()
    assert other.evaluate(open_folds) == 0
    context.close()


def test_who_follows_a_figure_to_the_cell_that_drew_it_sees_the_cell(browser, quick_site):
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    page = opened(context, quick_site / CHAPTER)
    page.locator("figcaption a[href*='#code-']").first.click()
    cell = page.locator(f"[id='{page.url.partition('#')[2]}']")
    assert cell.locator(".cell_input pre").first.is_visible()
    context.close()


def test_a_link_into_a_page_leads_to_its_place_though_formulas_come_late(browser, quick_site):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = opened(context, quick_site / CHAPTER, "#evidence")
    assert 0 <= page.locator("#evidence h2").bounding_box()["y"] < 200
    context.close()


# ---------------------------------------------------------------- for everyone


def test_axe_would_see_a_barrier_in_either_colour_mode(browser, quick_site):
    context = browser.new_context(color_scheme="dark")
    page = opened(context, quick_site / "book" / "index.html")
    page.evaluate("document.querySelector('figure img').removeAttribute('alt')")
    page.evaluate("document.querySelector('article p').style.color = 'dimgray'")
    assert {"image-alt", "color-contrast"} <= set(barriers(page))
    page.evaluate("document.querySelector('article p').style.color = 'silver'")
    assert barriers(page, IN_COLOUR) == {}
    page.emulate_media(color_scheme="light")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    assert set(barriers(page, IN_COLOUR)) == {"color-contrast"}
    context.close()


@pytest.mark.parametrize("name", ["book/index.html", "book/cite.html", CHAPTER])
def test_the_keyboard_reaches_everything(browser, quick_site, name):
    context = browser.new_context(viewport={"width": 1400, "height": 844})
    page = opened(context, quick_site / name)
    wanted = page.evaluate("""() => {
      const active = "a[href], button, input, select, textarea, summary, [tabindex='0']";
      const all = [...document.querySelectorAll(active)].filter(
        (one) => one.checkVisibility({visibilityProperty: true}) && !one.disabled && one.tabIndex >= 0);
      all.forEach((one, number) => one.dataset.wanted = number);
      return all.length;
    }""")
    page.evaluate("""() => {
      window.reached = [];
      addEventListener("focusin", ({target}) => window.reached.push(target.dataset.wanted));
    }""")
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
    reached = set(page.evaluate("window.reached"))
    missed = [
        page.locator(f"[data-wanted='{number}']").evaluate("one => one.outerHTML.slice(0, 200)")
        for number in range(wanted)
        if str(number) not in reached
    ]
    assert missed == []
    assert wanted > 20
    context.close()


def test_the_colour_mode_can_be_switched_and_is_kept(browser, quick_site):
    context = browser.new_context(color_scheme="light", viewport={"width": 1400, "height": 844})
    page = opened(context, quick_site / "book" / "index.html")
    seen = []
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(seen) == ["auto", "dark", "light"]
    ground = {}
    for _ in range(3):
        mode = page.evaluate("document.documentElement.dataset.mode")
        ground[mode] = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if mode == "dark":
            assert (
                opened(context, quick_site / CHAPTER).evaluate("document.documentElement.dataset.theme")
                == "dark"
            )
        page.locator(".theme-switch-button").first.click()
    assert ground["auto"] == ground["light"] != ground["dark"]
    context.close()


# ---------------------------------------------------------------- doors


def test_the_front_door_leads_to_the_index(browser, quick_site):
    page = browser.new_page()
    page.goto((quick_site / "index.html").resolve().as_uri())
    page.wait_for_url("**/book/index.html")
    assert page.locator("#main-content h1").first.inner_text().startswith("Big Penalty, Same Pull")
    page.close()


class Host(http.server.SimpleHTTPRequestHandler):
    """A host that keeps the book in a folder, and shows 404.html for what is missing."""

    def translate_path(self, path: str) -> str:
        return super().translate_path(path.removeprefix("/some/where"))

    def send_error(self, code: int, *rest: object) -> None:
        page = Path(self.directory) / "404.html"
        self.send_response(code)
        self.end_headers()
        self.wfile.write(page.read_bytes() if page.exists() else b"")

    def end_headers(self) -> None:
        self.send_header("LinkChecker", "as fast as it can")  # without this it asks thrice a second
        super().end_headers()

    def log_message(self, *rest: object) -> None:
        pass


@contextlib.contextmanager
def hosted(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Host, directory=folder)) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}/some/where"
        host.shutdown()


@pytest.mark.parametrize("lost", ["nothing.html", "notebooks/nothing.html", "book/no/such/depth/nothing"])
def test_who_is_lost_finds_back_from_any_depth(browser, quick_site, lost):
    with hosted(quick_site) as place:
        page = browser.new_page()
        assert page.goto(f"{place}/{lost}").status == 404
        page.locator("main a").first.click()
        page.wait_for_url("**/some/where/book/index.html")
        assert page.locator("#main-content h1").first.inner_text().startswith("Big Penalty")
        page.close()


def test_what_depends_on_the_address_is_there_when_there_is_one_and_only_then(built_sample, monkeypatch):
    place = built_sample / "_build" / "html"
    index = (place / "book" / "index.html").read_text()
    assert '<meta property="og:title" content="A small book">' in index
    assert 'property="og:url"' not in index
    assert 'property="og:image"' not in index
    assert 'rel="canonical"' not in index
    assert "<base" not in (place / "404.html").read_text()
    assert not (place / "sitemap.xml").exists()

    with (built_sample / "CITATION.cff").open("a") as file:
        file.write("url: https://host.example/shelf/book\n")
    done = subprocess.run(
        snakemake(built_sample),
        cwd=built_sample,
        env=environment(built_sample),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    index = (place / "book" / "index.html").read_text()
    here = "https://host.example/shelf/book/"
    assert f'<meta property="og:url" content="{here}book/index.html">' in index
    assert f'<link rel="canonical" href="{here}book/index.html"' in index
    picture = re.search(rf'"og:image" content="{here}(\S+)"', index)[1]
    assert (place / picture).is_file()
    assert '<base href="/shelf/book/">' in (place / "404.html").read_text()
    listed = {one.text for one in ElementTree.parse(place / "sitemap.xml").iterfind(".//{*}loc")}
    assert listed == {f"{here}book/index.html", f"{here}notebooks/sample.html"}

    monkeypatch.setenv("L2SCALING_ADDRESS", "https://other.example")
    assert site.address(Project(built_sample)) == "https://other.example/"
    monkeypatch.setenv("L2SCALING_ADDRESS", "no address")
    assert site.address(Project(built_sample)) is None


def test_a_build_killed_between_its_renames_is_mended_by_the_next(tmp_path):
    place, old = tmp_path / "html", tmp_path / ".html.old"
    old.mkdir()
    (old / "index.html").write_text("the last good one")
    site._restore(place)
    assert (place / "index.html").read_text() == "the last good one"
    assert not old.exists()


# ---------------------------------------------------------------- by the rules

KNOWN = {
    "Trailing slash on void elements has no effect": "Sphinx writes <br /> as XHTML did; no browser minds",
    "The “main” role is unnecessary": "the theme names the role for browsers of long ago",
    "Consider using the “h1” element as a top-level heading only": "the same heading, in its section",
    "Article lacks heading": "Sphinx puts the heading into a section inside the article",
    "Section lacks heading": "sphinx-proof makes a section of a proposition's text",
}
"""Remarks of the validator that come from the theme and are harmless; one that no longer comes has to go."""


def validated(*pages: Path) -> list[dict]:
    need("java", otherwise="no HTML was validated")
    if not VNU.is_file():
        lack("vnu.jar is missing: no HTML was validated (npm install --prefix _build/tools vnu-jar)")
    command = ["java", "-Xss8m", "-jar", str(VNU), "--format", "json", "--exit-zero-always", *map(str, pages)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stderr)["messages"]


def test_the_html_is_valid(quick_site):
    pages = [page for page in quick_site.rglob("*.html") if "_static" not in page.parts]
    remarks = validated(*pages)
    fresh = [
        (one["message"], one["url"], one.get("extract"))
        for one in remarks
        if not any(one["message"].startswith(known) for known in KNOWN)
    ]
    assert fresh == []
    seen = {known for known in KNOWN if any(one["message"].startswith(known) for one in remarks)}
    assert seen == set(KNOWN), "the list has a remark that no longer comes"


def test_invalid_html_would_be_seen(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><html lang='en'><title>x</title><p id='a'><p id='a'>")
    assert any("Duplicate ID" in one["message"] for one in validated(page))


def check_links(folder: Path, tmp_path: Path) -> subprocess.CompletedProcess:
    """Follow all links from the front door, at a host: as root, linkchecker gives up reading files."""
    (tmp_path / "linkchecker").write_text("[checking]\nmaxrequestspersecond=1000\n")
    with hosted(folder) as place:
        options = ["--no-status", "--no-robots", "--config", tmp_path / "linkchecker"]
        command = [BIN / "linkchecker", *options, f"{place}/index.html"]
        return subprocess.run(command, capture_output=True, text=True)


def test_links_and_images_lead_somewhere(quick_site, tmp_path):
    done = check_links(quick_site, tmp_path)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) links? in", done.stdout)[1]) > 200


def test_a_broken_image_would_be_seen(tmp_path):
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>x</title><img src='missing.svg' alt=''>")
    assert check_links(tmp_path, tmp_path).returncode == 1


# ---------------------------------------------------------------- on paper


def test_a_printed_page_is_its_text_with_nothing_folded(browser, quick_site):
    context = browser.new_context(viewport={"width": 800, "height": 1100})
    page = opened(context, quick_site / CHAPTER)
    page.emulate_media(media="print")
    for gone in (
        ".bd-header-article",
        "#pst-primary-sidebar",
        ".prev-next-footer",
        ".copybtn",
        ".headerlink",
    ):
        assert not any(one.is_visible() for one in page.locator(gone).all()), gone
    assert page.locator("article h1").is_visible()
    for what, text in (("details.sd-dropdown", "p"), ("details.hide", "pre"), ("details.fold", "p")):
        folded = page.locator(what).first
        assert folded.get_attribute("open") is None
        assert folded.locator(text).first.bounding_box()["height"] > 10
    context.close()


@pytest.fixture(scope="session")
def printed_site(once, browser, quick_site) -> Path:
    """Print a copy of the site, whose pages change by it."""

    def printing(folder: Path) -> None:
        shutil.copytree(quick_site, folder, dirs_exist_ok=True)
        done = l2scaling("pdf", "--site", folder)
        assert done.returncode == 0, done.stderr

    return once("printed", printing)


@pytest.fixture(scope="session")
def printed(printed_site) -> PdfReader:
    return PdfReader(printed_site / pdf.NAME)


def test_make_pdf_is_a_target_that_builds_the_book_first():
    done = subprocess.run(["make", "--dry-run", "pdf"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.index("snakemake ") < done.stdout.index("l2scaling pdf")


@pytest.fixture(scope="session")
def words(once, printed) -> list[str]:
    """The text of each printed page, its ligatures taken apart."""

    def extract(folder: Path) -> None:
        texts = [unicodedata.normalize("NFKC", page.extract_text()) for page in printed.pages]
        (folder / "texts.json").write_text(json.dumps(texts))

    return json.loads((once("printed-words", extract) / "texts.json").read_text())


def titles(quick_site: Path) -> list[str]:
    """The first heading of each page, in the book's order."""
    heads = [re.search(r"<h1>(.*?)<a class", (quick_site / name).read_text(), re.S)[1] for name in PAGES]
    return [" ".join(pdf.BeautifulSoup(head, "html.parser").get_text().split()) for head in heads]


def test_the_pdf_is_tagged_light_and_in_the_books_order(printed_site, printed, quick_site):
    root = printed.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    assert printed.metadata.title == "Big Penalty, Same Pull"
    # the atlas alone has some fifty pages
    assert (printed_site / pdf.NAME).stat().st_size <= 700_000 * len(Project(ROOT).chapters()) + 2_000_000
    chapters = [one.title for one in printed.outline if not isinstance(one, list)]
    assert chapters == ["Contents", *titles(quick_site)]


def test_no_shadow_is_printed_as_a_picture(printed_site):
    with pikepdf.open(printed_site / pdf.NAME) as file:
        streams = [one for one in file.objects if isinstance(one, pikepdf.Stream)]
        pictures = [one for one in streams if one.get("/Subtype") == "/Image"]
        assert not [one.Height for one in pictures if one.ColorSpace == "/DeviceGray"]


def test_the_pdf_numbers_its_pages_as_its_contents_say(printed, words, quick_site):
    for number, text in enumerate(words[1:], 2):
        assert re.search(rf"(?m)^\s*{number}\s*$", text), (number, text[-200:])
    entries = [one for one in printed.outline if not isinstance(one, list)]
    begins = [printed.get_destination_page_number(one) + 1 for one in entries]
    contents = " ".join(" ".join(words[begins[0] - 1 : begins[1] - 1]).split())
    for title, page in zip(titles(quick_site), begins[1:], strict=True):
        title = unicodedata.normalize("NFKC", title)
        assert re.search(rf"{re.escape(title)}\s*{page}\b", contents), (title, page)


def test_the_pdf_has_formulas_figures_and_links_of_the_pages(printed, words, quick_site):
    text = re.sub(r"\{\$\\\w+\$\}", "", "\n".join(words))  # BibTeX has TeX, and shows it
    assert not re.search(r"\\(frac|sum|lambda|nabla|mathbb|tfrac|begin)\b", text)
    assert "∇" in text
    figures = {
        source
        for name in PAGES
        for source in re.findall(r"_images/\w+\.svg", (quick_site / name).read_text())
    }
    assert len(re.findall(r"(?m)^Fig\. \d+", text)) >= len(figures) > 40
    inner = [
        link.get_object()
        for page in printed.pages
        for link in page.get("/Annots", [])
        if "/Dest" in link.get_object()
    ]
    places = printed.named_destinations
    assert len(inner) > 300
    assert {str(link["/Dest"]) for link in inner} <= set(places)
    outside = [
        link for page in printed.pages for link in page.get("/Annots", []) if "/A" in link.get_object()
    ]
    assert all("file:" not in str(link.get_object()["/A"].get("/URI")) for link in outside)


def test_every_page_leads_to_the_pdf(printed_site):
    for name in PAGES:
        page = printed_site / name
        there = re.search(r'href="([^"]*book\.pdf)"', page.read_text())[1]
        assert page.parent.joinpath(there).resolve() == printed_site / pdf.NAME


def test_a_pdf_of_no_book_or_without_chromium_is_refused(tmp_path, quick_site, monkeypatch):
    assert "holds no built book" in complaint(l2scaling("pdf", "--site", tmp_path), 2)
    shutil.copy(quick_site / "index.html", tmp_path)
    monkeypatch.setenv("PATH", str(BIN))
    assert "needs Chromium" in complaint(l2scaling("pdf", "--site", tmp_path), 2)
