"""Cite this chapter: what a page, a download and the command say is one reference, and tools can read it."""

import codecs
import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup, Tag
from conftest import CHROMIUM, ROOT, complaint, from_npm, l2scaling, lack, need, sample_notebook, tool
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from pybtex.database import parse_string
from pypdf import PdfReader
from test_pages import hosted

from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence import claims
from l2scaling.publish.pages import citation
from l2scaling.publish.pages.citation import Author, Reference
from l2scaling.publish.project import Project, title
from l2scaling.publish.runs.executed import records_of
from l2scaling.publish.runs.provenance import content_hash

PROJECT = Project(ROOT)
CHAPTERS = PROJECT.chapters()
EXTENSIONS = yaml.safe_load((ROOT / "_config.yml").read_text())["parse"]["myst_enable_extensions"]
MADE = ("bibtex", "ris", "csl-json")

HARD = Reference(
    key="l2scaling-hard",
    authors=(Author("Müller", "Ada"), Author("Cruz", "José"), Author("Labs & Co")),
    book="50% of a_b & #1",
    chapter="λ > 0, \"c\" & 5% of $x_i$: #2 \\ } { ~ ^ `a' '' --- | <b>",
    date=(2026, 1, 2),
    version="1.0}, note = {x_y^2",
    url="https://book.example/a_b/notebooks/hard.html?c=1&d=2#e",
    run="0123456789abcdef",
)
"""A reference with everything that has a meaning of its own in some format."""


def references() -> list[Reference]:
    return [citation.reference(PROJECT, what, "quick") for what in ["book", *CHAPTERS]]


def page_of(site: Path, what: str) -> BeautifulSoup:
    name = "book/cite.html" if what == "book" else f"notebooks/{what}.html"
    return BeautifulSoup((site / name).read_text(), "html.parser")


# ---------------------------------------------------------------- what the references say


def agrees(item: dict, one: Reference) -> None:
    """Compare an entry in terms of CSL, however it was read, with the reference it came from."""
    assert item["type"] == ("chapter" if one.chapter else "book")
    assert item["title"] == one.title
    assert item.get("container-title") == (one.book if one.chapter else None)
    assert item["issued"]["date-parts"][0][0] == one.date[0]
    assert item["edition"] == f"version {one.version}"
    assert item.get("note") == (f"run {one.run}" if one.run else None)
    assert item.get("URL") == one.url
    names = [(name.get("family") or name["literal"], name.get("given", "")) for name in item["author"]]
    assert names == [(author.family, author.given) for author in one.authors]


NAMED = {
    "textbackslash": "\\", "textbraceleft": "{", "textbraceright": "}", "textasciitilde": "~",
    "textasciicircum": "^", "textasciigrave": "`", "textless": "<", "textgreater": ">", "textbar": "|",
}  # fmt: skip


def from_latex(text: str) -> str:
    """Read LaTeX as TeX would: a command by its name, an escaped sign as itself, no other braces."""
    signs: list[str] = []

    def keep(found: re.Match) -> str:
        signs.append(NAMED[found[1]] if found[1] else found[2])
        return "\ue000"

    text = re.sub(r"\\(text\w+)\{\}|\\([&%$#_])", keep, text)
    text = re.sub(r"[{}]", "", codecs.decode(text, "ulatex"))
    return re.sub("\ue000", lambda _: signs.pop(0), text)


def test_pybtex_reads_bibtex():
    for one in [HARD, *references()]:
        ((key, entry),) = parse_string(citation.written(one, "bibtex"), "bibtex").entries.items()
        plain = {name: text if name == "url" else from_latex(text) for name, text in entry.fields.items()}
        assert key == one.key
        agrees(
            {
                "type": {"incollection": "chapter", "book": "book"}[entry.type],
                "title": plain["title"],
                "container-title": plain.get("booktitle"),
                "issued": {"date-parts": [[int(plain["year"])]]},
                "edition": plain["edition"],
                "note": plain.get("note"),
                "URL": plain.get("url"),
                "author": [
                    {
                        "family": from_latex(" ".join(person.last_names)),
                        "given": from_latex(" ".join(person.first_names)),
                    }
                    for person in entry.persons["author"]
                ],
            },
            one,
        )


