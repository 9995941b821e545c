"""After a restore to an earlier point: who was promised a place keeps it, and nobody else gets it."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from chassis.errors import Rejected
from chassis.messaging.reading import Received
from chassis.restoring.restored import TakenBack
from contracts.codes import ClosureOutcome
from contracts.placement import PLACEMENTS
from contracts.topic import Topic
from placement.domain.states import OfferStatus, RequestStatus
from placement.entrypoints.restoring import PlacementRestoring

_TABLES = ("requests", "ended_requests", "offers", "units", "timers", "webhooks", "webhook_deliveries")


@asynccontextmanager
async def forgotten(placement, told: list[Received]):
    """What happens in this block is forgotten by the database, and known to Kafka."""
    for table in _TABLES:
        await placement.rows(f"create unlogged table before_{table} as select * from {table}")
    [[last]] = await placement.rows("select coalesce(max(id), 0) from outbox")
    try:
        yield
        rows = await placement.rows("select * from outbox where id > $1 and aggregatetype = $2 order by id", last, PLACEMENTS.name)
        told += [_received(PLACEMENTS, nth, row) for nth, row in enumerate(rows)]
        for table in _TABLES:
            await placement.rows(f"truncate {table}")
            await placement.rows(f"insert into {table} select * from before_{table}")
    finally:
        for table in _TABLES:
            await placement.rows(f"drop table before_{table}")


def _received(topic: Topic, nth: int, row) -> Received:
    event = topic.event_type(row["type"]).parse(row["payload"])
    at = datetime.now(UTC)
    return Received(event, row["aggregateid"], row["version"], topic.name, 0, nth, at, at)


async def takes_back(placement, told: Sequence[Received]) -> TakenBack:
    restoring = PlacementRestoring(placement.settings.policy)
    done = await restoring.take_back(placement.database, told)
    await restoring.publish_again(placement.database, {"placement.holds.v1": set()})
    return done


async def offers(placement, case_id: UUID) -> dict[UUID, tuple[OfferStatus, UUID]]:
    return {offer.offer_id: (offer.status, offer.unit_id) for offer in await placement.offers_of(case_id)}


async def accepts(placement, case_id, unit_id):
    await placement.accept(await placement.offered(case_id, unit_id))


async def leaves(placement, case_id, unit_id):
    await placement.leave(await placement.accept(await placement.offered(case_id, unit_id)))


async def arrives(placement, case_id, unit_id):
    await placement.admit(await placement.accept(await placement.offered(case_id, unit_id)))


async def is_given_up(placement, case_id, unit_id):
    await placement.release(await placement.accept(await placement.offered(case_id, unit_id)))


async def is_declined(placement, case_id, unit_id):
    await placement.decline(await placement.offered(case_id, unit_id))


async def is_cancelled(placement, case_id, unit_id):
    await placement.accept(await placement.offered(case_id, unit_id))
    await placement.cancel(case_id)


Act = Callable[..., Awaitable[None]]


@pytest.mark.parametrize(
    ("act", "status", "held"),
    [
        (accepts, RequestStatus.PLACED, 1),
        (leaves, RequestStatus.PLACED, 1),
        (arrives, RequestStatus.CLOSED, 1),
        (is_given_up, RequestStatus.OPEN, 0),
        (is_declined, RequestStatus.OPEN, 0),
        (is_cancelled, RequestStatus.CLOSED, 0),
    ],
)
async def test_what_had_become_of_an_offer_is_known_again(placement, act: Act, status: RequestStatus, held: int) -> None:
    unit_id, case_id = await placement.unit(free=1), await placement.request()
    told: list[Received] = []
    async with forgotten(placement, told):
        await act(placement, case_id, unit_id)
        before = await offers(placement, case_id)

    done = await takes_back(placement, told)

    assert done.events > 0
    assert not done.to_do
    assert await offers(placement, case_id) == before
    assert (await placement.request_now(case_id)).status is status
    assert await placement.held_by_all_accounts(unit_id) == held
    assert await placement.is_sound()
    other = await placement.request()
    if held:
        with pytest.raises(Rejected, match="place-gone"):
            await placement.make_offers(other, unit_id)
    else:
        await placement.offered(other, unit_id)


@pytest.mark.parametrize("act", ["accept", "decline", "leave", "release"])
async def test_an_answer_to_an_offer_that_is_still_known_counts_again(placement, act: str) -> None:
    unit_id, case_id = await placement.unit(free=1), await placement.request()
    offer = await placement.offered(case_id, unit_id)
    if act in {"leave", "release"}:
        offer = await placement.accept(offer)
    told: list[Received] = []
    async with forgotten(placement, told):
        await getattr(placement, act)(offer)
        before = await offers(placement, case_id)

    # By now its time to answer is over; it was answered in time.
    await placement.later(hours=1)
    await takes_back(placement, told)
    await placement.timers_go_off()

    assert await offers(placement, case_id) == before
    assert await placement.is_sound()


async def test_a_patient_who_was_sent_on_has_the_second_place_and_not_the_first(placement) -> None:
    first, second, case_id = await placement.unit(), await placement.unit(), await placement.request()
    await accepts(placement, case_id, first)
    [placed] = await placement.offers_of(case_id)
    told: list[Received] = []
    async with forgotten(placement, told):
        await placement.release(placed)
        await accepts(placement, case_id, second)

    await takes_back(placement, told)

    assert (await placement.request_now(case_id)).status is RequestStatus.PLACED
    assert [await placement.held_by_all_accounts(unit_id) for unit_id in (first, second)] == [0, 1]
    assert await placement.is_sound()


async def test_a_patient_who_lies_in_another_unit_than_was_asked_counts_there(placement) -> None:
    unit_id, used, case_id = await placement.unit(), await placement.unit(), await placement.request()
    told: list[Received] = []
    async with forgotten(placement, told):
        await placement.admit(await placement.accept(await placement.offered(case_id, unit_id)), used)

    await takes_back(placement, told)

    assert [await placement.held_by_all_accounts(one) for one in (unit_id, used)] == [0, 1]
    assert await placement.is_sound()


async def test_an_offer_that_nobody_has_answered_ends_and_its_place_is_free(placement) -> None:
    unit_id, case_id = await placement.unit(free=1), await placement.request()
    told: list[Received] = []
    async with forgotten(placement, told):
        offer = await placement.offered(case_id, unit_id)

    await takes_back(placement, told)

    assert await placement.offers_of(case_id) == []
    ended = (await placement.published(PLACEMENTS.name, case_id))[-1]
    assert (ended["_type"], ended["offer_id"], ended["how"]) == ("offer-ended", str(offer.offer_id), "WITHDRAWN")
    assert await placement.held_by_all_accounts(unit_id) == 0
    assert await placement.is_sound()
    await placement.offered(case_id, unit_id)


async def test_a_request_that_was_closed_after_the_last_that_was_told_gives_its_place_back(placement) -> None:
    unit_id, case_id = await placement.unit(free=1), await placement.request()
    told: list[Received] = []
    async with forgotten(placement, told):
        await accepts(placement, case_id, unit_id)
    # Read from triage first, as the command does.
    await placement.closed(case_id, outcome=ClosureOutcome.OVERLEDEN)

    await takes_back(placement, told)

    assert [status for status, _ in (await offers(placement, case_id)).values()] == [OfferStatus.RELEASED]
    assert (await placement.facts(case_id))[-1] == "placement-released"
    assert await placement.held_by_all_accounts(unit_id) == 0
    assert await placement.is_sound()


async def test_a_placement_of_a_request_that_nobody_knows_is_said_to_people(placement) -> None:
    unit_id, case_id = await placement.unit(free=1), await placement.request()
    told: list[Received] = []
    async with forgotten(placement, told):
        await accepts(placement, case_id, unit_id)
    await placement.rows("delete from requests where case_id = $1", case_id)

    done = await takes_back(placement, told)

    assert done.events == 0
    [line] = done.to_do
    assert str(case_id) in line
    assert "zorggroep-oost" in line
