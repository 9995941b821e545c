"""What is held through placement is not available, whichever of unit and holds is heard of first."""

import asyncio
from uuid import uuid4

import pytest

from chassis.testing.waiting import eventually
from contracts.capacity import UNITS
from contracts.placement import HOLDS
from reporting.application.project_holds import ProjectHolds
from reporting.application.project_units import ProjectUnits


async def beds(reporting) -> tuple[object, object, object]:
    figure = await reporting.figure()
    return figure["free"], figure["held"], figure["available"]


async def test_a_held_place_is_free_but_not_available_at_every_level(reporting, build) -> None:
    unit = build.unit(free=4)
    await reporting.hears(unit)

    await reporting.holds(build.holds(unit.unit_id, uuid4(), uuid4()))
    await reporting.publishes()

    said = await reporting.said()
    assert len(said) == 3
    assert {(figure["free"], figure["held"], figure["available"]) for figure in said.values()} == {(4, 2, 2)}


async def test_a_place_that_is_let_go_is_available_again(reporting, build) -> None:
    unit = build.unit(free=4)
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id, uuid4()))
    assert await beds(reporting) == (4, 1, 3)

    await reporting.holds(build.holds(unit.unit_id))

    assert await beds(reporting) == (4, 0, 4)
    assert await reporting.recount() == []


async def test_holds_that_are_heard_of_before_their_unit_count_as_soon_as_it_is_known(reporting, build) -> None:
    unit = build.unit(free=4)
    await reporting.holds(build.holds(unit.unit_id, uuid4()))
    assert await reporting.publishes() == 0

    await reporting.hears(unit)

    assert await beds(reporting) == (4, 1, 3)


async def test_a_hold_that_the_provider_counts_already_is_not_counted_beside_it(reporting, build) -> None:
    ours, theirs = uuid4(), uuid4()
    unit = build.unit(free=4)
    await reporting.holds(build.holds(unit.unit_id, ours, theirs))
    await reporting.hears(unit)
    assert await beds(reporting) == (4, 2, 2)

    await reporting.hears(build.unit(unit.unit_id, free=3, includes_holds=[theirs]))

    assert await beds(reporting) == (3, 1, 2)


async def test_an_absorbed_hold_counts_until_the_version_of_the_unit_that_contains_it_was_seen(reporting, build) -> None:
    unit, hold = build.unit(free=4), uuid4()
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id, hold))
    await reporting.holds(build.holds(unit.unit_id, absorbed={hold: 3}))
    assert await beds(reporting) == (4, 1, 3)

    await reporting.hears(build.unit(unit.unit_id, free=4))
    assert await beds(reporting) == (4, 1, 3)

    await reporting.hears(build.unit(unit.unit_id, free=3))
    assert await beds(reporting) == (3, 0, 3)


async def test_the_version_that_absorbed_a_hold_may_be_seen_before_placement_says_so(reporting, build) -> None:
    unit, hold = build.unit(free=4), uuid4()
    await reporting.hears(unit, build.unit(unit.unit_id, free=3))
    await reporting.holds(build.holds(unit.unit_id, hold))
    # Taken twice for a moment, and never free.
    assert await beds(reporting) == (3, 1, 2)

    await reporting.holds(build.holds(unit.unit_id, absorbed={hold: 2}))

    assert await beds(reporting) == (3, 0, 3)


async def test_what_is_unknown_stays_unknown_however_much_is_held(reporting, build) -> None:
    unit = build.unit(free=None, occupied=None)
    await reporting.hears(unit)

    await reporting.holds(build.holds(unit.unit_id, uuid4()))

    assert await beds(reporting) == (None, 1, None)


async def test_more_held_than_free_is_nothing_available_and_takes_nothing_from_another_unit(reporting, build) -> None:
    full = build.unit(free=1)
    await reporting.hears(full, build.unit(free=3))

    await reporting.holds(build.holds(full.unit_id, uuid4(), uuid4()))

    assert await beds(reporting) == (4, 2, 3)


async def test_holds_move_with_their_unit(reporting, build) -> None:
    unit = build.unit(free=4)
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id, uuid4()))
    await reporting.publishes()

    await reporting.hears(build.unit(unit.unit_id, vr="VR20", roaz="BR", cohort="COVID_POS"))
    await reporting.publishes()

    said = await reporting.said()
    assert said["beds/VR/VR03/VVT/ELV_HOOG/GEEN"]["held"] == 0
    assert (said["beds/VR/VR20/VVT/ELV_HOOG/COVID_POS"]["held"], said["beds/VR/VR20/VVT/ELV_HOOG/COVID_POS"]["available"]) == (1, 3)


async def test_an_accepted_offer_is_no_news_for_the_figures(reporting, build) -> None:
    unit, hold = build.unit(), uuid4()
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id, hold))
    await reporting.publishes()

    await reporting.holds(build.holds(unit.unit_id, hold))

    assert await reporting.fetchval("select count(*) from dirty") == 0


async def test_older_holds_that_come_late_change_nothing(reporting, build) -> None:
    unit = build.unit(free=4)
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id), build.holds(unit.unit_id, uuid4()))

    reporting.holds_versions.clear()
    await reporting.holds(build.holds(unit.unit_id))

    assert await beds(reporting) == (4, 1, 3)


@pytest.mark.parametrize("first", ["unit", "holds"])
async def test_a_new_unit_and_its_holds_that_come_at_the_same_moment_are_both_counted(reporting, build, first: str) -> None:
    unit = build.unit(free=4)
    holds = build.holds(unit.unit_id, uuid4())
    steps = {
        "unit": (ProjectUnits(reporting.contributions), reporting.received(unit, UNITS.name, unit.subject)),
        "holds": (ProjectHolds(reporting.contributions), reporting.received(holds, HOLDS.name, unit.subject)),
    }
    second = "holds" if first == "unit" else "unit"

    async def goes_second() -> None:
        project, received = steps[second]
        async with reporting.database.begin() as tx:
            await project(tx, [received])

    async def waits_or_has_gone() -> bool:
        waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        return going.done() or bool(await reporting.fetchval(waiting))

    async with reporting.database.begin() as tx:
        project, received = steps[first]
        await project(tx, [received])
        going = asyncio.create_task(goes_second())
        await eventually(waits_or_has_gone)
    await going

    assert await beds(reporting) == (4, 1, 3)
    assert await reporting.recount() == []


async def test_a_hold_that_was_lost_from_the_figures_is_found_by_the_recount(reporting, build) -> None:
    unit = build.unit()
    await reporting.hears(unit)
    await reporting.holds(build.holds(unit.unit_id, uuid4()))

    await reporting.execute("update contributions set held = 0")
    await reporting.execute("update partials set held = 0, available = free")
    await reporting.publishes()

    assert len(await reporting.recount()) == 3


async def test_while_holds_of_a_unit_are_parked_its_figures_are_incomplete_whatever_the_unit_says(reporting, build) -> None:
    unit = build.unit()
    await reporting.hears(unit)
    await reporting.parks(unit.unit_id, topic=HOLDS)
    await reporting.parks(unit.unit_id)
    assert (await reporting.figure())["incomplete"] is True

    await reporting.parks(unit.unit_id, is_parked=False)
    assert (await reporting.figure())["incomplete"] is True

    await reporting.parks(unit.unit_id, is_parked=False, topic=HOLDS)
    assert (await reporting.figure())["incomplete"] is False
