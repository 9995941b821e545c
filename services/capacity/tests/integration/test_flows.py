"""Patients who come and leave between two counts of the beds."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest


def ago(**by):
    return (datetime.now(UTC) - timedelta(**by)).isoformat()


@pytest.fixture
def a_flow():
    def build(location_id, /, **fields):
        flow = {
            "flow_id": str(uuid4()),
            "source": "EPD",
            "location_id": location_id,
            "kind": "OPNAME",
            "care_type": "IC",
            "cohort": "COVID_POS",
            "occurred_at": ago(minutes=5),
            **fields,
        }
        return {name: value for name, value in flow.items() if value is not ...}

    return build


async def ward(capacity):
    location_id = await capacity.location(sector="ZIEKENHUIS")
    unit_id = await capacity.unit(location_id, care_type="IC", cohort="COVID_POS")
    return location_id, unit_id


async def test_a_flow_is_told_once(capacity, a_flow):
    location_id, unit_id = await ward(capacity)
    flow = a_flow(location_id, unit_id=unit_id, destination="MAAN")

    first, again = await capacity.post("flows", flow), await capacity.post("flows", flow)

    assert (first.status_code, first.json()["duplicate"]) == (202, False)
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    (told,) = await capacity.published("capacity.flows.v1", location_id)
    assert (told["kind"], told["count"], told["destination"], told["sector"], told["vr"]) == ("OPNAME", 1, "ONBEKEND", "ZIEKENHUIS", "VR06")


async def test_who_came_and_left_since_the_count_is_counted_in(capacity, a_flow):
    location_id, unit_id = await ward(capacity)
    await capacity.report(unit_id, source="EPD", observed_at=datetime.now(UTC) - timedelta(minutes=20), occupied=5)

    for fields in (
        {"kind": "OPNAME", "count": 2},
        {"kind": "OVERPLAATSING"},
        {"kind": "ONTSLAG"},
        {"kind": "ONTSLAGGEREED", "count": 4},
        {"kind": "SEH_AANKOMST", "count": 4},
        {"kind": "OPNAME", "count": 3, "occurred_at": ago(minutes=30)},
        {"kind": "OPNAME", "count": 3, "source": "PLANNER"},
        {"kind": "OPNAME", "count": 3, "unit_id": ...},
    ):
        answer = await capacity.post("flows", a_flow(location_id, **{"unit_id": unit_id, **fields}))
        assert answer.status_code == 202, answer.text

    assert await capacity.figures(unit_id) == (12, 10, 7, 1, 2)
    assert (await capacity.published("capacity.units.v1", unit_id))[-1]["occupied"] == 7


async def test_a_new_count_takes_the_place_of_all_flows_before_it(capacity, a_flow):
    location_id, unit_id = await ward(capacity)
    await capacity.report(unit_id, source="EPD", observed_at=datetime.now(UTC) - timedelta(minutes=20), occupied=5)
    await capacity.post("flows", a_flow(location_id, unit_id=unit_id))

    await capacity.report(unit_id, source="EPD", occupied=5)

    assert (await capacity.figures(unit_id))[2] == 5


async def test_a_flow_that_was_taken_back_or_corrected_counts_as_it_now_is(capacity, a_flow):
    location_id, unit_id = await ward(capacity)
    await capacity.report(unit_id, source="EPD", observed_at=datetime.now(UTC) - timedelta(minutes=20), occupied=5)
    flow = a_flow(location_id, unit_id=unit_id)
    await capacity.post("flows", flow)

    await capacity.post("flows", {**flow, "revision": 1, "count": 3})
    assert (await capacity.figures(unit_id))[2] == 8
    assert (await capacity.post("flows", {**flow, "revision": 1, "count": 4})).status_code == 409
    await capacity.post("flows", {**flow, "revision": 2, "retracted": True})
    assert (await capacity.figures(unit_id))[2] == 5
    assert len(await capacity.published("capacity.flows.v1", location_id)) == 3


async def test_more_patients_than_places_is_a_conflict_with_nothing_free(capacity, a_flow):
    location_id, unit_id = await ward(capacity)
    await capacity.report(unit_id, source="EPD", observed_at=datetime.now(UTC) - timedelta(minutes=20), occupied=9)

    await capacity.post("flows", a_flow(location_id, unit_id=unit_id, count=3))

    shown = await capacity.shown(unit_id)
    assert (shown["occupied"], shown["free"], shown["conflict"]) == (12, 0, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"occurred_at": ago(days=15)}, 422),
        # Made when the tests are collected, which may be a quarter of an hour before this one runs.
        ({"occurred_at": ago(hours=-2)}, 422),
        ({"kind": "VERDWENEN"}, 422),
        ({"count": -1}, 422),
        ({"cohort": ...}, 422),
        ({"location_id": str(uuid4())}, 404),
        ({"unit_id": str(uuid4())}, 404),
        ({"source": "IMPORT"}, 403),
    ],
)
async def test_a_flow_that_cannot_be_is_refused(capacity, a_flow, fields, status):
    location_id, unit_id = await ward(capacity)

    refused = await capacity.post("flows", a_flow(location_id, **{"unit_id": unit_id, **fields}))

    assert refused.status_code == status
    assert await capacity.rows("select from flows") == []


async def test_a_unit_of_another_location_is_refused_and_a_flow_keeps_its_place(capacity, a_flow):
    location_id, _ = await ward(capacity)
    other_location, other_unit = await ward(capacity)

    assert (await capacity.post("flows", a_flow(location_id, unit_id=other_unit))).status_code == 422
    flow = a_flow(location_id)
    await capacity.post("flows", flow)
    assert (await capacity.post("flows", {**flow, "location_id": other_location, "revision": 1})).status_code == 409


async def test_a_batch_takes_the_good_lines(capacity, a_flow):
    location_id, _ = await ward(capacity)
    flow = a_flow(location_id, source="IMPORT", occurred_at=ago(days=900), count=0)

    results = await capacity.lines("flows/batch", [flow, {**flow, "flow_id": "x"}, b"{", flow], role="admin", org=None)

    assert [(result["line"], result["status"], result["flow_id"]) for result in results] == [
        (1, 202, flow["flow_id"]), (2, 422, None), (3, 400, None), (4, 202, flow["flow_id"]),
    ]  # fmt: skip
    assert len(await capacity.published("capacity.flows.v1")) == 1
