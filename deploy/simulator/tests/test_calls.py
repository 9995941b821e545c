"""Who calls on a simulated day, and that nobody can take the patients for real people."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codes import Urgency
from contracts.geography import place_of_municipality
from simulator.chain.calls import HANDED_OVER, PLACE_WITHIN, Call, Callers, answers_for, is_simulated
from simulator.chain.coordinators import look
from simulator.chain.guests import Guests
from simulator.chain.persons import MARK, TEST_BSN, made_up
from simulator.chain.providers import Reply, manner
from simulator.chance import seeded

START = datetime(2026, 3, 4, 13, tzinfo=UTC)

PACK = [
    {"id": "benauwd", "criteria": [{"id": "stikt", "urgency": "U0"}, {"id": "blauw", "urgency": "U1"}, {"id": "koorts", "urgency": "U3"}]},
    {"id": "val", "criteria": [{"id": "hoofd", "urgency": "U2"}, {"id": "been", "urgency": "U3"}, {"id": "alleen", "urgency": "U4"}]},
]


@pytest.fixture(scope="module")
def calls() -> Sequence[Call]:
    return list(Callers(7, 1.0).stream(START, START + timedelta(hours=1)))


def test_the_same_seed_gives_the_same_calls_and_another_seed_others(calls: Sequence[Call]) -> None:
    until = START + timedelta(hours=1)

    assert list(Callers(7, 1.0).stream(START, until)) == calls
    assert [call.contact for call in Callers(8, 1.0).stream(START, until)] != [call.contact for call in calls]


def test_a_simulator_that_starts_again_meets_the_same_calls_from_then_on(calls: Sequence[Call]) -> None:
    later = START + timedelta(minutes=20)

    assert list(Callers(7, 1.0).stream(later, START + timedelta(hours=1))) == [call for call in calls if call.at > later]


def test_there_is_a_call_every_two_to_three_seconds_and_more_when_asked(calls: Sequence[Call]) -> None:
    gaps = {(after.at - before.at).total_seconds() for before, after in itertools.pairwise(calls)}
    faster = list(Callers(7, 4.0).stream(START, START + timedelta(minutes=5)))

    assert all(2 <= gap <= 3 for gap in gaps)
    assert len(faster) == 4 * len([call for call in calls if call.at <= START + timedelta(minutes=5)])


def test_no_speed_makes_more_than_ten_calls_a_second() -> None:
    assert len(list(Callers(7, 10_000.0).stream(START, START + timedelta(seconds=10)))) == 100


def test_every_step_of_every_call_has_a_key_of_its_own(calls: Sequence[Call]) -> None:
    keys = [call.key(step) for call in calls for step in ("contact", "place")]

    assert len(set(keys)) == len(keys)


def test_a_place_is_wanted_in_the_region_where_the_patient_is(calls: Sequence[Call]) -> None:
    for call in calls:
        assert place_of_municipality(str(call.contact["municipality"]), START.date()).vr == call.region
        wanted = call.place(Urgency.U3, START)
        assert wanted["region"] == call.region
        assert datetime.fromisoformat(wanted["place_by"]) == START + PLACE_WITHIN[Urgency.U3]


def test_triagists_referrers_and_hospitals_call_and_only_triagists_meet_emergencies(calls: Sequence[Call]) -> None:
    roles = Counter(call.who.role for call in calls)

    assert roles["triagist"] > roles["referrer"] > roles["hospital"] > 0
    assert all(call.urgency not in HANDED_OVER for call in calls if not call.is_assessed)
    assert 0.01 < sum(call.urgency in HANDED_OVER for call in calls) / len(calls) < 0.08


def test_requests_of_simulated_callers_are_known_and_those_of_others_are_left_alone(calls: Sequence[Call]) -> None:
    assert all(is_simulated(call.who.organisation) for call in calls)
    assert not is_simulated(None)
    assert not is_simulated("zorggroep-van-iemand")
    assert not is_simulated("verhaal-zcc")


def test_every_made_up_patient_is_marked_and_has_a_number_that_nobody_has(calls: Sequence[Call]) -> None:
    for call in calls:
        patient = call.contact["patient"]
        assert patient["name"].startswith(MARK)
        assert call.contact["complaint"].startswith(MARK)
        assert re.fullmatch(r"\d{9}", patient.get("bsn", "999900000"))
        assert patient.get("bsn", TEST_BSN).startswith(TEST_BSN)
        assert patient["phone"].startswith("00000")
        if call.wishes is not None:
            assert call.wishes["recorded_by"].startswith(MARK)


def test_a_caller_does_not_always_know_the_number(calls: Sequence[Call]) -> None:
    with_number = sum("bsn" in call.contact["patient"] for call in calls)

    assert 0.7 < with_number / len(calls) < 0.9


def test_neither_a_person_nor_a_call_shows_who_it_is_when_it_is_printed(calls: Sequence[Call]) -> None:
    person = made_up(seeded("somebody"))

    assert person.name not in f"{person} {person!r}"
    assert str(person.bsn) not in f"{person!r}"
    assert not any(MARK in repr(call) or str(call.contact["patient"].get("bsn", MARK)) in repr(call) for call in calls)


@given(urgency=st.sampled_from(list(Urgency)), lot=st.floats(0, 1, exclude_max=True))
def test_the_answers_of_a_triagist_make_the_protocol_decide_by_the_last_one(urgency: Urgency, lot: float) -> None:
    filled_in = answers_for(urgency, lot, PACK)

    criteria = next(complaint["criteria"] for complaint in PACK if complaint["id"] == filled_in.complaint)
    answered = [criterion for criterion in criteria if criterion["id"] in filled_in.answers]
    assert answered == criteria[: len(answered)]
    deciding = [criterion["urgency"] for criterion in answered if filled_in.answers[criterion["id"]]]
    if urgency is not Urgency.U5:
        assert deciding == [urgency]
    else:
        assert deciding == []


def test_with_a_pack_that_does_not_know_the_urgency_the_next_less_urgent_one_decides() -> None:
    filled_in = answers_for(Urgency.U2, 0.0, PACK[:1])

    assert filled_in.answers == {"stikt": False, "blauw": False, "koorts": True}


def test_coordinators_decide_the_same_again_and_leave_some_alone() -> None:
    looks = [look(7, f"case-{number}", 0, Urgency.U2) for number in range(400)]

    assert looks == [look(7, f"case-{number}", 0, Urgency.U2) for number in range(400)]
    assert 0.15 < sum(how.is_left_alone for how in looks) / len(looks) < 0.35
    assert any(how.ask_at_once == 2 for how in looks)
    assert not any(look(7, f"case-{number}", 0, Urgency.U5).is_left_alone for number in range(100))


def test_providers_decide_the_same_again_mostly_accept_and_sometimes_never_answer() -> None:
    manners = [manner(7, f"offer-{number}") for number in range(600)]
    replies = Counter(how.reply for how in manners)

    assert manners == [manner(7, f"offer-{number}") for number in range(600)]
    assert replies[Reply.ACCEPT] / len(manners) > 0.7
    assert replies[Reply.DECLINE] > replies[Reply.SILENCE] > 0
    assert {"VOL", "NIET_EIGEN_CLIENT"} <= {how.reason for how in manners}
    assert any(how.gives_up for how in manners)


def test_a_patient_who_is_answered_at_once_lies_in_a_bed_within_a_minute() -> None:
    slowest = max(
        how.answer_seconds + how.transport_seconds + how.ride_seconds for how in (manner(7, str(number)) for number in range(600))
    )

    assert slowest < 50


def test_a_guest_counts_while_they_stay_and_is_forgotten_afterwards() -> None:
    guests = Guests()
    guests.admit("unit", START, timedelta(minutes=10))
    guests.admit("unit", START + timedelta(minutes=5), timedelta(minutes=10))

    assert [guests.at("unit", START + timedelta(minutes=minutes)) for minutes in (-1, 0, 5, 10, 15)] == [0, 1, 2, 1, 0]
    assert guests.at("another", START) == 0
