"""From what a page shows to where it came from, and back: figures, claims, records, runs, files."""

import re
import subprocess
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import ROOT, need, sample_notebook

from l2scaling.publish.pages import chapter_page, citation, ledger
from l2scaling.publish.project import Project, title
from l2scaling.publish.runs import executed
from l2scaling.publish.runs.parameters import declared
from l2scaling.publish.runs.provenance import origin, source_hash

PROJECT = Project(ROOT)
CHAPTERS = PROJECT.chapters()


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(), "html.parser")


def text(tag: BeautifulSoup) -> str:
    """What a page says, with the quotes that its source had."""
    return re.sub(r"\s+", " ", tag.get_text()).translate(str.maketrans("’‘“”", "''\"\"")).strip()


@pytest.fixture(scope="session")
def pages(quick_site) -> dict[str, BeautifulSoup]:
    names = [
        *(f"notebooks/{name}.html" for name in CHAPTERS),
        *(f"book/{n}.html" for n in ("index", "verdicts")),
    ]
    return {name: read(quick_site / name) for name in names}


def runs() -> dict[str, nbformat.NotebookNode]:
    return {chapter: executed.executed(PROJECT, chapter, "quick") for chapter in CHAPTERS}


# ---------------------------------------------------------------- what a run records


def git(folder: Path, *words: str) -> str:
    need("git", otherwise="no commit was made to be recorded")
    who = ["-c", "user.name=x", "-c", "user.email=x@book.example"]
    done = subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_run_records_its_commit_and_whether_its_sources_differ_from_it(sample):
    project = Project(sample)

    def commit() -> tuple:
        found = origin(project, "sample", project.source("sample"))
        return found["commit"], found["dirty"]

    assert commit() == (None, None)  # no git
    git(sample, "init", "--quiet")
    assert commit() == (None, None)  # nothing committed
    git(sample, "add", "--all")
    git(sample, "commit", "--quiet", "--message", "all")
    head = git(sample, "rev-parse", "HEAD")
    assert commit() == (head, False)
    (sample / "book" / "index.md").write_text("# Other words\n")
    assert commit() == (head, False)  # no run is made from these
    (sample / "src" / "l2scaling" / "new.py").write_text("")
    assert commit() == (head, False)  # nor from what it does not import
    (sample / "notebooks" / "profiles.yml").write_text("sample:\n  quick:\n    pause: 0.5\n")
    assert commit() == (head, True)
    git(sample, "checkout", "--", "notebooks/profiles.yml")
    path = sample / "src" / "l2scaling" / "publish" / "runs" / "run.py"
    path.write_text(f"{path.read_text()}# another\n")
    assert commit() == (head, True)
    git(sample, "checkout", "--", "src")
    assert commit() == (head, False)
    nbformat.write(sample_notebook("seed: int = 4  # seed; 0 to 10"), sample / "notebooks" / "sample.ipynb")
    assert commit() == (head, True)


def test_a_copy_inside_another_repository_does_not_take_its_commit_for_its_own(sample):
    git(sample.parent, "init", "--quiet")
    git(sample.parent, "commit", "--quiet", "--allow-empty", "--message", "theirs")
    found = origin(Project(sample), "sample", sample_notebook())
    assert (found["commit"], found["dirty"]) == (None, None)


def test_a_run_records_what_it_was_made_from_and_with(sample, monkeypatch):
    project, notebook = Project(sample), sample_notebook()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = origin(project, "sample", notebook)
    assert before["source"] == source_hash(project, "sample", notebook)
    assert before["threads"] == "1"
    assert before["processor"]
    assert {"python", "numpy", "torch", "papermill"} <= set(before["versions"])
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with (sample / "requirements.lock").open("a") as file:
        file.write("# changed\n")
    after = origin(project, "sample", notebook)
    assert after["threads"] == "2"
    differ = {name for name, digest in after["hashes"].items() if digest != before["hashes"][name]}
    assert differ == {"lock"}
    assert after["source"] != before["source"]


def test_every_run_of_the_book_says_where_it_comes_from(quick_site):
    for chapter, run in runs().items():
        record = run.metadata["l2scaling"]
        assert record.keys() >= origin(PROJECT, chapter, PROJECT.source(chapter)).keys()
        assert isinstance(record["parameters"]["seed"], int)
        assert str(ROOT) not in nbformat.writes(run)


