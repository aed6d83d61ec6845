"""What the book says of its own evidence: verdicts, run cards and the table of runs, as Markdown."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import nbformat

from l2scaling.evidence import Record, evidence_tables, number
from l2scaling.measuring.intervals import LEVEL
from l2scaling.publish.evidence.claims import (
    RECONSIDERED,
    SOURCES,
    UNTRIED,
    Claim,
    claim_anchor,
    claim_link,
    verdict,
)
from l2scaling.publish.evidence.controls import Outcome
from l2scaling.publish.evidence.results import Moved
from l2scaling.publish.evidence.robustness import Finding
from l2scaling.publish.runs.executed import machine
from l2scaling.publish.runs.parameters import Parameter


def control_anchor(claim: str) -> str:
    """Return the address of a claim's first control."""
    return f"control-{claim.lower()}"


def controls_page(outcomes: Sequence[Outcome]) -> str:
    """Return the table of claims, what was broken, and what became of the verdict."""
    first = {one.claim: one for one in reversed(outcomes)}
    rows = []
    for one in outcomes:
        given = " ".join(f"`-p {name} {value}`" for name, value in one.parameters.items())
        claim = claim_link(one.claim)
        claim = f"[{claim}]{{#{control_anchor(one.claim)}}}" if one is first[one.claim] else claim
        under = "none" if one.under is None else number(one.under)
        rows.append(
            f"{claim} | {_link(one.chapter, one.chapter)}: {one.sabotage} ({given}) "
            f"| {one.verdict.partition(';')[0]} | {one.met} of {one.records}, then {one.met_under} "
            f"| {one.quantity} | {number(one.predicted)} | {number(one.before)} | {under}"
        )
    head = "claim | what was broken | verdict | records met | a record that fell"
    return table(f"{head} | predicted | before | under it", rows)


def robustness_page(findings: Sequence[Finding], titles: dict[str, str]) -> str:
    """Return, a chapter at a time, what each value kept and broke, and whether that was expected."""
    right = sum(one.found == one.expected for one in findings)
    kept = sum(one.found == "keeps" for one in findings)
    surprises = [one for one in findings if one.found == "breaks" != one.expected]
    text = (
        f"Of {len(findings)} settings beyond the published ones, {kept} keep every record and "
        f"{len(findings) - kept} break at least one. In {right} it went as expected beforehand; "
        f"{len(surprises)} broke something where we had expected nothing to break, and "
        f"{len(findings) - right - len(surprises)} held where we had expected a break.\n"
    )
    for chapter in dict.fromkeys(one.chapter for one in findings):
        rows = []
        for one in findings:
            if one.chapter == chapter:
                fell = "; ".join(_named(quantity, claim) for quantity, claim in one.fallen) or "nothing"
                expected = one.expected if one.found == one.expected else f"**{one.expected}**"
                rows.append(
                    f"`{one.parameter}` | `{one.value}` | {one.kept} of {one.met} | {fell} | {expected}"
                )
        text += f"\n## {titles[chapter]}\n\n{_link(chapter, 'To the chapter')}.\n\n"
        text += table("parameter | value | records kept | what fell | expected", rows)
    return text


def sizes_table(
    claims: Sequence[Claim], titles: Mapping[str, str], numbers: Mapping[str, Mapping[str, str]]
) -> str:
    """Return for each claim how many weights the largest networks had that its chapters tried.

    ``numbers`` holds what each chapter reports, where ``largest_trained`` is the largest network that
    an optimiser trained and ``largest_drawn`` the largest otherwise drawn, solved or evaluated.
    """
    rows = []
    for claim in claims:
        for chapter in (one for one in claim.chapters if one in titles):
            given = (numbers[chapter].get(f"largest_{how}") for how in ("trained", "drawn"))
            trained, drawn = (f"{int(float(one)):,}" if one else "none" for one in given)
            rows.append(f"{claim_link(claim.id)} | {_link(chapter, titles[chapter])} | {trained} | {drawn}")
    return table("claim | chapter | largest trained | largest drawn or solved", rows, numbers=2)


def _named(quantity: str | None, claim: str | None) -> str:
    return f"{quantity} ({claim_link(claim)})" if claim else str(quantity)


def verdicts_page(
    claims: Sequence[Claim], records: Sequence[Record], titles: dict[str, str], broken: Collection[str]
) -> str:
    """Return all claims with speaker, source, verdict, its condition and regime, records and chapters.

    ``titles`` maps the name of each chapter in the book to its title; ``broken`` are the claims that the
    page of controls shows.
    """
    summary, sections = [], []
    for claim in claims:
        own = [record for record in records if record.claim == claim.id]
        ruling = verdict(claim, own, list(titles))
        where = (claim.condition, claim.regime) if own else ("", "")
        summary.append(" | ".join([claim_link(claim.id), claim.claim, ruling, *where]))
        sections.append(_section(claim, own, ruling, titles, broken=claim.id in broken))
    short = table("claim | in short | verdict | condition | regime", summary)
    return "\n".join(["{.stacked}", short, "\n\n".join(sections), ""])


