"""The queue, live: a nurse sees a case come, change and leave without asking again."""

import asyncio
from contextlib import asynccontextmanager, suppress

import httpx
import pytest

from chassis.security.roles import Role
from chassis.testing.apis import started_api
from chassis.testing.streams import Stream
from chassis.testing.waiting import eventually


class Watching:
    """What a reader of the stream was told."""

    def __init__(self):
        self.events = []

    async def read(self, stream):
        with suppress(EOFError):
            while True:
                self.events.append(await stream.next(ticks=True))

    def cases(self):
        """Of each case the state that was told last; None when it is gone."""
        return {data["id"]: None if name == "gone" else data["status"] for name, data, _ in self.events if name in {"message", "gone"}}

    @property
    def last_id(self):
        return next((sent_id for _, _, sent_id in reversed(self.events) if sent_id), None)


@pytest.fixture
async def served(triage, processes):
    """The API in a process of its own."""
    return await started_api(processes, "triage", triage.settings)


@pytest.fixture
def watch(triage, served):
    @asynccontextmanager
    async def watching(query="", last_id=None, **who):
        seen = Watching()
        headers = {"Authorization": f"Bearer {triage.token(**who)}"} | ({"Last-Event-ID": last_id} if last_id else {})
        url = f"{served}/triage/v1/cases/stream{query}"
        async with httpx.AsyncClient(timeout=30) as client, Stream.of(client, url, headers=headers) as stream:
            reading = asyncio.create_task(seen.read(stream))
            try:
                yield seen
            finally:
                reading.cancel()
                await asyncio.wait([reading])

    return watching


async def test_a_nurse_sees_cases_come_change_and_leave(triage, watch, offer_of):
    there = await triage.register()
    async with watch() as seen:
        await eventually(lambda: seen.cases() == {there.case_id: "NIEUW"})

        came = await triage.register()
        await eventually(lambda: seen.cases().get(came.case_id) == "NIEUW")
        await triage.ask(came)
        await eventually(lambda: seen.cases()[came.case_id] == "PLAATS_GEVRAAGD")
        offer = offer_of(came)
        await triage.hears(offer.made, offer.accepted)
        await eventually(lambda: seen.events[-1][1].get("placement_request", {}).get("status") == "ACCEPTED")

        await triage.assess(there, {"bewusteloos": True})
        await eventually(lambda: seen.cases()[there.case_id] is None)

    assert "OVERGEDRAGEN_112" not in str(seen.events)
    assert "GEMERKT" not in str(seen.events)


async def test_who_comes_back_is_told_what_happened_meanwhile(triage, watch):
    left, stays = await triage.register(), await triage.register()
    async with watch() as seen:
        await eventually(lambda: seen.last_id and len(seen.cases()) == 2)
    await triage.close(left)
    came = await triage.register()

    async with watch(last_id=seen.last_id) as again:
        await eventually(lambda: again.cases() == {left.case_id: None, came.case_id: "NIEUW"})
    assert stays.case_id not in again.cases()


async def test_filters_and_rights_are_those_of_the_queue(triage, watch):
    own = await triage.register(role=Role.REFERRER, org="own")
    other = await triage.register(municipality="GM0363")
    async with watch("?vr=VR13") as filtered, watch(role=Role.REFERRER, org="own") as mine:
        await eventually(lambda: filtered.cases() == {other.case_id: "NIEUW"})
        await eventually(lambda: mine.cases() == {own.case_id: "NIEUW"})
        await triage.close(own, role=Role.REFERRER, org="own")
        await triage.close(other)
        await eventually(lambda: filtered.cases() == {other.case_id: None})
        await eventually(lambda: mine.cases() == {own.case_id: None})
