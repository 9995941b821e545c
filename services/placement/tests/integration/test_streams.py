"""What coordinators and providers see happen, without asking again."""

from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest_asyncio

from chassis.security.roles import Role
from chassis.testing.apis import started_api
from chassis.testing.streams import Stream

PROVIDER = {"role": Role.PROVIDER, "org": "zorggroep-oost", "region": None}


@pytest_asyncio.fixture
async def follow(placement, processes):
    """Follows a stream of an API process of its own."""
    address = await started_api(processes, "placement", placement.settings)

    @asynccontextmanager
    async def open_stream(path, last_id=None, **who):
        headers = {"Authorization": f"Bearer {placement.token(**who)}"} | ({"Last-Event-ID": last_id} if last_id else {})
        url = f"{address}/placement/v1/{path}"
        async with httpx.AsyncClient(timeout=20) as client, Stream.of(client, url, headers=headers) as stream:
            yield stream

    return open_stream


async def test_a_coordinator_sees_a_request_come_and_find_its_place(placement, follow):
    unit_id = await placement.unit()
    waiting = await placement.request()
    await placement.request(region="VR01")

    async with follow("requests/stream") as stream:
        first = await stream.until_tick()
        assert [(name, data["id"]) for name, data, _ in first] == [("message", str(waiting))]

        case_id = await placement.request()
        name, data, _ = await stream.next()
        assert (name, data["id"], data["status"], data["open_offers"]) == ("message", str(case_id), "OPEN", 0)

        offer = await placement.offered(case_id, unit_id)
        name, data, _ = await stream.next()
        assert (name, data["open_offers"], data["unattended_at"]) == ("message", 1, None)

        await placement.accept(offer)
        name, data, _ = await stream.next()
        assert (name, data["status"], data["placement_id"]) == ("message", "PLACED", str(offer.offer_id))

        await placement.cancel(waiting)
        name, data, _ = await stream.next()
        assert (name, data["id"]) == ("gone", str(waiting))


async def test_a_provider_is_asked_at_once_and_sees_a_question_that_is_over_go(placement, follow):
    unit_id, elsewhere = await placement.unit(free=2), await placement.unit(organisation="thuis-best")
    case_id = await placement.request()

    async with follow("offers/stream", **PROVIDER) as stream, follow("offers/stream", role=Role.TRIAGIST, region=None) as of_triagist:
        assert await stream.until_tick() == []
        await of_triagist.until_tick()

        asked_elsewhere = await placement.offered(case_id, elsewhere)
        asked = await placement.offered(case_id, unit_id)

        name, data, _ = await stream.next()
        assert (name, data["id"], data["token"]) == ("message", str(asked.offer_id), asked.token)
        for offer in (asked_elsewhere, asked):
            name, data, _ = await of_triagist.next()
            assert (name, data["id"], data.get("token")) == ("message", str(offer.offer_id), None)

        await stream.until_tick()
        await placement.decline(asked)
        name, data, _ = await stream.next()
        assert (name, data["id"]) == ("gone", str(asked.offer_id))
        last_id = stream.last_id

    again = await placement.offered(case_id := await placement.request(), unit_id)
    async with follow("offers/stream", last_id=last_id, **PROVIDER) as stream:
        assert [(name, data["id"], data["case_id"]) for name, data, _ in await stream.until_tick()] == [
            ("message", str(again.offer_id), str(case_id))
        ]


async def test_lcps_sees_where_a_patient_is_kept_from_when_it_looks_for_a_second_place(placement, follow):
    unit_id, case_id = await placement.unit(), await placement.request()
    first = await placement.accept(await placement.offered(case_id, unit_id))
    await placement.reports(unit_id, open=0, occupied=0, free=0, closed_reason="UITBRAAK")
    await placement.timers_go_off()

    lcps = {"role": Role.LCPS, "region": None}
    async with follow("offers/stream", **lcps) as offers, follow("requests/stream", **lcps) as requests:
        assert (await offers.until_tick(), await requests.until_tick()) == ([], [])

        await placement.later(minutes=11)
        await placement.timers_go_off()

        name, data, _ = await offers.next()
        assert (name, data["id"], data["has_room"]) == ("message", str(first.offer_id), False)
        name, data, _ = await requests.next()
        assert (name, data["id"], data["status"], data["sought_by"]) == ("message", str(case_id), "MOVING", "LCPS")

        await placement.accept(await placement.offered(case_id, await placement.unit(vr="VR19")))
        # The second place is told as well, once or twice: whoever is slow is told only how it is by now.
        while (told := await offers.next()).name != "gone":
            assert told.data["id"] != str(first.offer_id)
        assert told.data["id"] == str(first.offer_id)


async def test_a_reader_who_comes_from_another_database_begins_anew(placement, follow):
    case_id = await placement.request()

    async with follow("requests/stream?urgency=U3", last_id=f"{uuid4().hex}:1:1:") as stream:
        first = await stream.until_tick()

    assert [name for name, _, _ in first] == ["reset", "message"]
    assert first[1][1]["id"] == str(case_id)