def _section(
    claim: Claim, records: Sequence[Record], ruling: str, titles: dict[str, str], *, broken: bool
) -> str:
    name, address = SOURCES[claim.source]
    done = [_link(chapter, titles[chapter]) for chapter in claim.chapters if chapter in titles]
    awaited = [chapter for chapter in claim.chapters if chapter not in titles]
    lines = [
        # named before the heading is read, so that the heading's own link shows this address too
        f"{{#{claim_anchor(claim.id)}}}\n## {claim.id}: {claim.claim}",
        f"Said by: {claim.who}, [{name}]({address}).",
        f"Verdict: **{ruling}**.",
    ]
    if records:
        if claim.condition:
            lines.append(f"Condition: {claim.condition}. Regime: {claim.regime}.")
        lines += [claim.because, _marked_tables(records, claim.looked)]
    if done:
        lines.append(f"Tried in: {'; '.join(done)}.")
        if broken:
            lines[-1] += f" [What was broken to see it fail](#{control_anchor(claim.id)})."
    if awaited:
        lines.append(f"Awaits: {', '.join(awaited)}.")
    return "\n\n".join(lines)


def _marked_tables(records: Sequence[Record], looked: Mapping[str, str]) -> str:
    """Return a claim's records, linked to their chapters, those met after a look marked and explained."""
    links = {one.quantity: f"[{one.quantity}](#{record_anchor(one)})" for one in records}
    text = evidence_tables([replace(one, quantity=links[one.quantity]) for one in records], claims=False)
    marked = {links[quantity]: why for quantity, why in looked.items() if quantity in links}
    lines = [
        line.replace("| met |", "| met, after a look |") if any(one in line for one in marked) else line
        for line in text.splitlines()
    ]
    notes = [f"- After a look: {link}: {why}." for link, why in marked.items()]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def record_anchor(record: Record) -> str:
    """Return the address of a record in its chapter, which stays as long as the quantity's words do."""
    return f"record-{record.chapter}-{sha256(record.quantity.encode()).hexdigest()[:8]}"


def evidence_table(records: Iterable[Record], stated: Mapping[str, str]) -> str:
    """Return a chapter's records as Markdown, where each has an address and leads to its claim.

    ``stated`` names by quantity the commit in which a prediction was stated before its run.
    """
    rows, where = [], {}
    for record in records:
        rows.append(
            replace(
                record,
                claim=record.claim and claim_link(record.claim),
                quantity=f"[{record.quantity}]{{#{record_anchor(record)}}}",
            )
        )
        commit = stated.get(record.quantity)
        where[rows[-1].quantity] = f"`{commit[:7]}`" if commit else "not on file"
    return evidence_tables(rows, stated=where)


def _link(chapter: str, words: str) -> str:
    return f"[{words}](../notebooks/{chapter}.ipynb)"


def table(head: str, rows: Sequence[str], numbers: int = 0) -> str:
    """Return a table as Markdown; its last columns, as many as hold ``numbers``, are set to the right."""
    sides = ["---"] * (head.count(" | ") + 1 - numbers) + ["---:"] * numbers
    return "".join(f"| {row} |\n" for row in [head, " | ".join(sides), *rows])


def verdict_counts(claims: Sequence[Claim], records: Sequence[Record], chapters: Sequence[str]) -> str:
    """Return sentences that count claims by their ruling, and by whether our predictions were met."""
    states = [verdict(claim, [one for one in records if one.claim == claim.id], chapters) for claim in claims]
    tried = [state for state in states if state != UNTRIED]
    words = {"holds": "hold", "fails": "fail", "conditional": "are conditional", "open": "are open"}
    counts = ", ".join(
        f"{count} {said}"
        for word, said in words.items()
        if (count := sum(state.startswith(word) for state in tried))
    )
    missed = sum("not met" in state for state in tried)
    partly = sum("so far" in state for state in tried)
    again = sum(RECONSIDERED in state for state in tried)
    return (
        f"Of {len(states)} claims, {len(tried)} have been tried: {counts}. In {missed} of them at least one "
        "of our own predictions was not met"
        + (f"; in {again} all were met and the ruling was reconsidered all the same" if again else "")
        + (f"; {partly} await a chapter" if partly else "")
        + (f"; {len(states) - len(tried)} are not yet tried" if len(tried) < len(states) else "")
        + ".\n"
    )