# ---------------------------------------------------------------- run card, files, table of runs


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_run_card_shows_parameters_times_versions_files_and_command(quick_site, pages, chapter):
    run = executed.executed(PROJECT, chapter, "quick")
    record, page = run.metadata["l2scaling"], pages[f"notebooks/{chapter}.html"]
    (lead,) = [tag for tag in page.find_all("strong") if tag.get_text() == "Run card."]
    table = lead.find_next("table")
    rows = [[text(cell) for cell in row.find_all("td")] for row in table.find_all("tr")[1:]]
    assert rows == [
        [one.name, one.help, str(one.default), str(record["parameters"][one.name])]
        for one in declared(PROJECT.source(chapter), chapter)
    ]
    card = table.find_next("ul")
    said = text(card)
    assert f"started {run.metadata['papermill']['start_time'][:16].replace('T', ' ')} UTC" in said
    assert f"took {run.metadata['papermill']['duration']:.0f} s" in said
    assert f"l2scaling run {chapter} --profile quick" in said
    assert citation.reference(PROJECT, chapter, "quick").run in said
    assert record["source"][:16] in said
    assert record["processor"] in said
    assert all(f"{name} {version}" in said for name, version in record["versions"].items())
    links = {text(link): link["href"] for link in card.find_all("a")}
    folder = quick_site / "notebooks"
    shown, source = folder / links["executed notebook"], folder / links["source notebook"]
    assert shown.read_bytes() == PROJECT.run_path(chapter, "quick").read_bytes()
    assert source.read_bytes() == (PROJECT.notebooks / f"{chapter}.ipynb").read_bytes()


@pytest.mark.parametrize(
    ("commit", "dirty", "version"),
    [("c0ffee", False, "c0ffee"), ("c0ffee", True, "main"), (None, None, "main")],
)
def test_the_source_in_a_known_repository_is_the_one_that_ran(quick_site, commit, dirty, version):
    chapter = CHAPTERS[0]
    run, source = executed.executed(PROJECT, chapter, "quick"), PROJECT.source(chapter)
    run.metadata["l2scaling"] |= {"commit": commit, "dirty": dirty}
    cited = citation.reference(PROJECT, chapter, "quick")
    page = chapter_page.dressed(
        chapter, run, declared(source, chapter), cited, "https://forge.example/group/book", stated={}
    )
    words = nbformat.writes(page)
    assert f"https://forge.example/group/book/blob/{version}/notebooks/{chapter}.ipynb" in words


def test_the_runs_page_has_every_run_with_its_times_and_versions(quick_site):
    page = read(quick_site / "book" / "runs.html")
    rows = {row.a["href"]: text(row) for row in page.find("table").find_all("tr")[1:]}
    assert len(rows) == len(CHAPTERS)
    setups = text(page.find("article"))
    for chapter, run in runs().items():
        row, times = rows[f"../notebooks/{chapter}.html"], run.metadata["papermill"]
        assert times["start_time"][:16].replace("T", " ") in row
        assert f"{times['duration']:.1f}" in row
        assert citation.reference(PROJECT, chapter, "quick").run in row
        record = run.metadata["l2scaling"]
        assert all(f"{name} {version}" in setups for name, version in record["versions"].items())
        assert record["processor"] in setups


def test_runs_on_different_machines_are_told_apart(quick_site):
    made = runs()
    for run in made.values():  # which a developer may have made at several commits
        run.metadata["l2scaling"] |= {"commit": "c0ffee", "dirty": False}
    first = next(iter(made.values()))
    first.metadata["l2scaling"] |= {"processor": "Another One", "threads": "8"}
    titles = {chapter: title(run) for chapter, run in made.items()}
    page = ledger.runs_page(list(made.values()), titles, dict.fromkeys(made))
    assert "**Setup 1.** Another One, 8 threads" in page
    assert "**Setup 2.**" in page
    numbers = re.findall(r"\| (\d+) \|$", page, re.MULTILINE)
    assert numbers == ["1", *["2"] * (len(made) - 1)]


# ---------------------------------------------------------------- figures and the cells that drew them


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_figure_leads_to_the_cell_that_drew_it(pages, chapter):
    here = f"notebooks/{chapter}.html"
    for cell in executed.executed(PROJECT, chapter, "quick").cells:
        if "figure" not in cell.metadata.get("mystnb", {}):
            continue
        name = cell.metadata["mystnb"]["figure"]["name"]
        elsewhere = "for-other-pages" in cell.metadata.get("tags", [])
        figure = pages["book/index.html" if elsewhere else here].find(id=name)
        address = f"../{here}#code-{name}" if elsewhere else f"#code-{name}"
        assert figure.name == "figure"
        assert address in [link["href"] for link in figure.figcaption.find_all("a")]
        code = pages[here].find(id=f"code-{name}").find(class_="cell_input").pre
        assert code.get_text().strip() == cell.source.strip()


# ---------------------------------------------------------------- claims and their records


def test_every_claim_leads_to_its_records_and_every_record_back(pages):
    ledger_page = pages["book/verdicts.html"]
    for chapter in CHAPTERS:
        page = pages[f"notebooks/{chapter}.html"]
        for record in executed.records_of(executed.executed(PROJECT, chapter, "quick")):
            name = ledger.record_anchor(record)
            assert len(page.find_all(id=name)) == 1
            row = page.find(id=name).find_parent("tr")
            assert record.quantity in text(row)
            back = [link["href"] for link in row.find_all("a")]
            if record.claim is None:
                assert back == []
                continue
            claim = f"claim-{record.claim.lower()}"
            assert back == [f"../book/verdicts.html#{claim}"]
            there = [link["href"] for link in ledger_page.find(id=claim).find_all("a")]
            assert f"../notebooks/{chapter}.html#{name}" in there