LATEX = {
    "bibtex": "\\usepackage{url}\n\\begin{document}\n\\nocite{*}\n"
    "\\bibliographystyle{plain}\n\\bibliography{all}\n",
    "biber": "\\usepackage[backend=biber]{biblatex}\n\\addbibresource{all.bib}\n\\begin{document}\n"
    "\\nocite{*}\n\\printbibliography\n",
}


@pytest.mark.parametrize("program", LATEX)
def test_pdflatex_sets_every_reference(program, tmp_path):
    need("pdflatex", program, otherwise="LaTeX set no reference")
    book = citation.book_reference(PROJECT)
    chapters = [
        replace(
            book, key=f"l2scaling-{name}", chapter=title(PROJECT.source(name)), run=HARD.run, url=HARD.url
        )
        for name in CHAPTERS
    ]
    cited = [HARD, book, *chapters]
    (tmp_path / "all.bib").write_text("\n".join(citation.written(one, "bibtex") for one in cited))
    (tmp_path / "main.tex").write_text(f"\\documentclass{{article}}\n{LATEX[program]}\\end{{document}}\n")
    latex = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main")
    for command in (latex, (program, "main"), latex):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
        assert done.returncode == 0, done.stdout[-2000:]
    text = " ".join(page.extract_text() for page in PdfReader(tmp_path / "main.pdf").pages)
    printed = re.sub(r"\W", "", unicodedata.normalize("NFKC", text)).casefold()
    for one in [book, *chapters]:
        plain = unicodedata.normalize("NFKC", one.title).replace("-", "")
        for word in re.findall(r"\w{4,}", plain):
            assert word.casefold() in printed, (word, one.title)


@pytest.fixture(scope="session")
def citation_js() -> Path:
    """Install citation-js, once, beside what is built."""
    packages = [f"@citation-js/{name}@0.7.21" for name in ("core", "plugin-bibtex", "plugin-ris")]
    return from_npm("citation-js", *packages, otherwise="it read no reference")


READ = """
const { Cite } = require('@citation-js/core')
require('@citation-js/plugin-bibtex')
require('@citation-js/plugin-ris')
const types = { bibtex: '@bibtex/text', ris: '@ris/file', 'csl-json': '@else/json' }
const written = JSON.parse(require('fs').readFileSync(0))
const read = ([form, text]) => new Cite(text, { forceType: types[form] }).data
console.log(JSON.stringify(written.map(read)))
"""


