"""Each page once more as Markdown, for programs: it says what the page says, and a button copies it."""

import re

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from test_pages import hosted

from l2scaling.publish.pages import plain
from l2scaling.publish.project import Project

PAGES = [name for _, names in Project(ROOT).pages() for name in names]


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def said(page: str) -> list[str]:
    """The words of a built page, with each figure's description in its place."""
    article = BeautifulSoup(page, "html.parser").select_one("article.bd-article")
    for one in article.select(plain.UNREAD):
        one.decompose()
    for image in article.select("img"):
        image.replace_with(f"Figure: {image['alt']}")
    for one in article.select("dt, td, th"):
        one.append(" ")
    return words(article.get_text())


def written(text: str) -> list[str]:
    """The words of a page's Markdown: without addresses, numbers of lists, and languages of code."""
    text = re.sub(r"(?m)^\s*(- )?```\w+$|^\s*(- )?\d+\. ", "", text)
    return words(re.sub(r"\]\((?:[^()\s]|\([^()\s]*\))*\)", "]", text))


@pytest.mark.parametrize("name", PAGES)
def test_the_markdown_of_a_page_says_the_same(quick_site, name):
    text = (quick_site / f"{name}.md").read_text()
    assert written(text) == said((quick_site / f"{name}.html").read_text())
    if name not in ("book/api", "book/cite"):  # which show what docstrings and other books say of these
        assert not re.search(r"\{glue|\{ref\}|\{numref\}|\{eq\}|\{doc\}", text)
    text = re.sub(r"(?s)```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", "", text)  # code and formulas have no links
    folder = (quick_site / name).parent
    for address in re.findall(r"\]\(((?!\w+:)[^()\s#]+)", text):
        assert (folder / address).is_file(), address


def test_formulas_code_figures_and_tables_are_those_of_markdown(quick_site):
    text = (quick_site / "notebooks/ridge.md").read_text()
    page = BeautifulSoup((quick_site / "notebooks/ridge.html").read_text(), "html.parser")
    assert text.startswith("# ")
    assert text.count("\n$$\n") == 2 * len(page.select("article div.math"))
    assert text.count("*[Figure: ") == len(page.select("article img"))
    assert text.count("\n```python\n") == len(page.select("article .highlight-python"))
    rows = [line for line in text.splitlines() if re.fullmatch(r"\| (--- \| )*--- \|", line)]
    assert len(rows) == len(page.select("article table"))


def test_one_list_leads_to_every_page(quick_site):
    text = (quick_site / plain.LIST).read_text()
    assert text.startswith("# Big Penalty, Same Pull\n")
    assert re.findall(r"(?m)^- \[.*?\]\((\S+)\.md\)", text) == PAGES
    headings = re.findall(r"(?m)^## (.*)", text)
    assert headings == [caption for caption, _ in Project(ROOT).pages() if caption]


def test_a_button_copies_the_page_and_loads_nothing_before(browser, quick_site):
    with hosted(quick_site) as place:
        page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{place}/notebooks/ridge.html")
        button = page.get_by_role("button", name="Copy this page as Markdown")
        assert not [one for one in asked if one.endswith(".md")]
        button.focus()
        page.keyboard.press("Enter")
        page.locator("[aria-live=polite]", has_text="Copied").wait_for(state="attached")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == (quick_site / "notebooks/ridge.md").read_text()


def test_where_a_page_cannot_be_copied_its_markdown_is_opened(context, quick_site):
    page = context().new_page()
    page.goto((quick_site / "notebooks/ridge.html").as_uri())
    page.get_by_role("button", name="Copy this page as Markdown").click()
    page.wait_for_url("**/notebooks/ridge.md")
