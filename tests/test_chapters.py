"""Every chapter: its shape, its quick run, and for each claim a sabotage its check must notice."""

import ast
import json
import re
import statistics
from dataclasses import astuple

import nbformat
import pytest
from conftest import ROOT, complaint, extend, l2scaling

from l2scaling.publish.errors import RunError
from l2scaling.publish.evidence import controls, robustness
from l2scaling.publish.evidence.claims import read_claims
from l2scaling.publish.pages import layout
from l2scaling.publish.project import Project
from l2scaling.publish.runs.executed import gather, records_of
from l2scaling.publish.runs.many import executed, require_all
from l2scaling.publish.runs.parameters import declared

PROJECT = Project(ROOT)
CHAPTERS = PROJECT.chapters()

CONTROLS = controls.controls(PROJECT)


def cells(chapter: str, kind: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in PROJECT.source(chapter).cells if cell.cell_type == kind]


def prose(text: str) -> str:
    """Take out what may hold digits: code, mathematics, roles, directives' first lines, addresses."""
    text = re.sub(r"(?ms)^```(bash|bibtex)\n.*?^```$", "", text)
    text = re.sub(r"(?m)^(```|:::|:label:|\(eq-).*$|^\d+\. ", "", text)
    text = re.sub(r"(?s)\$\$.*?\$\$(\s*\([\w-]+\))?", "", text)
    text = re.sub(r"\{[\w:]+\}`[^`]*`|`[^`]*`|\$[^$]*\$|\]\([^)]*\)|https?://\S+", "", text)
    return re.sub(r"\bL[12]\b|\b[A-M]\d\b|\b95%", "", text)  # penalties, claims, the level of intervals


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_number_is_typed_in_prose(chapter):
    for cell in cells(chapter, "markdown"):
        assert not re.search(r"\d", prose(cell.source)), prose(cell.source)
    for cell in cells(chapter, "code"):
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")
        assert not re.search(r"\d", prose(caption)), caption


@pytest.mark.parametrize("page", ["index", "verdicts", "controls", "robustness", "runs", "cheat-sheet"])
def test_no_number_is_typed_on_pages_that_state_results(page):
    text = (ROOT / "book" / f"{page}.md").read_text()
    assert not re.search(r"\d", prose(text)), prose(text)


LEAST, MOST = r"at least|no less than", r"at most|no more than|up to"
MISROUNDED = re.compile(
    rf"(?i)\b(?:{LEAST}|{MOST}|more than|less than|within) (?:a )?\{{glue:text\}}`[^`]+`"
    rf"|\b(?:{LEAST}) (?:a )?\{{atmost\}}`[^`]+`|\b(?:{MOST}) (?:a )?\{{atleast\}}`[^`]+`"
)
"""Whether *more than* bounds from above or below is for the sentence to say: *no network pays more than*."""


def misrounded(text: str) -> list[str]:
    """Return sentences' ends that bound by a number rounded to the nearest, or the wrong way."""
    return MISROUNDED.findall(text)


@pytest.mark.parametrize("page", [*CHAPTERS, "book/index", "book/cheat-sheet", "book/glossary"])
def test_numbers_that_bound_are_rounded_the_safe_way(page):
    text = (ROOT / f"{page}.md").read_text() if "/" in page else words(page)
    assert not misrounded(text)


GLUED = r"\{(?:glue:text|atmost|atleast)\}`"


def test_index_cheat_sheet_and_chapter_write_a_number_alike():
    """A finding that is rounded otherwise in another place reads as another finding."""
    for page in ("index", "cheat-sheet"):
        text = (ROOT / "book" / f"{page}.md").read_text()
        shown = re.findall(GLUED + r"\.\./notebooks/([\w-]+)\.ipynb::(\w+):([^`]+)`", text)
        assert shown
        for chapter, name, form in shown:
            forms = set(re.findall(GLUED + rf"{name}:([^`]+)`", words(chapter)))
            assert forms <= {form}, f"{name} is {form} on {page} and {forms} in {chapter}"


def test_a_bound_rounded_the_wrong_way_would_be_found():
    assert misrounded("is at least {glue:text}`share:.0%` of")
    assert misrounded("is at least {atmost}`share:.0%` of")
    assert not misrounded("is at least {atleast}`share:.0%`, at most {atmost}`gap:.2f`")


RULING = re.compile(
    r"[Cc]laim [A-M]\d (holds|fails|stands|is (open|conditional))|ruling on claim [A-M]\d (is|stays)"
)