def test_citation_js_reads_every_format(citation_js):
    cases = [(one, form) for one in [HARD, *references()] for form in MADE]
    texts = [(form, citation.written(one, form)) for one, form in cases]
    done = subprocess.run(
        ["node", "-e", READ], cwd=citation_js, input=json.dumps(texts), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for (one, _), entries in zip(cases, json.loads(done.stdout), strict=True):
        (item,) = entries
        agrees(item, one)


def cffconvert(*words: str) -> str:
    """Call the official tool, in an environment of its own: it wants an old jsonschema."""
    done = tool("--from", "cffconvert==2.0.0", "cffconvert", *words)
    if done.returncode and "valid" not in done.stdout + done.stderr:
        lack(f"cffconvert could not be fetched: {done.stderr.strip().splitlines()[-1:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_citation_cff_is_valid_and_says_what_ours_says():
    cffconvert("--validate")
    (theirs,) = parse_string(cffconvert("--format", "bibtex"), "bibtex").entries.values()
    book = citation.reference(PROJECT, "book")
    assert theirs.fields["title"] == book.title
    assert theirs.fields["year"] == str(book.date[0])
    names = {word for person in theirs.persons["author"] for word in re.findall(r"\w+", str(person))}
    assert names == {word for one in book.authors for word in f"{one.given} {one.family}".split()}


def test_authors_are_those_of_the_citation_file(sample):
    file = sample / "CITATION.cff"
    people = "authors:\n  - family-names: Berg\n    name-particle: van den\n    given-names: Ann\n"
    file.write_text(re.sub(r"authors:\n  - name: .+\n", people + "  - name: A Society\n", file.read_text()))
    one = citation.reference(Project(sample), "sample")
    assert one.authors == (Author("van den Berg", "Ann"), Author("A Society"))
    assert citation.written(one, "text").startswith("Ann van den Berg, A Society (")
    assert "author = {van den Berg, Ann and {A Society}}" in citation.written(one, "bibtex")
    assert 'content="van den Berg, Ann"' in citation.meta_tags(one)


def test_an_address_stands_in_every_format_once_it_is_known(sample):
    before = citation.reference(Project(sample), "sample")
    assert before.url is None
    assert "http" not in "".join(citation.written(before, form) for form in citation.FORMATS)
    assert "citation_public_url" not in citation.meta_tags(before)
    with (sample / "CITATION.cff").open("a") as file:
        file.write("url: https://book.example/\n")
    after = citation.reference(Project(sample), "sample")
    address = "https://book.example/notebooks/sample.html"
    assert all(address in citation.written(after, form) for form in citation.FORMATS)
    assert f'name="citation_public_url" content="{address}"' in citation.meta_tags(after)


# ---------------------------------------------------------------- words that mean something in a format

SIGNS = "\\\\{}~^&%$#_`'\"<>|@,-=:*[]()!+ \n\r\t\x00\x1b\x85\u2028\ud800aZ0éßλ≥中🙂"
HOSTILE = st.one_of(
    st.text(SIGNS, min_size=1, max_size=30),
    st.text(min_size=1, max_size=20),
    st.sampled_from(
        [
            "1}, note = {forged", "T\nER  - \nTY  - BOOK", "```\n\n# <b>out</b>\n````", "{ref}`x` {{x}} $x$",
            "<script>x</script> [a](http://b.example) b.example", '"><meta name="citation_title" content="x',
            "a and b, c", "% \\end{document}", "a -- b ''c''", "\\", "{", "}}", "%", "@book{x,}", "- a",
        ]
    ),
).filter(lambda text: citation._line(text) != "")  # fmt: skip
REFERENCES = st.builds(
    Reference,
    key=st.just("l2scaling-x"),
    authors=st.lists(st.builds(Author, HOSTILE, st.one_of(st.just(""), HOSTILE)), min_size=1, max_size=3).map(
        tuple
    ),
    book=HOSTILE,
    chapter=st.one_of(st.none(), HOSTILE),
    date=st.just((2026, 1, 2)),
    version=HOSTILE,
    url=st.one_of(st.none(), HOSTILE.map("https://book.example/{}".format)),
    run=st.sampled_from([None, "0123456789abcdef"]),
)
line = citation._line
whenever = settings(deadline=None)  # other processes may take the time


@whenever
@given(REFERENCES)
def test_no_words_add_a_field_or_a_name_to_bibtex_or_leave_it(one):
    text = citation.written(one, "bibtex")
    ((key, entry),) = parse_string(text, "bibtex").entries.items()
    assert key == one.key
    further = {"booktitle": one.chapter, "note": one.run, "url": one.url}
    assert set(entry.fields) == {"title", "year", "edition", *(name for name in further if further[name])}
    assert [bool(person.first_names) for person in entry.persons["author"]] == [
        bool(line(author.given)) for author in one.authors
    ]


@whenever
@given(st.text("\\\\{}~^&%$#_`'\"<>|@,-=: aZ0éßλ≥", min_size=1).filter(str.strip))
def test_words_come_back_from_bibtex(words):
    one = replace(HARD, chapter=words, version=words)
    (entry,) = parse_string(citation.written(one, "bibtex"), "bibtex").entries.values()
    assert from_latex(entry.fields["title"]) == line(words)
    assert from_latex(entry.fields["edition"]) == line(one.edition)


def test_bibtex_is_ascii_for_the_letters_and_signs_that_the_book_uses():
    for one in [HARD, *references()]:
        assert citation.written(one, "bibtex").isascii()


@whenever
@given(REFERENCES)
def test_ris_is_one_record_of_one_line_a_field(one):
    *lines, end = citation.written(one, "ris").splitlines()
    assert end == "ER  - "
    fields = [re.fullmatch(r"([A-Z][A-Z0-9])  - (.*\S)", text).groups() for text in lines]
    wanted = ["TY", *("AU" for _ in one.authors), "TI", *(["T2"] if one.chapter else []), "PY", "DA", "ET"]
    wanted += [tag for tag, value in (("N1", one.run), ("UR", one.url)) if value]
    assert [tag for tag, _ in fields] == wanted
    assert dict(fields)["TI"] == line(one.title)


@whenever
@given(REFERENCES)
def test_csl_json_holds_the_words_as_they_are(one):
    (item,) = json.loads(citation.written(one, "csl-json"))
    assert item["title"] == line(one.title)
    assert item["edition"] == line(one.edition)


@whenever
@given(REFERENCES)
def test_a_citation_box_shows_the_words_and_nothing_else(one):
    parser = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
    first, words, last, *boxes = parser.parse(citation.boxes(one, "x"))
    assert [first.type, words.type, last.type] == ["paragraph_open", "inline", "paragraph_close"]
    kinds = [token.type for token in words.children]
    assert set(kinds) - {"text"} == ({"link_open", "link_close"} if one.url else set())
    assert kinds.count("link_open") <= 1
    shown = "".join(token.content for token in words.children)
    assert shown.partition(" https://book.example/")[0] == citation._sentence(citation.in_lines(one))
    assert [box.info for box in boxes] == [f"{{dropdown}} {name}" for name in citation.NAMES.values()]
    for box, form in zip(boxes, citation.SUFFIXES, strict=True):
        text, *rest = parser.parse(box.content)
        assert (text.type, text.info, text.content) == ("fence", "text", citation.written(one, form) + "\n")
        assert [token.type for token in rest] == ["paragraph_open", "inline", "paragraph_close"]


@whenever
@given(REFERENCES)
def test_meta_tags_hold_the_words_and_nothing_else(one):
    page = BeautifulSoup(citation.meta_tags(one), "html.parser")
    assert [tag.name for tag in page.find_all()] == ["meta"] * len(citation.meta_tags(one).splitlines())
    assert all(set(tag.attrs) == {"name", "content"} for tag in page.find_all())
    assert page.find("meta", {"name": "citation_title"})["content"] == line(one.title)


def test_hostile_words_stand_on_the_page_as_they_are(sample):
    words = "<b>x</b> *y* $z$ {ref}`w` ``` [v](http://u.example) {{t}} \\ t.example"
    file = sample / "CITATION.cff"
    text = re.sub(
        r"(?m)^(title|version|  - name): .*", lambda one: f"{one[1]}: {json.dumps(words)}", file.read_text()
    )
    file.write_text(text)
    for command in ("run sample --profile quick", "site --profile quick"):
        done = l2scaling(*command.split(), project=sample)
        assert done.returncode == 0, done.stderr
    page = page_of(sample / "_build" / "html", "sample")
    one = citation.reference(Project(sample), "sample", "quick")
    section = page.find(id="cite-this-chapter")
    assert citation.written(one, "text") in re.sub(r"\s+", " ", section.p.get_text())
    assert section.p.find_all() == []
    assert {box.pre.get_text() for box in section.find_all("details")} == {
        citation.written(one, form) + "\n" for form in citation.SUFFIXES
    }
    assert page.find("meta", {"name": "citation_author"})["content"] == words


@pytest.mark.parametrize(
    ("field", "value"),
    [("title", "''"), ("title", "[a]"), ("version", ""), ("version", "[1]"), ("version", "true"),
     ("version", '"\\n"'), ("url", "javascript:alert(1)"), ("url", "book.example")],
)  # fmt: skip
def test_a_field_that_cannot_be_cited_is_refused(sample, field, value):
    file = sample / "CITATION.cff"
    kept = [text for text in file.read_text().splitlines() if not text.startswith(f"{field}:")]
    file.write_text("\n".join([*kept, f"{field}: {value}", ""]))
    with pytest.raises(RequestError, match=r"CITATION\.cff is broken \(.*\); allowed: title, version"):
        citation.reference(Project(sample), "sample")


# ---------------------------------------------------------------- which run they name


def executed(number: int = 1, seed: int = 3, start: str = "2026-01-01T00:00:00") -> nbformat.NotebookNode:
    notebook = sample_notebook()
    notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=str(number))]
    notebook.metadata["l2scaling"] = {"chapter": "sample", "parameters": {"seed": seed}, "source": "0a"}
    notebook.metadata["papermill"] = {"start_time": start, "duration": 1.0}
    return notebook


