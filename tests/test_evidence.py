"""Evidence: each kind of prediction can be met and missed; nothing slips through."""

import math
from contextlib import nullcontext
from dataclasses import asdict, replace

import numpy as np
import pytest

from l2scaling.chapters.penalty_and_pull.figures import Series, power_laws
from l2scaling.evidence import MIME, Evidence, Prediction, Predictions, records_table
from l2scaling.publish.errors import RequestError
from l2scaling.publish.evidence.claims import Claim, read_claims, verdict
from l2scaling.publish.evidence.results import same as unmoved
from l2scaling.publish.pages.ledger import record_anchor, verdict_counts, verdicts_page
from l2scaling.publish.project import Project


def prediction(kind="equals", predicted=1.0, margin=0.1, claim="A3", quantity="a slope"):
    return Prediction("x", claim, quantity, kind, predicted, margin)


def judged(measured, **wrong):
    return prediction(**wrong).judge(measured, measured, measured, 1)


@pytest.mark.parametrize(
    ("kind", "margin", "met", "missed"),
    [
        ("equals", 0.1, (1.05, 1.05, 1.05), (1.2, 1.2, 1.2)),
        ("equivalent", 0.1, (1.0, 0.91, 1.09), (1.0, 0.8, 1.05)),
        ("at-most", 0.1, (0.5, 0.4, 1.1), (1.0, 0.9, 1.2)),
        ("at-least", 0.1, (2.0, 0.9, 3.0), (1.5, 0.8, 3.0)),
        ("exact", 0.0, (1.0, 1.0, 1.0), (1.0 + 1e-15, 1.0 + 1e-15, 1.0 + 1e-15)),
    ],
)
def test_each_kind_is_met_and_missed(kind, margin, met, missed):
    law = prediction(kind, margin=margin)
    assert law.judge(*met, 5).holds
    assert not law.judge(*missed, 5).holds


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["equals", "equivalent", "at-most", "at-least"])
def test_what_is_not_finite_is_never_met(kind, bad):
    assert not judged(bad, kind=kind).holds


@pytest.mark.parametrize("wrong", [{"kind": "equal"}, {"margin": -0.1}, {"kind": "exact", "margin": 0.1}])
def test_a_prediction_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="allowed"):
        prediction(**wrong)


def test_what_has_an_interval_is_not_judged_by_its_middle():
    with pytest.raises(ValueError, match="allowed: kind equivalent"):
        prediction("equals").judge(1.0, 0.99, 1.01, 5)


def test_every_prediction_is_stated_once_judged_once_and_shown_in_its_order():
    law = Predictions("x")
    law("slope", "A3", "a slope", "equivalent", 1.0, 0.1)
    law.check(("bits", 3), None, "bits", "exact", 0)
    with pytest.raises(ValueError, match="'slope' is stated twice; allowed: once"):
        law("slope", None, "another", "equals", 1.0)
    with pytest.raises(ValueError, match=r"'slop' is not stated; allowed: 'slope', \('bits', 3\)"):
        law.judge({"slop": 1.0})
    law.judge({("bits", 3): 0}, n=7)
    with pytest.raises(ValueError, match="'slope' was not judged"):
        law.evidence()
    law.judge({"slope": (1.0, 0.95, 1.05, 4)})
    with pytest.raises(ValueError, match=r"'slope' is judged twice; allowed: none is left"):
        law.judge({"slope": (1.0, 0.95, 1.05, 4)})
    assert [(one.quantity, one.n, one.check) for one in law.evidence().records] == [
        ("a slope", 4, False),
        ("bits", 7, True),
    ]
    shown = law._repr_mimebundle_()["text/markdown"]
    assert shown.index("a slope") < shown.index("*Checks*") < shown.index("| bits |")
    found = law.evidence()._repr_mimebundle_()["text/markdown"]
    assert found.index("a slope") < found.index("*Checks*") < found.index("| bits |")


def test_a_quantity_has_one_record():
    with pytest.raises(ValueError, match="several records"):
        Evidence([judged(1.0)] * 2)


def test_a_quantity_with_a_bar_stays_in_its_cell():
    record = Prediction("none", None, "c |w|", "exact", 1).judge(1, 1, 1, 1)
    assert r"| none | c \|w\| | exact |" in Evidence([record])._repr_mimebundle_()["text/markdown"]


def test_evidence_carries_the_records_and_shows_what_was_missed():
    record = prediction("equivalent").judge(1.3, 1.2, 1.4, 7)
    bundle = Evidence([record])._repr_mimebundle_()
    assert bundle[MIME] == [asdict(record)]
    assert (
        "| A3 | a slope | equivalent | 1 ± 0.1 | 1.3 | 1.2 … 1.4 | 7 | **not met** |"
        in bundle["text/markdown"]
    )
    assert "A3" not in records_table([record], claims=False)