def record_counts(records: Sequence[Record], stated: Collection[tuple[str, str]]) -> str:
    """Return sentences that count records: predictions, checks, intervals, misses, and what chance explains.

    ``stated`` holds chapter and quantity of each prediction that was committed before its run.
    """
    predictions = [one for one in records if not one.check]
    missed = [one for one in predictions if not one.holds]
    sampled = [one for one in predictions if one.low < one.high]
    before = sum((one.chapter, one.quantity) in stated for one in predictions)
    broken = sum(one.check and not one.holds for one in records)
    return (
        f"Of {len(records)} records {len(records) - len(predictions)} are checks, identities that only a "
        f"fault of the code could break, of which {broken} failed. {len(predictions)} are predictions: "
        f"{len(missed)} were not met. {len(sampled)} of them have a 95% interval; about "
        f"{(1 - LEVEL) * len(sampled):.0f} of such intervals leave out the true value by chance alone, which "
        f"costs a record where its margin leaves no room. {before} predictions stood in a committed file "
        "before the run that judges them. Of the others only the history can be asked; most entered it with "
        "their results.\n"
    )


def run_card(
    parameters: Sequence[Parameter], notebook: nbformat.NotebookNode, run: str | None, files: Sequence[str]
) -> str:
    """Return a chapter's parameters with the values of this run, and when, with and from what it was made.

    ``run`` is what references call this run; ``files`` are links to what there is to download.
    """
    record = notebook.metadata["l2scaling"]
    rows = []
    for one in parameters:
        value = record["parameters"][one.name]
        shown = f"`{value}`" if value == one.default else f"**`{value}`**"
        rows.append(f"`{one.name}` | {one.help} | `{one.default}` | {shown}")
    name, profile = record["chapter"], record["profile"]
    seconds = notebook.metadata["papermill"]["duration"]
    lines = [
        table("parameter | meaning | default | this run", rows),
        f"- **Run** `{run}`, profile `{profile}`; started {_started(notebook)} UTC, took {seconds:.0f} s.",
        f"- **With** {_setup(record)}.",
        f"- **From** {_sources(record)}.",
        f"- **Files** {' · '.join(files)}",
        f"- **Repeat**\n\n  ```bash\n  l2scaling run {name} --profile {profile}\n  ```",
    ]
    return "\n".join(lines)


def runs_page(
    runs: Sequence[nbformat.NotebookNode], titles: dict[str, str], names: dict[str, str | None]
) -> str:
    """Return the table of the runs behind this book: when, how long, with what, from what.

    ``names`` holds what references call the run of each chapter.
    """
    setups = list(dict.fromkeys(_setup(notebook.metadata["l2scaling"]) for notebook in runs))
    rows = []
    for notebook in runs:
        record, seconds = notebook.metadata["l2scaling"], notebook.metadata["papermill"]["duration"]
        name, setup = record["chapter"], setups.index(_setup(record)) + 1
        link = _link(name, titles[name])
        rows.append(f"{link} | `{names[name]}` | {_started(notebook)} | {seconds:.1f} | {setup}")
    total = sum(notebook.metadata["papermill"]["duration"] for notebook in runs)
    profile = runs[0].metadata["l2scaling"]["profile"]
    lines = [table("chapter | run | started (UTC) | seconds | setup", rows)]
    lines += [f"Profile `{profile}`; {total / 60:.1f} minutes in all, counted one after the other.", ""]
    lines += [f"**Setup {number}.** {setup}.\n" for number, setup in enumerate(setups, 1)]
    return "\n".join(lines)


def moved_page(moved: Sequence[Moved], count: int, profile: str) -> str:
    """Return which of ``count`` records came out otherwise than reviewed, for the setup is another."""
    if profile != "published":
        return f"Runs of profile `{profile}` are not held against the reviewed ones.\n"
    if not moved:
        return f"All {count} records of these runs are as reviewed, within the tolerance.\n"
    there, here = ("; ".join(sorted({getattr(one, name) for one in moved})) for name in ("there", "here"))
    rows = [
        f"{_link(one.now['chapter'], one.now['chapter'])} | {one.now['quantity']} "
        f"| {_outcome(one.before)} | {_outcome(one.now)}"
        for one in moved
    ]
    return (
        f"**{len(moved)} of {count} records came out otherwise than they were reviewed.** Reviewed: {there}. "
        f"Here: {here}. Processors and libraries round in their own ways, and training multiplies roundings, "
        "until the network is another draw.\n\n" + table("chapter | record | reviewed | here", rows)
    )


def _outcome(row: Mapping[str, Any]) -> str:
    ends = f" ({number(row['low'])} to {number(row['high'])})" if row["low"] < row["high"] else ""
    return f"{number(row['measured'])}{ends}, {'met' if row['holds'] else '**not met**'}"


def _started(notebook: nbformat.NotebookNode) -> str:
    start: str = notebook.metadata["papermill"]["start_time"]
    return start[:16].replace("T", " ")


def _setup(record: dict[str, Any]) -> str:
    made = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    commit = f"commit `{record['commit'][:12]}`" if record["commit"] else "commit unknown"
    changed = ", changed since" if record["dirty"] else ""
    return f"{machine(record)}; {made}; {commit}{changed}"


def _sources(record: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} `{digest[:8]}`" for name, digest in record["hashes"].items())
    return f"sources with SHA-256 `{record['source'][:16]}` ({parts})"
