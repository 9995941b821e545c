"""After a restore: what capacity once told is known again, as far as its events say it."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from capacity.entrypoints.restoring import CapacityRestoring
from chassis.messaging.reading import Received
from contracts.capacity import FLOWS, OBSERVATIONS

_TABLES = ("units", "observations", "report_ids", "flows", "timers")


@asynccontextmanager
async def forgotten(capacity, told):
    """What happens in this block is forgotten by the database, and known to Kafka."""
    for table in _TABLES:
        await capacity.rows(f"create unlogged table before_{table} as select * from {table}")
    [[last]] = await capacity.rows("select coalesce(max(id), 0) from outbox")
    try:
        yield
        rows = await capacity.rows("select * from outbox where id > $1 order by id", last)
        now = datetime.now(UTC)
        for nth, row in enumerate(rows):
            topic = {topic.name: topic for topic in (OBSERVATIONS, FLOWS)}.get(row["aggregatetype"])
            if topic is not None:
                event = topic.event_type(row["type"]).parse(row["payload"])
                told.append(Received(event, row["aggregateid"], row["version"], topic.name, 0, nth, now, now))
        for table in _TABLES:
            await capacity.rows(f"truncate {table}")
            await capacity.rows(f"insert into {table} overriding system value select * from before_{table}")
    finally:
        for table in _TABLES:
            await capacity.rows(f"drop table before_{table}")


async def takes_back(capacity, told):
    return await CapacityRestoring(capacity.settings.age_limits).take_back(capacity.database, told)


async def test_a_report_is_known_again_and_sent_again_counts_once(capacity) -> None:
    unit_id = await capacity.unit()
    await capacity.report(unit_id, occupied=3)
    told = []
    async with forgotten(capacity, told):
        report = capacity.a_report(unit_id, occupied=9, reserved=0, closed_reason="PERSONEEL")
        assert (await capacity.post("reports", report)).status_code == 202
    assert await capacity.figures(unit_id) == (12, 10, 3, 1, 6)

    done = await takes_back(capacity, told)

    assert (done.events, done.to_do) == (1, [])
    assert await capacity.figures(unit_id) == (12, 10, 9, 0, 1)
    again = await capacity.post("reports", report)
    assert (again.status_code, again.json()["duplicate"]) == (202, True)
    assert await capacity.figures(unit_id) == (12, 10, 9, 0, 1)
    assert len([one for one in await capacity.published(OBSERVATIONS.name, unit_id) if one["report_id"] == report["report_id"]]) == 1


async def test_what_was_taken_back_counted_nobody_so_it_ends_no_hold(capacity) -> None:
    unit_id = await capacity.unit()
    await capacity.report(unit_id, occupied=3)
    [before] = [one["occupied_reported_at"] for one in (await capacity.published("capacity.units.v1", unit_id))[-1:]]
    told = []
    async with forgotten(capacity, told):
        await capacity.report(unit_id, occupied=9, reserved=0)

    await takes_back(capacity, told)

    assert (await capacity.published("capacity.units.v1", unit_id))[-1]["occupied_reported_at"] == before


async def test_a_report_that_was_retracted_stays_retracted(capacity) -> None:
    unit_id = await capacity.unit()
    await capacity.report(unit_id, occupied=3)
    told = []
    async with forgotten(capacity, told):
        report_id = str(uuid4())
        await capacity.report(unit_id, report_id=report_id, occupied=9, reserved=0)
        await capacity.report(unit_id, report_id=report_id, occupied=9, reserved=0, revision=1, retracted=True)

    await takes_back(capacity, told)

    assert await capacity.figures(unit_id) == (12, 10, 3, 1, 6)


async def test_a_patient_who_came_since_is_counted_again(capacity) -> None:
    location_id = await capacity.location(sector="ZIEKENHUIS")
    unit_id = await capacity.unit(location_id, care_type="IC")
    await capacity.report(unit_id, source="EPD", occupied=3, age_seconds=600)
    flow = {
        "flow_id": str(uuid4()), "source": "EPD", "location_id": location_id, "unit_id": unit_id, "kind": "OPNAME", "care_type": "IC",
        "cohort": "GEEN", "occurred_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
    }  # fmt: skip
    told = []
    async with forgotten(capacity, told):
        assert (await capacity.post("flows", flow)).status_code == 202

    done = await takes_back(capacity, told)

    assert done.events == 1
    assert (await capacity.figures(unit_id))[2] == 4
    assert (await capacity.post("flows", flow)).json()["duplicate"] is True


async def test_a_report_about_a_unit_that_is_not_known_is_said_to_people(capacity) -> None:
    told = []
    async with forgotten(capacity, told):
        unit_id = await capacity.unit()
        await capacity.report(unit_id)

    done = await takes_back(capacity, told)

    assert done.events == 0
    [line] = done.to_do
    assert unit_id in line
