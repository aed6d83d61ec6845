"""The page that runs Python: what is fetched for it, and what it computes in a real browser."""

import itertools
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, lack
from test_pages import barriers, hosted

from l2scaling.publish.pages import cloned, live
from l2scaling.publish.project import Project

PAGE = "book/live.html"
FIRST = {"features": 40, "samples": 60, "copies": 8, "noise": 1, "coefficient": 0.5, "seed": 7}
OTHERS = [
    {"copies": 64, "seed": 12},
    {"features": 100, "samples": 30, "coefficient": 1e-4},  # more features than samples, hardly a penalty
    {"samples": 300, "noise": 0.01, "coefficient": 1e4, "copies": 3},
]
MOST_BEFORE, MOST_AFTER, MOST_SECONDS = 300_000, 25_000_000, 15
"""Bytes of its own before the click, bytes in all, and seconds from the click."""

# ---------------------------------------------------------------- what is fetched


@pytest.fixture
def cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the real lock and page, for which nothing can be fetched."""
    (tmp_path / "book").mkdir()
    for name in (live.LOCK, f"book/{live.FORM}"):
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return Project(tmp_path)


def test_what_cannot_be_fetched_costs_the_page_its_python_and_nothing_else(cut_off, tmp_path, capfd):
    assert not live.provide(cut_off, tmp_path / "site")
    assert not (tmp_path / "site").exists()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("live page: ") and line.endswith("the book is built without it")
    page = live.page(cut_off, there=False)
    assert "could not be fetched" in page and "<script" not in page
    assert "live.js" in live.page(cut_off, there=True)


def test_a_project_without_the_page_fetches_nothing(tmp_path, capfd):
    assert live.fetched(Project(tmp_path)) is None
    assert capfd.readouterr().err == ""


@pytest.fixture(scope="session")
def parts(tmp_path_factory) -> list[Path]:
    """The files of the page, laid out twice."""
    folders = [tmp_path_factory.mktemp("live") for _ in range(2)]
    if not all(live.provide(Project(ROOT), folder) for folder in folders):
        lack("Python for the browser could not be fetched: the live page was not tried")
    return folders


def test_the_files_are_the_same_each_time_and_within_their_weight(parts):
    one, two = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in parts)
    assert one == two
    assert set(one) == {live.PYTHON, live.LIBRARY, live.LICENCES}
    shipped = [*one.values(), *(path.read_bytes() for path in (ROOT / "book/_extra/live").rglob("*.*"))]
    assert sum(map(len, shipped)) <= MOST_AFTER


# ---------------------------------------------------------------- in a browser


def started(browser, place: str):
    """Open the page as a server gives it, and start Python by the keyboard; say what was asked for when."""
    page = browser.new_context(viewport={"width": 1400, "height": 1200}).new_page()
    page.asked, page.faults = [], []
    page.on("request", lambda one: page.asked.append(one.url))
    page.on("requestfailed", lambda one: page.faults.append(one.url))
    page.on("console", lambda one: page.faults.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: page.faults.append(str(one)))
    page.goto(f"{place}/{PAGE}", wait_until="networkidle")
    page.before = page.evaluate(
        "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
        ".map((one) => [one.name, one.encodedBodySize])"
    )
    page.locator("#live-start").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#live[data-shown]", timeout=60_000)
    return page


@pytest.fixture(scope="module")
def running(browser, quick_site, parts):
    with hosted(quick_site) as place:
        page = started(browser, place)
        yield page, place
        page.context.close()


def computed(page, **values: float) -> dict:
    """Set fields, and return what the page then shows."""
    done = int(page.get_attribute("#live", "data-shown"))
    for name, value in values.items():
        page.fill(f"#live-{name}", str(value))
    page.wait_for_function("done => Number(document.getElementById('live').dataset.shown) > done", arg=done)
    page.wait_for_timeout(600)  # each field may have asked on its own
    return page.evaluate("liveFound")


def close(found, wanted) -> bool:
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(close(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(itertools.starmap(close, zip(found, wanted, strict=True)))
    return found == pytest.approx(wanted, rel=1e-12, abs=0)


def test_nothing_loads_before_the_click_and_then_from_the_site_alone(running):
    page, place = running
    assert float(page.get_attribute("#live", "data-ready")) <= MOST_SECONDS
    host = place.rsplit("/some/where", 1)[0]
    assert all(url.startswith((host, "data:", "blob:")) for url in page.asked)
    assert page.faults == []
    names = [name for name, _ in page.before]
    assert not any(
        part in name for name in names for part in ("worker.js", live.PYTHON, live.LIBRARY, "shim")
    )
    own = [size for name, size in page.before if "_static" not in name]  # what every page has lies there
    assert 0 < sum(own) <= MOST_BEFORE


def test_the_numbers_are_those_of_the_package(running):
    page, _ = running
    assert close(computed(page, **FIRST), cloned.clones(**FIRST))
    for other in OTHERS:
        given = FIRST | other
        assert close(computed(page, **given), cloned.clones(**given)), other
    with pytest.raises(AssertionError):  # the control: another seed's numbers are not these
        assert close(page.evaluate("liveFound"), cloned.clones(**FIRST | OTHERS[-1] | {"seed": 8}))


def test_a_wrong_value_is_named_in_one_line_and_the_next_right_one_is_computed(running):
    page, _ = running
    computed(page, **FIRST)
    for name, text in (("copies", "0"), ("copies", "2.5"), ("noise", "much"), ("seed", "")):
        page.fill(f"#live-{name}", text)
        page.wait_for_selector(f"#live-{name}[aria-invalid=true]")
        said = page.inner_text("#live-error")
        assert said.startswith(f"{name} {text}") and ": allowed " in said and "\n" not in said
        assert page.get_attribute("#live-error", "role") == "alert"
        page.fill(f"#live-{name}", str(FIRST[name]))
        page.wait_for_selector("#live-error", state="hidden")
    assert close(page.evaluate("liveFound"), cloned.clones(**FIRST))


def test_the_picture_says_in_words_what_it_shows_and_axe_finds_no_barrier(running):
    page, _ = running
    computed(page, **FIRST | {"copies": 32})
    said = page.inner_text("#live-caption")
    assert "40 weights" in said and "1280 weights" in said
    assert page.locator("#live-rows tr").count() == 7
    page.wait_for_timeout(100)
    assert barriers(page) == {}
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.wait_for_timeout(100)
    assert barriers(page, ["color-contrast"]) == {}
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size({"width": 1400, "height": 1200})


def test_the_readers_own_coefficient_is_named_within_the_picture_at_any_place(running):
    page, _ = running
    for coefficient in (1e-3, 1, 3e3, 1e4):
        computed(page, **FIRST | {"coefficient": coefficient})
        left, right, width = page.evaluate("""() => {
            const texts = [...document.querySelectorAll("#live-chart text")];
            const label = texts.find((one) => one.textContent === "your λ");
            const { x, width } = label.getBBox();
            return [x, x + width, document.getElementById("live-chart").viewBox.baseVal.width];
        }""")
        assert 0 <= left < right <= width, coefficient


def test_the_command_that_the_page_gives_gives_its_numbers(running):
    page, _ = running
    found = computed(page, **FIRST | {"seed": 3})
    command = page.inner_text("#live-command")
    code = command.removeprefix("python -c '").removesuffix("'").replace("print(", "given = (", 1)
    scope: dict = {}
    exec(code, scope)
    assert close(found, scope["given"])


def test_from_a_file_the_page_says_how_to_serve_it(browser, quick_site, parts):
    page = browser.new_page()
    page.goto((quick_site / PAGE).resolve().as_uri())
    page.click("#live-start")
    assert "http.server" in page.inner_text("#live-error")
    page.close()


def test_a_copy_that_lost_its_python_says_so_in_one_line(browser, quick_site, parts):
    page = browser.new_page()
    page.route(f"**/{live.PYTHON}", lambda route: route.fulfill(status=404))
    with hosted(quick_site) as place:
        page.goto(f"{place}/{PAGE}")
        page.click("#live-start")
        page.wait_for_selector("#live-error:not([hidden])")
        assert page.inner_text("#live-error").startswith(f"Python did not start: {live.PYTHON}: 404")
        assert page.is_enabled("#live-start")
    page.close()


def test_print_and_plain_text_leave_the_form_out(quick_site):
    plain = (quick_site / PAGE.replace(".html", ".md")).read_text()
    assert "Start Python" not in plain and "What to look for" in plain