def test_a_repeated_run_keeps_its_name_and_another_run_has_another():
    name = content_hash(executed())
    assert content_hash(executed(start="2027-02-02T00:00:00")) == name
    assert content_hash(executed(number=2)) != name
    assert content_hash(executed(seed=4)) != name
    changed = executed()
    changed.cells[-1].source += "\n"
    assert content_hash(changed) != name


def test_a_reference_names_the_run_and_none_where_there_is_none(sample):
    project = Project(sample)
    assert "run" not in citation.written(citation.reference(project, "sample"), "bibtex")
    assert l2scaling("run", "sample", project=sample).returncode == 0
    run = nbformat.read(project.run_path("sample", "published"), as_version=4)
    one = citation.reference(project, "sample")
    assert one.run == content_hash(run)[:16]
    assert all(f"run {one.run}" in citation.written(one, form) for form in citation.FORMATS)
    assert citation.reference(project, "sample", "quick").run is None


# ---------------------------------------------------------------- the pages


@pytest.mark.parametrize("what", ["book", *CHAPTERS])
def test_a_page_offers_every_format_to_copy_and_to_download(quick_site, what):
    one = citation.reference(PROJECT, what, "quick")
    page = page_of(quick_site, what)
    section = page.find(id="the-whole-book" if what == "book" else "cite-this-chapter")
    assert citation.written(one, "text") in re.sub(r"\s+", " ", section.get_text())
    boxes = {box.summary.get_text(strip=True): box for box in section.find_all("details")}
    assert set(boxes) == set(citation.NAMES.values())
    for form, suffix in citation.SUFFIXES.items():
        box = boxes[citation.NAMES[form]]
        assert box.pre.get_text() == citation.written(one, form) + "\n"
        (link,) = box.find_all("a", download=True)
        folder = quick_site / "notebooks"
        assert (folder / link["href"]).read_text() == citation.written(one, form) + "\n"
        assert link["href"].endswith(f"/{what}.{suffix}")