def test_the_rule_of_verdicts():
    claim = Claim("A3", "T1", "the asker", "text", "conditional", ("one", "two"))
    met, missed = judged(1.0), judged(2.0)
    assert verdict(claim, [], ["one", "two"]) == "not yet tried"
    assert verdict(claim, [met], ["one"]) == "conditional, so far"
    assert verdict(claim, [met], ["one", "two"]) == "conditional"
    both = ["one", "two"]
    predicted = "where conditional was predicted"
    assert verdict(claim, [met, missed], both) == f"open, {predicted}; 1 of 2 records not met"
    answered = replace(claim, answer="fails")
    assert verdict(answered, [met], both) == "conditional"  # an answer is for predictions that missed
    assert verdict(answered, [missed], both) == f"fails, {predicted}; 1 of 1 records not met"
    assert verdict(replace(claim, answer="conditional"), [missed], both).startswith("conditional; 1 of 1")
    left_open = replace(claim, ruling="open", answer="fails")
    assert verdict(left_open, [met], both) == "fails"
    assert verdict(left_open, [missed], both) == "fails; 1 of 1 records not met"
    again = replace(claim, reconsidered="holds")
    assert verdict(again, [met], both) == "holds, reconsidered: conditional was predicted"
    assert verdict(again, [met], ["one"]) == "holds, so far, reconsidered: conditional was predicted"
    assert verdict(again, [missed], both) == f"open, {predicted}; 1 of 1 records not met"
    assert verdict(again, [], both) == "not yet tried"


TRIED = "- {id: A1, source: T1, who: x, claim: y, ruling: fails, chapters: [one], because: z"


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("", "no condition"),
        (", condition: here", "no regime"),
        (", regime: SGD", "no condition"),
        (", condition: in more than five words indeed, regime: SGD", "more than five words"),
        (", condition: here, regime: SGD, reconsidered: fails", "by another"),
        (", condition: here, regime: SGD, reconsidered: holds, answer: holds", "a ruling that decides"),
        (", condition: here, regime: SGD, looked: [size]", "claim number 1"),
        (", condition: here, regime: SGD, looked: {size: 1}", "a field is no text"),
        (", condition: here, regime: SGD, reconsidered: holds, looked: {size: it was small}", None),
    ],
)
def test_claims_that_contradict_themselves_are_refused(tmp_path, more, fault):
    (tmp_path / "book").mkdir()
    path = tmp_path / "book" / "claims.yml"
    path.write_text(TRIED + more + "}\n")
    with pytest.raises(RequestError, match=fault) if fault else nullcontext():
        assert read_claims(Project(tmp_path))[0].reconsidered == "holds"
    path.write_text(
        "- {id: A1, source: T1, who: x, claim: y, ruling: fails, chapters: [one], reconsidered: holds}"
    )
    with pytest.raises(RequestError, match="reconsidered without a reason"):
        read_claims(Project(tmp_path))


def test_the_ledger_shows_condition_regime_and_what_was_met_after_a_look():
    kept, late = replace(judged(1.0), quantity="early"), replace(judged(1.0), quantity="late")
    claim = Claim(
        "A3", "T1", "the asker", "It grows", "fails", ("one",), because="It does.", reconsidered="holds",
        condition="at the start", regime="SGD · 2 layers · digits", looked={"late": "it was added"},
    )  # fmt: skip
    untried = replace(claim, id="A4", chapters=("two",))
    page = verdicts_page([claim, untried], [kept, late], {"one": "One"}, [])
    summary, _, section = page.partition("{#claim-a3}")
    words = "holds, reconsidered: fails was predicted | at the start | SGD · 2 layers · digits |"
    assert f"| [A3](#claim-a3) | It grows | {words}" in summary
    assert "| not yet tried |  |  |" in summary
    first, second = [line for line in section.splitlines() if "| equals |" in line]
    assert "| met |" in first
    assert "| met, after a look |" in second
    assert f"After a look: [late](#{record_anchor(late)}): it was added." in section
    assert "1 hold" in verdict_counts([claim], [kept], ["one"])
    assert "in 1 all were met and the ruling was reconsidered" in verdict_counts([claim], [kept], ["one"])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"measured": 1.0005}, True),  # a twentieth of the interval
        ({"measured": 1.005}, False),
        ({"holds": False}, False),
        ({"margin": 0.2}, False),
        ({"margin": 0.1 * (1 + 1e-12), "predicted": 1 - 1e-12}, True),  # another processor's rounding
        ({"predicted": 1 + 1e-6}, False),
        ({"n": 11}, False),
    ],
)
def test_a_difference_from_the_published_record_is_seen(change, same):
    before = asdict(prediction("equivalent").judge(1.0, 0.995, 1.005, 10))
    assert unmoved(before, before | change) is same
    assert not unmoved(before, None)
    assert not unmoved(None, before)


def test_what_is_zero_but_for_rounding_is_held_against_its_margin():
    near = Prediction("sample", None, "a slope", "equivalent", 0.0, 0.03).judge(2e-32, 1e-32, 3e-32, 9)
    before = asdict(near)
    assert unmoved(before, before | {"measured": 5e-18, "low": -1e-17, "high": 2e-17})
    assert not unmoved(before, before | {"measured": 1e-3})
    residual = asdict(judged(4.8e-8, kind="at-most", predicted=1e-6, margin=0.0))
    assert unmoved(residual, residual | {"measured": 4.1e-8, "low": 4.1e-8, "high": 4.1e-8})
    assert not unmoved(residual, residual | {"measured": 4.1e-8, "holds": False})
    identity = asdict(judged(0.0, kind="exact", predicted=0.0, margin=0.0))
    assert not unmoved(identity, identity | {"measured": 1e-300})


def test_a_picture_is_an_svg_that_comes_out_the_same_twice():
    values = np.array([[1.0, 1.1], [10.0, 11.0]])
    series = [Series("total (loss)", [10, 100], values, exponent=1.0, predicted_exponent=1.0)]
    first, second = (power_laws(series)._repr_mimebundle_() for _ in range(2))
    assert first == second
    assert first[0]["image/svg+xml"].startswith("<?xml")
    assert "total (loss): measured 1.000, predicted 1" in first[1]["alt"]
