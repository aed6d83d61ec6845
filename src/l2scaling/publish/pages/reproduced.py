"""How much of the book came back when it was run again, beside what others found of other notebooks."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from l2scaling.publish.evidence.reproductions import DEPENDENCIES, Reproduction
from l2scaling.publish.pages.ledger import table

STUDIES = (
    "{cite:t}`pimentel2019` | 863,878 executions of public notebooks with a known Python and order of cells "
    "| 24.1% | 4.0%, the same results",
    "{cite:t}`samuel2024` | 10,388 Python notebooks of biomedical articles (of 22,578) whose declared "
    "dependencies could be installed | 11.6% (1,203) | 8.5% (879), identical results",
    "{cite:t}`jin2026` | 12,720 notebooks of 79 competitions, in a present environment | not stated "
    "| 35.4%, a score within 10% of the first",
)
"""What was run, what ran to its end and what gave the same, as the authors state it."""


def reproductions_page(
    rows: Sequence[Reproduction], titles: Mapping[str, str], sources: Mapping[str, str]
) -> str:
    """Return the comparison with other studies, then our reproductions by environment and by chapter.

    ``titles`` and ``sources`` hold of each chapter in the book its title and the hash of its sources.
    """
    rows = [one for one in rows if one.chapter in titles]
    ran = [one for one in rows if one.ran]
    whole = sum(one.same == one.records for one in ran)
    near = sum(one.drifted == 0 for one in ran)
    of = len(rows)
    ours = (
        f"this book | {of} runs of {len({one.chapter for one in rows})} notebooks of its own "
        f"| {_share(len(ran), of)} | {_share(whole, of)}, every record to the last digit; "
        f"{_share(near, of)}, every record within the reviewed tolerance"
    )
    parts = [table("study | what was run | ran to the end | gave the same", [*STUDIES, ours])]
    if not rows:
        return parts[0] + "\nNo reproduction is on file.\n"
    totals = [sum(getattr(one, name) for one in rows) for name in ("records", "same", "within", "drifted")]
    present = sum(sources[one.chapter].startswith(one.source) for one in rows)
    parts += [
        f"Our {of} runs compared {totals[0]:,} records with the published ones: {totals[1]:,} were the same "
        f"to the last digit, {totals[2]:,} within the reviewed tolerance, {totals[3]:,} drifted. "
        + (
            "All of the runs were of the sources that these pages are made from.\n"
            if present == of
            else f"{present} of the runs were of the sources that these pages are made from, the others of "
            "earlier ones, held against what was published then.\n"
        ),
        _by_environment(rows),
        _by_chapter(rows, titles),
        f"**Not shown here:** {'; '.join(_not_shown(rows, titles))}.\n",
    ]
    return "\n".join(parts)


def _by_environment(rows: Sequence[Reproduction]) -> str:
    lines = []
    for environment in dict.fromkeys(one.environment for one in rows):
        own = [one for one in rows if one.environment == environment]
        first = own[0]
        versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
        dates = sorted(one.date for one in own)
        when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        lines.append(
            f"{first.processor}, {first.cores} cores, {first.system} | {first.dependencies}: {versions} "
            f"| {when} | {first.threads} | {_counts(own)}"
        )
    return table(f"machine | dependencies | when | threads | {_HEAD}", lines, numbers=6)


def _by_chapter(rows: Sequence[Reproduction], titles: Mapping[str, str]) -> str:
    lines = []
    for chapter, title in titles.items():
        if own := [one for one in rows if one.chapter == chapter]:
            lines.append(f"[{title}](../notebooks/{chapter}.ipynb) | {_counts(own)}")
    return table(f"chapter | {_HEAD}", lines, numbers=5)


_HEAD = "runs | to the end | same | within | drifted"


def _counts(rows: Sequence[Reproduction]) -> str:
    ran = sum(one.ran for one in rows)
    states = (sum(getattr(one, name) for one in rows) for name in ("same", "within", "drifted"))
    return " | ".join(map(str, (len(rows), ran, *states)))


def _not_shown(rows: Sequence[Reproduction], titles: Mapping[str, str]) -> Iterable[str]:
    for what, values in (
        ("processor", {one.processor for one in rows}),
        ("system", {one.system for one in rows}),
        ("Python", {one.versions["python"] for one in rows}),
        ("number of threads", {str(one.threads) for one in rows}),
    ):
        yield f"any {what} but {_listed(sorted(values))}"
    if missing := [one for one in DEPENDENCIES if one not in {row.dependencies for row in rows}]:
        yield f"the {_listed(missing)} dependencies"
    done = {one.chapter for one in rows}
    if missing := [f"`{chapter}`" for chapter in titles if chapter not in done]:
        yield f"the chapters {_listed(missing)}"
    yield "a graphics card"
    yield "a run by anybody else"


def _listed(words: Collection[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%} ({part} of {whole})" if whole else "none"