def test_the_command_prints_what_the_pages_show():
    for what, form in [
        ("book", "text"),
        (CHAPTERS[0], "bibtex"),
        (CHAPTERS[1], "ris"),
        (CHAPTERS[2], "csl-json"),
    ]:
        one = citation.reference(PROJECT, what, "quick")
        printed = l2scaling("cite", what, "--format", form, "--profile", "quick").stdout
        assert printed == citation.written(one, form) + "\n"


def test_citing_the_unknown_is_refused():
    assert "penalty-and-pull" in complaint(l2scaling("cite", "penalty-and-pul"), 2)
    assert "bibtex, ris, csl-json" in complaint(l2scaling("cite", "book", "--format", "apa"), 2)
    assert "quick, published, full" in complaint(l2scaling("cite", "book", "--profile", "fast"), 2)


def test_scholarly_tags_are_on_the_index_and_the_chapters_only(quick_site):
    wanted = {"book/index.html": citation.reference(PROJECT, "book", "quick")}
    wanted |= {f"notebooks/{name}.html": citation.reference(PROJECT, name, "quick") for name in CHAPTERS}
    for path in quick_site.rglob("*.html"):
        if "_static" in path.parts:
            continue
        page = BeautifulSoup(path.read_text(), "html.parser")
        found = [
            (tag["name"], tag["content"]) for tag in page.find_all("meta", {"name": re.compile("^citation_")})
        ]
        one = wanted.pop(str(path.relative_to(quick_site)), None)
        if one is None:
            assert found == [], path
            continue
        expected = [("citation_title", one.title)]
        expected += [("citation_author", author.family) for author in one.authors]
        expected += [("citation_publication_date", "{}/{:02}/{:02}".format(*one.date))]
        expected += [("citation_inbook_title", one.book)] if one.chapter else []
        expected += [("citation_language", "en"), ("citation_keywords", "; ".join(one.keywords))]
        kept, words = found[:-1], dict(found)["citation_abstract"]
        assert kept == expected
        assert found[-1] == ("citation_abstract", words)
        assert len(words.split()) > 40
        first = page.select_one("article li" if one.chapter else "article section > p")
        assert words.split()[:3] == first.get_text().split()[:3]
    assert wanted == {}


