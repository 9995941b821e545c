"""What capacity said last of a unit cannot be read: no place is given there on what it said before."""

import pytest

from chassis.errors import Rejected
from contracts.capacity import UNITS
from placement.domain.states import OfferStatus
from placement.entrypoints.stream import readings


async def parks(placement, unit_id, *, is_parked):
    """What the chassis does with the unit's key, and tells."""
    on_parked = next(reading.on_parked for reading in readings(placement.settings.policy) if reading.topic is UNITS)
    assert on_parked is not None
    async with placement.database.begin() as tx:
        if is_parked:
            await tx.connection.execute(
                """
                insert into parked (reader, kind, topic, partition, "offset", key, blocks_key, follows, appended_at, headers, body, size,
                    sha256, reason)
                values ('placement', 'parked', $1, 0, 1, $2, true, false, clock_timestamp(), '{}', '', 0, '', 'no JSON')
                """,
                UNITS.name,
                str(unit_id),
            )
        else:
            await tx.connection.execute("update parked set resolved_at = clock_timestamp(), resolution = 'superseded'")
        await on_parked(tx, ["no unit", str(unit_id)], is_parked)


async def test_nothing_is_given_on_a_unit_whose_newest_state_cannot_be_read_until_it_can(placement):
    unit_id, case_id = await placement.unit(2), await placement.request()
    offer = await placement.offered(case_id, unit_id)
    waiting = await placement.request()

    await parks(placement, unit_id, is_parked=True)

    with pytest.raises(Rejected) as refused:
        await placement.make_offers(waiting, unit_id)
    assert refused.value.problem == "place-gone"
    await placement.later(minutes=11)
    await placement.timers_go_off()
    assert await placement.offers_of(waiting) == []
    listed = (await placement.get(f"requests/{waiting}/candidates?unit_id={unit_id}")).json()
    assert (listed["total"], listed["left_out"], listed["explained"]["reasons"]) == (0, {"ONBEKEND": 1}, ["ONBEKEND"])
    held = (await placement.get(f"units/{unit_id}/holds")).json()
    assert (held["free"], held["available"], held["held"]) == (None, None, 1)
    # What was given before stays, and can be answered.
    assert (await placement.accept(offer)).status is OfferStatus.ACCEPTED
    assert await placement.is_sound()

    await parks(placement, unit_id, is_parked=False)
    await placement.offered(waiting, unit_id)
    assert await placement.is_sound()


async def test_the_audit_sees_a_unit_that_is_not_marked_though_its_newest_state_is_parked(placement):
    unit_id = await placement.unit()
    await parks(placement, unit_id, is_parked=True)
    assert await placement.is_sound()

    await placement.rows("update units set is_parked = false")

    assert not await placement.is_sound()
