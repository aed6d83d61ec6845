"""Claims: what is on trial, and the rule by which records decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from l2scaling.evidence import Record
from l2scaling.publish.errors import RequestError
from l2scaling.publish.project import Project, brief, read_yaml

_CLAIMS_FORM = "a list of claims, each with id, source, who, claim, ruling and chapters"


SOURCES = {
    "T1": ("thread 1", "https://stats.stackexchange.com/questions/316961/l2-regularization-constant"),
    "T2": (
        "thread 2",
        "https://datascience.stackexchange.com/questions/73134/"
        "should-the-lambda-for-l1-norm-regularizer-inversely-be-proportional-to-the-numbe",
    ),
    "T3": ("thread 3", "https://stats.stackexchange.com/questions/462806"),
    "T4": ("thread 4", "https://stackoverflow.com/questions/32177764"),
    "T5": ("thread 5", "https://datascience.stackexchange.com/questions/27713"),
    "mask-rcnn": ("its issue 1727", "https://github.com/matterport/Mask_RCNN/issues/1727"),
    "yolov5": ("its code", "https://github.com/ultralytics/yolov5/blob/master/train.py"),
    "transformers": ("its issue 42754", "https://github.com/huggingface/transformers/issues/42754"),
    **{
        f"arxiv-{number}": (f"arXiv {number}", f"https://arxiv.org/abs/{number}")
        for number in ("2510.19093", "2510.15262", "2512.05620", "2404.04454", "2506.15054", "2510.12402")
    },
}
"""Where the claims were made: name and address of each thread, program or paper."""


@dataclass(frozen=True)
class Claim:
    """One claim on trial, as book/claims.yml states it.

    ``ruling`` is the ruling predicted; ``chapters`` are those whose records decide; ``because``
    is the reason, written once there are records. ``answer`` is the ruling argued from the records
    where ``ruling`` does not decide: it predicted nothing, being ``open``, or a record missed.
    ``reconsidered`` replaces a predicted ruling whose records were all met, where a later reading found
    it unfair to the speaker's words. ``condition`` is that of the ruling, in at most five words, and
    ``regime`` says with which optimiser, depth, data and size it was tried. ``looked`` names by their
    quantity the records that were added or changed after results had been seen, and says how.
    """

    id: str
    source: str
    who: str
    claim: str
    ruling: str
    chapters: tuple[str, ...]
    because: str = ""
    answer: str = ""
    reconsidered: str = ""
    condition: str = ""
    regime: str = ""
    looked: Mapping[str, str] = field(default_factory=dict)


def read_claims(project: Project) -> list[Claim]:
    """Return the claims on trial, in order."""
    entries = read_yaml(project.root / "book" / "claims.yml", _CLAIMS_FORM)
    if not isinstance(entries, list):
        raise RequestError(f"claims.yml is broken (it is no list); allowed: {_CLAIMS_FORM}")
    return [_claim(number, entry) for number, entry in enumerate(entries, 1)]


def _claim(number: int, entry: Any) -> Claim:
    """Read one claim, or raise ``RequestError`` saying which is broken."""
    try:
        claim = Claim(**(entry | {"chapters": tuple(entry["chapters"])}))
        if claim.source not in SOURCES:
            raise TypeError(f"its source is {claim.source!r}")
        words = [value for name, value in vars(claim).items() if name not in ("chapters", "looked")]
        if not all(
            isinstance(one, str)
            for one in (*words, *entry["chapters"], *claim.looked.keys(), *claim.looked.values())
        ):
            raise TypeError("a field is no text")
        _check(claim)
    except (TypeError, KeyError, AttributeError) as error:
        raise RequestError(
            f"claims.yml is broken (claim number {number}: {brief(error)}); allowed: {_CLAIMS_FORM}"
        ) from error
    return claim


def _check(claim: Claim) -> None:
    """Raise ``TypeError`` for a claim whose fields contradict each other."""
    if claim.because and not (claim.condition and claim.regime):
        raise TypeError("it has a reason, and no condition or no regime")
    if len(claim.condition.split()) > 5:
        raise TypeError(f"its condition {claim.condition!r} has more than five words")
    if claim.reconsidered:
        if not claim.because:
            raise TypeError("it is reconsidered without a reason")
        if claim.answer or claim.reconsidered == claim.ruling:
            raise TypeError("only a ruling that decides is reconsidered, and by another")


UNTRIED, RECONSIDERED = "not yet tried", "reconsidered"


def verdict(claim: Claim, records: Sequence[Record], chapters: Sequence[str]) -> str:
    """Rule on a claim from its records: the one rule of the book.

    Without records the claim is not yet tried. If all records meet their predictions, the ruling that
    we predicted stands: finally when every chapter that the claim needs has reported, "so far" before
    that. Where a later reading found that ruling unfair to what was said, the ``reconsidered`` one takes
    its place and the verdict says what had been predicted. If any misses, our prediction no longer
    decides: the ruling is the ``answer`` that argues from all records, next to what we had predicted and
    how many of them missed; without an answer the claim is open. A claim for which no ruling was
    predicted is answered likewise.

    >>> met = Record("A1", "one", "size", "exact", 1.0, 1.0, 1.0, 1.0, 0.0, 1, True)
    >>> claim = Claim("A1", "T1", "the asker", "All is well", "fails", ("one",), reconsidered="holds")
    >>> verdict(claim, [met], ["one"])
    'holds, reconsidered: fails was predicted'
    """
    if not records:
        return UNTRIED
    missed = sum(not record.holds for record in records)
    if not missed:
        ruling = claim.answer if claim.ruling == "open" and claim.answer else claim.ruling
        ruling = claim.reconsidered or ruling
        ruling += "" if set(claim.chapters) <= set(chapters) else ", so far"
        return ruling + (f", {RECONSIDERED}: {claim.ruling} was predicted" if claim.reconsidered else "")
    ruling = claim.answer or "open"
    before = "" if claim.ruling in (ruling, "open") else f", where {claim.ruling} was predicted"
    return f"{ruling}{before}; {missed} of {len(records)} records not met"


def claim_anchor(claim: str) -> str:
    """Return the address of a claim on the page of verdicts; ids of claims are permanent."""
    return f"claim-{claim.lower()}"


def claim_link(claim: str) -> str:
    """Return a link to a claim on the page of verdicts, as Markdown."""
    return f"[{claim}](#{claim_anchor(claim)})"