# Clipboards are out of a test's reach; what a page puts on it, a listener can see.
COPY = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as play:
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    browser = play.chromium.launch(executable_path=sys.argv[1], args=options)
    page = browser.new_page()
    page.goto(sys.argv[2])
    page.evaluate("document.addEventListener('copy', () => { window.seen = document.activeElement.value })")
    box = page.locator("#cite-this-chapter details", has_text=sys.argv[3]).first
    box.locator("summary").click()
    box.locator("button.copybtn").click()
    page.wait_for_function("window.seen")
    sys.stdout.write(page.evaluate("window.seen"))
"""


@pytest.mark.parametrize("form", citation.SUFFIXES)
def test_the_copy_button_copies_the_whole_reference(quick_site, form):
    if not CHROMIUM:
        lack("chromium is not installed: the button was not pressed (apt install chromium)")
    address = (quick_site / "notebooks" / f"{CHAPTERS[0]}.html").resolve().as_uri()
    # a process of its own: two browsers in one would get in each other's way
    command = [sys.executable, "-c", COPY, CHROMIUM, address, citation.NAMES[form]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one = citation.reference(PROJECT, CHAPTERS[0], "quick")
    assert done.stdout.strip() == citation.written(one, form).strip()


# ---------------------------------------------------------------- addresses that last


def markdown(chapter: str) -> str:
    return "\n".join(cell.source for cell in PROJECT.source(chapter).cells if cell.cell_type == "markdown")


def figures(chapter: str) -> list[str]:
    cells = PROJECT.source(chapter).cells
    return [cell.metadata["mystnb"]["figure"]["name"] for cell in cells if "mystnb" in cell.metadata]


def ids(page: BeautifulSoup) -> list[str]:
    return [tag["id"] for tag in page.find_all(id=True)]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_propositions_and_figures_have_addresses_and_the_chapter_lists_them(quick_site, chapter):
    results = re.findall(r"^`{3,}\{prf:(?!proof|ref)\w+\}.*\n(:label: (\S+))?", markdown(chapter), re.M)
    assert all(label for label, _ in results), "a result without a label has no lasting address"
    page = page_of(quick_site, chapter)
    elsewhere = ids(BeautifulSoup((quick_site / "book" / "index.html").read_text(), "html.parser"))
    there = ids(page)
    for name in [*(name for _, name in results), *figures(chapter)]:
        assert there.count(name) + elsewhere.count(name) == 1, name
        listed = page.find(id="cite-this-chapter").find("code", string=f"#{name}")
        assert isinstance(listed, Tag), f"{name} is not among the addresses to cite"


def test_every_claim_has_an_address_and_its_heading_shows_it(quick_site):
    page = BeautifulSoup((quick_site / "book" / "verdicts.html").read_text(), "html.parser")
    for claim in claims.read_claims(PROJECT):
        name = f"claim-{claim.id.lower()}"
        assert ids(page).count(name) == 1
        heading = page.find(id=name).find("h2")
        assert heading.get_text().startswith(f"{claim.id}: ")
        assert heading.find("a", class_="headerlink")["href"] == f"#{name}"


PLACES = "figure[id], .proof[id], .math[id], span[id^=record-]"
"""What can be cited one by one, beside claims."""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_all_that_can_be_cited_has_a_name_of_its_own(quick_site, chapter):
    page = page_of(quick_site, chapter)
    names = [one["id"] for one in page.select(f"article :is({PLACES})")]
    assert all(re.fullmatch(r"(fig|prop|def|rem|equation-eq|record)-[a-z0-9-]+", name) for name in names)
    assert all(ids(page).count(name) == 1 for name in names)
    run = nbformat.read(PROJECT.run_path(chapter, "quick"), as_version=4)
    assert sum(name.startswith("record-") for name in names) == len(records_of(run))


@pytest.mark.parametrize("published", [False, True])
def test_a_button_beside_each_copies_its_address(browser, quick_site, published):
    """The one at which the book is published, if its pages name it."""
    allowed = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = allowed.new_page()
    home = "https://book.example/notebooks/ridge.html"
    if published:
        page.add_init_script(
            f"""document.addEventListener("DOMContentLoaded", () => document.head.append(
                Object.assign(document.createElement("link"), {{rel: "canonical", href: "{home}"}})))"""
        )
    with hosted(quick_site) as place:
        page.goto(f"{place}/notebooks/ridge.html#evidence")
        home = home if published else f"{place}/notebooks/ridge.html"
        page.wait_for_function("document.documentElement.dataset.math === 'set'")
        assert page.locator(".copy-link").count() == page.locator(f"article :is({PLACES})").count() > 20
        names = ["fig-ridge-best", "prop-ridge-risk", "equation-eq-ridge-best"]
        names += page.locator("span[id^=record-]").evaluate_all("all => all.slice(0, 1).map((one) => one.id)")
        for name in names:
            button = page.locator(f"#{name} .copy-link, #{name} + .copy-link").first
            page.mouse.move(0, 0)
            assert button.evaluate("one => getComputedStyle(one).opacity") == "0"
            button.focus()
            page.keyboard.press("Shift+Tab")
            page.keyboard.press("Tab")
            assert (
                button.evaluate("one => one === document.activeElement && getComputedStyle(one).opacity")
                == "1"
            )
            page.keyboard.press("Enter")
            page.locator("article > [aria-live=polite]", has_text="Copied").wait_for(state="attached")
            assert page.evaluate("navigator.clipboard.readText()") == f"{home}#{name}"
        assert button.get_attribute("aria-label").startswith("Copy link to double descent")
        assert page.get_by_role("button", name="Copy link to Proposition", exact=False).count() > 3
        page.emulate_media(media="print")
        assert not button.is_visible()
    allowed.close()


def test_where_an_address_cannot_be_copied_the_browser_shows_it(context, quick_site):
    page = context().new_page()
    page.add_init_script("navigator.clipboard.writeText = () => Promise.reject()")
    page.goto((quick_site / "notebooks" / "ridge.html").resolve().as_uri())
    page.locator("#fig-ridge-best .copy-link").click()
    page.wait_for_url("**/ridge.html#fig-ridge-best")
    page.close()


def test_without_a_pointer_every_button_is_seen(browser, quick_site):
    phone = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page = phone.new_page()
    page.goto((quick_site / "notebooks" / "ridge.html").resolve().as_uri())
    assert set(
        page.locator(".copy-link").evaluate_all("all => all.map((one) => getComputedStyle(one).opacity)")
    ) == {"1"}
    assert page.locator("#fig-ridge-best .copy-link").bounding_box()["height"] >= 24
    phone.close()
