"""What the book says of its own evidence: verdicts, run cards and the table of runs, as Markdown."""

import math
from collections.abc import Sequence

import nbformat

from l2scaling.evidence import Record, records_table
from l2scaling.publish.gather import Claim
from l2scaling.publish.parameters import Parameter

THREADS = {
    "T1": ("thread 1", "https://stats.stackexchange.com/questions/316961/l2-regularization-constant"),
    "T2": (
        "thread 2",
        "https://datascience.stackexchange.com/questions/73134/"
        "should-the-lambda-for-l1-norm-regularizer-inversely-be-proportional-to-the-numbe",
    ),
}

UNTRIED = "not yet tried"


def verdict(claim: Claim, records: Sequence[Record], chapters: Sequence[str]) -> str:
    """Rule on a claim from its records: the one rule of the book.

    Without records the claim is not yet tried. If a record does not meet its prediction the
    claim is ``open``, whatever was expected. Otherwise the predicted ruling stands: finally
    when every chapter that the claim needs has reported, "so far" before that. A claim for which
    no ruling was predicted gets the answer that its records gave, whether or not they met ours.
    """
    if not records:
        return UNTRIED
    missed = sum(not record.holds for record in records)
    if missed:
        return f"{claim.answer or 'open'}: {missed} of {len(records)} predictions not met"
    ruling = claim.answer or claim.ruling
    return ruling if set(claim.chapters) <= set(chapters) else f"{ruling}, so far"


def verdicts_page(claims: Sequence[Claim], records: Sequence[Record], titles: dict[str, str]) -> str:
    """Return all claims with speaker, thread, verdict, records and chapters.

    ``titles`` maps the name of each chapter in the book to its title.
    """
    summary = ["| claim | in short | verdict |", "| --- | --- | --- |"]
    sections = []
    for claim in claims:
        own = [record for record in records if record.claim == claim.id]
        ruling = verdict(claim, own, list(titles))
        summary.append(f"| [{claim.id}](#claim-{claim.id.lower()}) | {claim.claim} | {ruling} |")
        sections.append(_section(claim, own, ruling, titles))
    return "\n".join(summary) + "\n\n" + "\n\n".join(sections) + "\n"


def _section(claim: Claim, records: Sequence[Record], ruling: str, titles: dict[str, str]) -> str:
    name, address = THREADS[claim.thread]
    done = [_link(chapter, titles) for chapter in claim.chapters if chapter in titles]
    awaited = [chapter for chapter in claim.chapters if chapter not in titles]
    lines = [
        f"(claim-{claim.id.lower()})=",
        f"## {claim.id}: {claim.claim}",
        f"Said by: {claim.who}, [{name}]({address}).",
        f"Verdict: **{ruling}**.",
    ]
    if records:
        lines += [claim.because, records_table(records, claims=False)]
    if done:
        lines.append(f"Tried in: {'; '.join(done)}.")
    if awaited:
        lines.append(f"Awaits: {', '.join(awaited)}.")
    return "\n\n".join(lines).replace(")=\n\n", ")=\n")


def _link(chapter: str, titles: dict[str, str]) -> str:
    return f"[{titles[chapter]}](../notebooks/{chapter}.ipynb)"


def verdict_counts(claims: Sequence[Claim], records: Sequence[Record], chapters: Sequence[str]) -> str:
    """Return one sentence that counts claims by the state of their trial."""
    states = [verdict(claim, [one for one in records if one.claim == claim.id], chapters) for claim in claims]
    tried = [state for state in states if state != UNTRIED]
    missed = sum(state.startswith("open:") for state in tried)
    partly = sum(state.endswith("so far") for state in tried)
    return (
        f"Of {len(states)} claims, {len(tried)} have evidence so far: {len(tried) - missed - partly} ruled, "
        f"{partly} ruled in part, {missed} reopened by a prediction that was not met. "
        f"{len(states) - len(tried)} are not yet tried.\n"
    )


def reading_time(notebook: nbformat.NotebookNode) -> str:
    """Return how long a chapter takes to read, at 180 words a minute, and took to run."""
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    seconds = notebook.metadata["papermill"]["duration"]
    return f"**Time:** about {math.ceil(words / 180)} minutes to read; this run took {math.ceil(seconds)} s."


def run_card(parameters: Sequence[Parameter], notebook: nbformat.NotebookNode) -> str:
    """Return a chapter's parameters, their defaults and the values of this run, and its origin."""
    run = notebook.metadata["l2scaling"]
    lines = ["| parameter | meaning | default | this run |", "| --- | --- | --- | --- |"]
    for one in parameters:
        value = run["parameters"][one.name]
        shown = f"`{value}`" if value == one.default else f"**`{value}`**"
        lines.append(f"| `{one.name}` | {one.help} | `{one.default}` | {shown} |")
    made = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    lines += [
        "",
        f"Profile `{run['profile']}`; {made}; sources SHA-256 `{run['source'][:16]}`.",
        f"Made by `l2scaling run {run['chapter']} --profile {run['profile']}`.",
    ]
    return "\n".join(lines)


def runs_page(runs: Sequence[nbformat.NotebookNode], titles: dict[str, str]) -> str:
    """Return the table of the runs behind this book: when, how long, with what."""
    lines = [
        "| chapter | profile | started (UTC) | seconds | changed parameters | versions |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for notebook in runs:
        run, times = notebook.metadata["l2scaling"], notebook.metadata["papermill"]
        changed = ", ".join(f"`{name} = {value}`" for name, value in run["overrides"].items()) or "none"
        made = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        chapter = _link(run["chapter"], titles)
        started = times["start_time"][:16].replace("T", " ")
        lines.append(
            f"| {chapter} | {run['profile']} | {started} | {times['duration']:.1f} | {changed} | {made} |"
        )
    return "\n".join(lines) + "\n"
