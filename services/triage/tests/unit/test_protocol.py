"""The protocol: every combination of answers gives an urgency, and nothing that makes it worse ever makes it less urgent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import FollowUp, Urgency
from triage.adapters.protocols.packs import carried_packs
from triage.domain.protocol import Complaint, Consequence, Criterion, Protocol, assess
from triage.domain.rules import RuleBroken
from triage.domain.urgency import is_more_urgent, queue_rank, with_pain

PACK = carried_packs()["basistriage-voorbeeld", "2026.1"]

complaints = st.sampled_from(PACK.complaints)
pains = st.none() | st.integers(0, 10)


def answers_to(complaint):
    ids = [criterion.id for criterion in complaint.criteria]
    return st.dictionaries(st.sampled_from(ids), st.booleans())


answered = complaints.flatmap(lambda complaint: st.tuples(st.just(complaint), answers_to(complaint)))


@given(answered, pains)
def test_every_combination_of_answers_gives_an_urgency_an_action_and_advice(asked, pain):
    complaint, answers = asked

    outcome = assess(PACK, complaint.id, answers, pain)

    assert outcome.urgency in Urgency
    assert outcome.actions
    assert outcome.advice
    assert FollowUp.ONBEKEND not in outcome.actions


@given(answered, pains, st.data())
def test_another_yes_or_more_pain_never_makes_it_less_urgent(asked, pain, data):
    complaint, answers = asked
    before = assess(PACK, complaint.id, answers, pain).urgency
    more = answers | {data.draw(st.sampled_from(complaint.criteria)).id: True}
    worse = data.draw(st.none() | st.integers(pain or 0, 10)) if pain is None else data.draw(st.integers(pain, 10))

    assert not is_more_urgent(before, assess(PACK, complaint.id, more, worse).urgency)


@given(answered, pains)
def test_open_questions_are_exactly_the_unanswered_criteria_that_would_be_more_urgent(asked, pain):
    complaint, answers = asked

    outcome = assess(PACK, complaint.id, answers, pain)

    assert set(outcome.open_questions) == {
        criterion.id
        for criterion in complaint.criteria
        if criterion.id not in answers and is_more_urgent(criterion.urgency, outcome.urgency)
    }


@given(answered)
def test_pain_alone_never_calls_112(asked):
    complaint, answers = asked
    without = assess(PACK, complaint.id, answers, None).urgency

    with_most = assess(PACK, complaint.id, answers, 10).urgency

    assert with_most == (without if is_more_urgent(without, Urgency.U2) else Urgency.U2)


@pytest.mark.parametrize(
    ("pain", "urgency", "becomes"),
    [
        (4, "U5", "U5"),
        (5, "U5", "U4"),
        (7, "U4", "U3"),
        (7, "U3", "U2"),
        (7, "U2", "U2"),
        (8, "U5", "U2"),
        (10, "U1", "U1"),
        (6, "U0", "U0"),
    ],
)
def test_pain_of_five_raises_a_step_and_of_eight_makes_it_at_least_u2(pain, urgency, becomes):
    assert with_pain(Urgency(urgency), pain) == becomes


def test_the_first_yes_in_order_decides_and_is_named():
    outcome = assess(PACK, "pijn_borst", {"geen_ademhaling": False, "bekend_hartlijden": True, "pijn_bij_bewegen": True}, None)

    assert (outcome.urgency, outcome.criterion, outcome.actions) == (Urgency.U2, "bekend_hartlijden", (FollowUp.SEH,))
    assert outcome.open_questions == ("bleek_klam", "drukkend_uitstralend")


def test_what_the_pack_does_not_know_is_refused_without_repeating_it():
    for complaint, answers in (("geheim", {}), ("pijn_borst", {"geheim": True})):
        with pytest.raises(RuleBroken) as broken:
            assess(PACK, complaint, answers, None)
        assert "geheim" not in str(broken.value)


def test_the_pack_has_its_complaints_and_says_what_pain_asks_for_at_every_urgency_that_it_can_raise_to():
    assert len(PACK.complaints) == 8
    assert {step.urgency for step in PACK.raised} == {Urgency.U2, Urgency.U3, Urgency.U4}


def test_a_pack_that_is_not_in_order_does_not_load():
    mild = Criterion("mild", "Mild", Urgency.U4, FollowUp.ZELFZORG, "Rust.")
    severe = Criterion("ernstig", "Ernstig", Urgency.U1, FollowUp.AMBULANCE, "Blijf.")
    otherwise = Consequence(Urgency.U5, FollowUp.ZELFZORG, "Rust.")

    with pytest.raises(ValueError, match="not in order"):
        Complaint("x", "X", (mild, severe), otherwise)
    with pytest.raises(ValueError, match="one id"):
        Complaint("x", "X", (mild, mild), otherwise)
    with pytest.raises(ValueError, match="more urgent than with one"):
        Complaint("x", "X", (mild,), Consequence(Urgency.U2, FollowUp.SEH, "Nu."))
    twice = Complaint("x", "X", (severe, mild), otherwise)
    with pytest.raises(ValueError, match="one id"):
        Protocol("p", "1", "P", (twice, twice), ())


def test_nobody_waits_behind_what_is_known_to_be_milder():
    queue = sorted([Urgency.U5, None, Urgency.U3, Urgency.U2, Urgency.U4], key=queue_rank)

    assert queue == [Urgency.U2, None, Urgency.U3, Urgency.U4, Urgency.U5]