@pytest.mark.parametrize("page", [*CHAPTERS, "book/index", "book/cheat-sheet"])
def test_rulings_stand_in_the_ledger_alone(page):
    """Told twice, one of the two is soon out of date."""
    text = (ROOT / f"{page}.md").read_text() if "/" in page else words(page)
    assert not RULING.search(text)
    assert RULING.search("so the ruling on claim H3 stays open")


def test_a_typed_number_would_be_found():
    assert re.search(r"\d", prose("The slope is 0.998."))
    assert not re.search(r"\d", prose("The slope is {glue:text}`total_exponent:.3f` for $P = 10^2$, L2."))


def words(chapter: str) -> str:
    return "\n".join(cell.source for cell in cells(chapter, "markdown"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_is_read_in_a_quarter_of_an_hour(chapter):
    source = PROJECT.source(chapter)
    source.metadata["papermill"] = {"duration": 1}
    (minutes,) = re.findall(r"about (\d+) minutes", layout.reading_time(source))
    assert int(minutes) <= 15


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_long_proof_begins_with_its_idea(chapter):
    for proof in re.findall(r"(?ms)^```\{prf:proof\}\n(.*?)^```$", words(chapter)):
        idea, *rest = proof.split("\n\n", 1)
        assert len(proof.split()) <= 60 or (idea.startswith("*Idea.* ") and rest), proof
        assert len(idea.split()) <= 60, idea


RESERVED = {"h": r"(?<![A-Za-z\\{])h(?![A-Za-z])", "s": r"(?<![A-Za-z\\])s(?![A-Za-z])"} | {
    name: rf"\\{name}(?![a-z])|{letter}" for name, letter in (("kappa", "κ"), ("gamma", "γ"), ("alpha", "α"))
}
"""Letters that mean one thing in this book, and how they are found in a formula."""


def uses(text: str) -> set[str]:
    formulas = re.findall(r"(?s)\$\$.*?\$\$|\$[^$]+\$", text)
    return {name for name, form in RESERVED.items() if any(re.search(form, one) for one in formulas)}


def test_letters_with_many_uses_elsewhere_have_one_here():
    notation = (ROOT / "book" / "notation.md").read_text()
    rows = re.findall(r"(?m)^\| (\$.*?) \| (.*?) \| .*? \| ([\w, -]+) \|$", notation)
    allowed = {name: (meaning, owners.split(", ")) for head, meaning, owners in rows for name in uses(head)}
    assert allowed.keys() == RESERVED.keys()
    for chapter in CHAPTERS:
        for name in uses(words(chapter)):
            meaning, owners = allowed[name]
            assert chapter in owners, f"{chapter} uses {name}, which is the {meaning} of {owners}"
    assert not re.search(r"(?m)^\| \$P\$ .*\n(?:.*\n)*\| \$P\$ ", notation)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_lists_go_on_after_a_formula(chapter):
    """An item other than the first cannot follow a line that is no item's: it would be read as its end."""
    for cell in cells(chapter, "markdown"):
        broken = re.findall(r"(?m)^(?! |\d+\. )(\S.*)\n([2-9]\. .*)", cell.source)
        assert not broken, broken


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebooks_are_stripped(chapter):
    notebook = PROJECT.source(chapter)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in cells(chapter, "code"):
        assert cell.execution_count is None
        assert not cell.outputs


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_declared_parameter_is_read_and_seed_is_one(chapter):
    parameters = declared(PROJECT.source(chapter), chapter)
    code = [
        cell.source for cell in cells(chapter, "code") if "parameters" not in cell.metadata.get("tags", [])
    ]
    read = {node.id for node in ast.walk(ast.parse("\n".join(code))) if isinstance(node, ast.Name)}
    assert {parameter.name for parameter in parameters} <= read
    assert ("seed", "int") in {(parameter.name, parameter.type) for parameter in parameters}


TRYING = {chapter for claim in read_claims(PROJECT) for chapter in claim.chapters}


@pytest.mark.parametrize("chapter", [one for one in CHAPTERS if one in TRYING])
def test_a_chapter_that_tries_claims_reports_how_large_its_networks_are(chapter):
    code = ast.parse("\n".join(cell.source for cell in cells(chapter, "code")))
    calls = [node for node in ast.walk(code) if isinstance(node, ast.Call)]
    reported = {word.arg for call in calls if ast.unparse(call.func) == "report" for word in call.keywords}
    assert reported & {"largest_trained", "largest_drawn"}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_code_cells_are_short_and_predictions_come_first(chapter):
    sources = [cell.source for cell in cells(chapter, "code") if layout.kind(cell) != "imports"]
    lengths = [len(source.splitlines()) for source in sources]
    assert max(lengths) <= 12
    assert statistics.median(lengths) <= 5
    predicting = [n for n, source in enumerate(sources) if re.search(r"\blaw\(", source)]
    computing = [n for n, source in enumerate(sources) if re.search(r"\bc = |np\.array|figures\.", source)]
    assert predicting
    assert max(predicting) < min(computing)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_figure_has_a_name_a_caption_and_words_for_those_who_cannot_see_it(chapter, quick_site):
    run = nbformat.read(PROJECT.run_path(chapter, "quick"), as_version=4)
    pictures = [
        (cell, output)
        for cell in run.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/svg+xml" in output.get("data", {})
    ]
    assert 1 <= len(pictures) <= 5
    for cell, output in pictures:
        figure = cell.metadata["mystnb"]["figure"]
        assert figure["name"].startswith("fig-")
        assert len(figure["caption"]) > 40
        assert len(output.metadata["alt"]) > 40


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_quick_run_is_silent_and_names_no_place(chapter, quick_site):
    path = PROJECT.run_path(chapter, "quick")
    run = nbformat.read(path, as_version=4)
    streams = [o.text for cell in run.cells for o in cell.get("outputs", []) if o.output_type == "stream"]
    assert streams == []
    assert str(ROOT) not in path.read_text()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_quick_run_misses_no_prediction_that_the_reviewed_evidence_meets(chapter, quick_site):
    reviewed = json.loads((PROJECT.results / f"{chapter}.json").read_text())
    missed = {entry["quantity"] for entry in reviewed if not entry["holds"]}
    records = [record for record in gather(PROJECT, "quick", [chapter]) if record.claim]
    assert records
    assert {record.quantity for record in records if not record.holds} <= missed


def test_a_run_without_optional_data_names_it_and_says_the_same_otherwise(quick_site, tmp_path, monkeypatch):
    monkeypatch.setenv("FASHION_MNIST", str(tmp_path))
    done = l2scaling("run", "scaling-rules", "--profile", "quick", "--output", tmp_path / "without.ipynb")
    assert done.returncode == 0, done.stderr
    run, without = (
        {cell.id: cell.outputs for cell in nbformat.read(path, as_version=4).cells if "outputs" in cell}
        for path in (PROJECT.run_path("scaling-rules", "quick"), tmp_path / "without.ipynb")
    )
    assert "is not here, so that none of them could be drawn" in str(without["audit-besides"])
    assert {name for name in run if run[name] != without[name]} <= {"audit-besides"}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: f"{one.chapter}-{'-'.join(one.claims)}")
def test_sabotage_of_the_mechanism_changes_the_verdicts_as_published(control, sabotages, quick_site):
    point = control.point
    require_all(sabotages, [point])
    honest = gather(PROJECT, "quick", [control.chapter])
    found = controls.outcomes(
        PROJECT, control, honest, records_of(executed(sabotages, point))
    )  # raises for a claim that survives
    assert [one.claim for one in found] == sorted(control.claims)
    shown = {(one.claim, one.chapter, one.sabotage): one for one in controls.published(PROJECT)}
    for one in found:
        table = shown[one.claim, one.chapter, one.sabotage]
        # not the counts: another processor may round a record the other way
        assert table.verdict.partition(";")[0] == one.verdict.partition(";")[0]


def test_a_claim_that_survives_its_sabotage_is_an_error(quick_site):
    honest = gather(PROJECT, "quick", [CONTROLS[0].chapter])
    with pytest.raises(RunError, match="survives"):
        controls.outcomes(PROJECT, CONTROLS[0], honest, honest)


def test_a_chapter_tried_again_leaves_the_rows_of_others(sample):
    law = 'Prediction("{}", "A1", "a number", "at-most", 3.0, 0.0).judge(*[seed] * 3, 1)'
    cell = f"from l2scaling.evidence import Evidence, Prediction\nEvidence([{law}])"
    extend(sample, cell.format("sample"), "evidence")
    notebook = nbformat.read(sample / "notebooks" / "sample.ipynb", 4)
    notebook.cells[-1].source = cell.format("other")
    nbformat.write(notebook, sample / "notebooks" / "other.ipynb")
    book = sample / "book"
    (sample / "_toc.yml").write_text((sample / "_toc.yml").read_text() + "- file: notebooks/other\n")
    (sample / "notebooks" / "profiles.yml").write_text("sample: {quick: {}}\nother: {quick: {}}\n")
    broken = "- {chapter: %s, claims: [A1], sabotage: a larger seed, parameters: {seed: '9'}}\n"
    (book / "controls.yml").write_text(broken % "other" + broken % "sample")
    (book / "robustness.yml").write_text(
        "other: {seed: {4: breaks}}\nsample: {seed: {1: keeps, 5: breaks}}\n"
    )
    claim = "- {id: A1, source: T1, who: x, claim: y, ruling: holds, chapters: [other, sample]}\n"
    (book / "claims.yml").write_text(claim)
    for command in ("controls", "robustness"):
        assert "'tuning'" in complaint(l2scaling(command, "tuning", project=sample), 2)
        path = sample / "results" / f"{command}.json"
        assert not path.exists()
        for asked in (["other"], ["sample"]):
            done = l2scaling(command, *asked, project=sample)
            assert done.returncode == 0, done.stderr
        rows = json.loads(path.read_text())
        assert [row["chapter"] for row in rows] == ["other", "sample", "sample"][: len(rows)]
    assert len(rows) == 3
    (book / "robustness.yml").write_text("other: {seed: {4: breaks}}\nsample: {seed: {1: keeps}}\n")
    l2scaling("robustness", "other", project=sample)
    assert json.loads(path.read_text()) == rows[:2]


def test_the_robustness_page_is_about_the_trials_and_predictions_that_are_written_down():
    trials = [astuple(one) for one in robustness.trials(PROJECT)]
    assert trials == [
        (one.chapter, one.parameter, one.value, one.expected) for one in robustness.published(PROJECT)
    ]
    for chapter in CHAPTERS:
        assert len({one[1] for one in trials if one[0] == chapter}) >= 3


@pytest.mark.parametrize(
    ("chapter", "name", "value"),
    [
        ("initialization", "widths", "[0, 8]"),
        ("initialization", "widths", "[8, 10000000]"),  # an architecture beyond memory
        ("initialization", "lam", "-0.01"),
        ("initialization", "initializer", "xavier"),
        ("backprop", "penalty_coefficient", "-1"),
        ("backprop", "sizes", "[5000, 300000000]"),
        ("counting-and-cloning", "penalty_coefficient", "-1"),
        ("stationary-point", "learning_rate", "0"),
        ("collapse", "relu_widths", "[0, 64]"),
        ("stability", "rates", "[-1.0, 2.0]"),
        ("adaptive-optimizers", "decays", "[-0.1, 0.3]"),
        ("side-effects", "device", "tpu"),
        ("conventions", "lam", "-1"),
        ("ridge", "seeds", "0"),
        ("scaling-rules", "penalty", "mean"),
        ("scaling-cell", "widths", "[16, 100000]"),
    ],
)
def test_senseless_networks_are_refused_before_any_work(chapter, name, value):
    line = complaint(l2scaling("run", chapter, "-p", name, value), 2)
    assert name in line
    assert "allowed" in line


def test_every_claim_with_evidence_has_a_control():
    owed = {
        (chapter, claim.id)
        for claim in read_claims(PROJECT)
        for chapter in claim.chapters
        if chapter in CHAPTERS
    }
    assert owed == {(one.chapter, claim) for one in CONTROLS for claim in one.claims}
    assert {one.claim for one in controls.published(PROJECT)} == {claim for _, claim in owed}


def test_the_claims_are_the_known_fifty():
    ids = [claim.id for claim in read_claims(PROJECT)]
    counts = {"A": 8, "B": 2, "C": 6, "D": 3, "E": 1, "F": 1, "G": 3, "H": 4, "I": 4, "J": 4, "K": 2}
    counts |= {"L": 6, "M": 6}
    assert ids == [f"{letter}{n}" for letter, count in counts.items() for n in range(1, count + 1)]
    assert {claim.ruling for claim in read_claims(PROJECT)} <= {"holds", "fails", "conditional", "open"}


def test_every_claim_is_ruled_and_answered_where_our_prediction_does_not_decide():
    reviewed = [json.loads((PROJECT.results / f"{chapter}.json").read_text()) for chapter in CHAPTERS]
    records = [entry for chapter in reviewed for entry in chapter]
    missed = {entry["claim"] for entry in records if not entry["holds"]}
    for claim in read_claims(PROJECT):
        if not set(claim.chapters) & set(CHAPTERS):
            assert not claim.because + claim.answer + claim.reconsidered + claim.condition + claim.regime
            assert not claim.looked
            continue
        own = [entry for entry in records if entry["claim"] == claim.id]
        assert own
        assert claim.because
        assert bool(claim.answer) == (claim.ruling == "open" or claim.id in missed), claim.id
        assert claim.answer in ("", "holds", "fails", "conditional", "open")
        assert claim.reconsidered in ("", "holds", "fails", "conditional", "open")
        assert set(claim.looked) <= {entry["quantity"] for entry in own if entry["holds"]}
