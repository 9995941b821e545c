"""The checks of the other tests see what they are for: each is shown one thing that is wrong."""

import random
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import orjson
import pytest

from .checker import Done, Evidence, faults
from .kafka_log import FIRST_VERSION, Seen
from .marks import Marks

_NOW = datetime(2021, 1, 4, 9, tzinfo=UTC)
_CASE, _OFFER, _UNIT = uuid4(), uuid4(), uuid4()


def _event(topic: str, fact: str, key: UUID, nth: int, **body: object) -> Seen:
    headers = {
        "ce_type": f"nl.zorgcoordinatie.{topic}.{fact}.v1",
        "ce_id": str(UUID(int=random.Random(f"{fact} {key} {nth}").getrandbits(128))),
        "ce_sequence": str(FIRST_VERSION + nth - 1),
    }
    return Seen(0, nth, str(key), headers, orjson.dumps(body))


def _about(fact: str, nth: int, **body: object) -> Seen:
    said: dict[str, object] = {"case_id": _CASE, "offer_id": _OFFER, "unit_id": _UNIT, "is_automatic": False, **body}
    return _event("placement", fact, UUID(str(said["case_id"])), nth, **said)


def _held(nth: int, *holds: tuple[UUID, str]) -> Seen:
    said = [{"hold_id": hold, "status": status} for hold, status in holds]
    return _event("placement", "holds-changed", _UNIT, nth, unit_id=_UNIT, holds=said, absorbed=[])


_GOOD = Evidence(
    done=[Done("case-registered", _CASE), Done("placement-requested", _CASE), Done("offer-made", _OFFER), Done("offer-accepted", _OFFER)],
    places={_UNIT: 1},
    cases=[
        _event("triage", "case-registered", _CASE, 1, case_id=_CASE),
        _event("triage", "placement-requested", _CASE, 2, case_id=_CASE),
    ],
    placements=[_about("request-opened", 1), _about("offer-made", 2), _about("offer-accepted", 3)],
    holds=[_held(1, (_OFFER, "OFFERED")), _held(2, (_OFFER, "ACCEPTED"))],
    offers=[{"offer_id": _OFFER, "case_id": _CASE, "round": 1, "unit_id": _UNIT, "status": "ACCEPTED"}],
    requests=[{"case_id": _CASE, "round": 1, "status": "PLACED", "ended": None}],
    timers=[{"kind": "hold-ends", "subject": str(_OFFER), "due_at": _NOW + timedelta(hours=1)}],
    units=[{"unit_id": _UNIT, "held": 1, "includes_holds": []}],
    now=_NOW,
)
_OTHER = uuid4()


def test_a_run_in_which_all_went_well_has_no_faults() -> None:
    assert faults(_GOOD) == []
    assert faults(replace(_GOOD, placements=[*_GOOD.placements, _GOOD.placements[-1]])) == [], "sent again as it was"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (replace(_GOOD, holds=[*_GOOD.holds, _held(3, (_OFFER, "ACCEPTED"), (_OTHER, "OFFERED"))]), "2 have a place, there are 1"),
        (replace(_GOOD, holds=[_held(1, (_OFFER, "OFFERED"), (_OFFER, "OFFERED"))]), "a hold is there twice"),
        (
            replace(_GOOD, holds=[_held(1, (_OFFER, "ADMITTED")), _held(2), _held(3, (_OTHER, "OFFERED"))]),
            "2 have a place, there are 1",
        ),
        (replace(_GOOD, placements=_GOOD.placements[:2]), "offer-accepted of .*: answered, and told 0 times"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-made", 4)]), "offer-made after offer-accepted"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-accepted", 4)]), "accepted, and told 2|answered, and told 2"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-ended", 4)]), "offer-ended after offer-accepted"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-made", 4, offer_id=_OTHER)]), "an event without a row"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-made", 4, offer_id=_OTHER)]), "told, and nobody was answered so"),
        (replace(_GOOD, placements=[*_GOOD.placements, _about("offer-accepted", 4, offer_id=_OTHER)]), "accepted twice"),
        (replace(_GOOD, placements=[*_GOOD.placements[:2], _about("offer-accepted", 4)]), "versions"),
        (replace(_GOOD, offers=[]), "an event without a row"),
        (replace(_GOOD, offers=[{**_GOOD.offers[0], "status": "OFFERED"}]), "OFFERED after offer-accepted"),
        (replace(_GOOD, cases=_GOOD.cases[:1]), "placement-requested of .*: answered, and told 0 times"),
        (replace(_GOOD, done=_GOOD.done[1:]), "case-registered of .*: told, and nobody was answered so"),
        (replace(_GOOD, units=[{**_GOOD.units[0], "held": 0}]), "counts 0, holds 1"),
        (replace(_GOOD, holds=[*_GOOD.holds, _held(3)]), "kept, not told"),
        (replace(_GOOD, timers=[]), "nothing ends it"),
        (replace(_GOOD, timers=[{**_GOOD.timers[0], "due_at": _NOW - timedelta(minutes=1)}]), "due since"),
        (replace(_GOOD, requests=[{**_GOOD.requests[0], "status": "OPEN"}]), "OPEN with .* nobody goes on with it"),
        (
            replace(_GOOD, requests=[{**_GOOD.requests[0], "status": "CLOSED", "ended": "CANCELLED"}]),
            "CLOSED with .* nobody goes on with it",
        ),
    ],
)
def test_whatever_is_lost_doubled_or_given_twice_is_said(broken: Evidence, fault: str) -> None:
    found = faults(broken)

    assert any(re.search(fault, said) for said in found), found


@pytest.mark.parametrize("writing", ["plain", "upper", "hex", "base64", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", [b"", b"x", b"xy", b'{"name":"'])
def test_a_patient_is_recognised_in_any_writing_and_wherever_it_stands(writing: str, before: bytes) -> None:
    marks = Marks()
    patient = marks.patient()
    for value in (patient.name, patient.phone, patient.complaint, patient.wish, patient.recorded_by):
        said = before + value.encode()
        written = {
            "plain": said,
            "upper": said.upper(),
            "hex": said.hex().encode(),
            "base64": b64encode(said),
            "utf-16-le": said.decode().encode("utf-16-le"),
            "utf-16-be": said.decode().encode("utf-16-be"),
        }[writing]
        assert marks.found_in(b"log line: " + written + b", and so on")


def test_a_citizen_service_number_is_recognised_and_other_numbers_are_not() -> None:
    marks = Marks()
    bsn = marks.patient().bsn

    assert marks.found_in(f'{{"bsn":"{bsn}"}}'.encode())
    assert marks.found_in(b64encode(f"bsn={bsn}".encode()))
    assert marks.found_in(f"0.1{bsn}7 {uuid4()} {datetime.now(UTC).isoformat()}".encode()) == []
