from datetime import UTC, datetime, timedelta
from uuid import uuid4

from chassis.testing.plans import rows_read
from reporting.adapters.sql.figures import _SUMS_OF
from reporting.entrypoints.health import ReportingHealth


async def test_a_unit_counts_in_the_country_its_roaz_and_its_vr(reporting, build) -> None:
    await reporting.hears(build.unit(vr="VR03", roaz="NN"))

    assert await reporting.publishes() == 3
    said = await reporting.said()
    assert set(said) == {
        "beds/NL/NL/VVT/ELV_HOOG/GEEN",
        "beds/ROAZ/NN/VVT/ELV_HOOG/GEEN",
        "beds/VR/VR03/VVT/ELV_HOOG/GEEN",
    }
    for figure in said.values():
        assert {name: figure[name] for name in ("total", "open", "occupied", "reserved", "free", "held", "available", "units", "units_known")} == {
            "total": 10, "open": 10, "occupied": 5, "reserved": 1, "free": 4, "held": 0, "available": 4, "units": 1, "units_known": 1,
        }  # fmt: skip


async def test_a_unit_in_a_straddling_vr_without_municipality_counts_under_roaz_unknown(reporting, build) -> None:
    await reporting.hears(build.unit(municipality=None, vr="VR03", roaz="ONBEKEND"), build.unit(vr="VR99", roaz="XX"))

    await reporting.publishes()

    said = await reporting.said()
    assert said["beds/ROAZ/ONBEKEND/VVT/ELV_HOOG/GEEN"]["units"] == 2
    assert said["beds/VR/ONBEKEND/VVT/ELV_HOOG/GEEN"]["units"] == 1


async def test_a_count_that_nobody_knows_is_null_and_one_that_somebody_knows_is_their_sum(reporting, build) -> None:
    await reporting.hears(
        build.unit(total=None, open=8, occupied=None, reserved=None, free=None),
        build.unit(total=None, open=4, occupied=3, reserved=0, free=1),
    )

    figure = await reporting.figure()

    assert (figure["total"], figure["open"], figure["occupied"], figure["free"]) == (None, 12, 3, 1)
    assert (figure["units"], figure["units_known"]) == (2, 1)


async def test_a_move_to_another_region_and_cohort_leaves_an_empty_figure_behind_and_fills_the_new_one(reporting, build) -> None:
    unit_id = uuid4()
    await reporting.hears(build.unit(unit_id))
    await reporting.publishes()

    await reporting.hears(build.unit(unit_id, vr="VR20", roaz="BR", cohort="COVID_POS"))
    await reporting.publishes()

    said = await reporting.said()
    left = said["beds/VR/VR03/VVT/ELV_HOOG/GEEN"]
    assert (left["units"], left["free"], left["units_known"], left["oldest_observed_at"]) == (0, None, 0, None)
    assert said["beds/NL/NL/VVT/ELV_HOOG/GEEN"]["units"] == 0
    assert said["beds/VR/VR20/VVT/ELV_HOOG/COVID_POS"]["free"] == 4
    assert await reporting.recount() == []


async def test_a_figure_too_old_to_trust_is_unknown_by_itself_and_its_unit_still_counts(reporting, build) -> None:
    await reporting.hears(
        build.unit(fresh_until=datetime.now(UTC) + timedelta(minutes=60)),
        build.unit(fresh_until=datetime.now(UTC) + timedelta(hours=12)),
    )
    assert (await reporting.figure())["free"] == 8

    await reporting.later(3_700)
    await reporting.expire()

    figure = await reporting.figure()
    assert (figure["units"], figure["units_known"], figure["free"], figure["open"]) == (2, 1, 4, 10)
    assert await reporting.recount() == []


async def test_a_figure_that_arrives_too_old_never_counts(reporting, build) -> None:
    await reporting.hears(build.unit(fresh_until=datetime.now(UTC) - timedelta(seconds=1)))

    figure = await reporting.figure()

    assert (figure["units"], figure["units_known"], figure["free"], figure["oldest_observed_at"]) == (1, 0, None, None)


async def test_oldest_and_newest_are_those_of_the_units_that_count(reporting, build) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    oldest, middle = uuid4(), uuid4()
    await reporting.hears(build.unit(oldest, observed_at=at), build.unit(middle, observed_at=at + timedelta(hours=1)))
    await reporting.hears(build.unit(observed_at=at + timedelta(hours=2)))
    assert (await reporting.figure())["oldest_observed_at"] == "2026-01-01T00:00:00Z"

    await reporting.hears(build.unit(oldest, observed_at=at + timedelta(hours=3)))

    figure = await reporting.figure()
    assert (figure["oldest_observed_at"], figure["newest_observed_at"]) == ("2026-01-01T01:00:00Z", "2026-01-01T03:00:00Z")


async def test_an_event_that_comes_again_changes_nothing(reporting, build) -> None:
    unit = build.unit()
    await reporting.hears(unit)
    await reporting.publishes()

    reporting.versions.clear()
    await reporting.hears(unit)

    assert await reporting.publishes() == 0
    assert await reporting.recount() == []


async def test_the_first_change_goes_out_at_once_and_the_next_waits_until_the_figure_has_rested(reporting, build) -> None:
    unit_id = uuid4()
    await reporting.hears(build.unit(unit_id, free=4))
    first = await reporting.publish()
    assert (first.figures, first.leaves_some) == (3, False)

    await reporting.hears(build.unit(unit_id, free=3))
    reporting.time += 0.019
    too_soon = await reporting.publish()
    assert (too_soon.figures, too_soon.leaves_some) == (0, True)

    reporting.time += 0.002
    rested = await reporting.publish()
    assert (rested.figures, rested.leaves_some) == (3, False)
    assert (await reporting.figure())["free"] == 3


async def test_how_far_the_readers_lag_is_told_by_the_newest_fact_of_a_round(reporting, build) -> None:
    await reporting.hears(build.unit())
    await reporting.execute("update dirty set since = since - interval '25 seconds'")
    await reporting.hears(build.unit(vr="VR20", roaz="BR"))
    await reporting.execute("update dirty set since = since - interval '5 seconds'")

    assert 5 <= (await reporting.publish()).behind_seconds < 30


async def test_adding_up_goes_by_the_keys_also_with_a_plan_from_when_there_was_nothing(reporting, build) -> None:
    async with reporting.database.own_connection() as connection:
        await connection.execute("set plan_cache_mode = force_generic_plan")
        await connection.execute(f"prepare adding (text[]) as {_SUMS_OF}")
        await connection.execute("execute adding ('{}')")
        await reporting.hears(*(build.unit() for _ in range(200)))
        await reporting.publishes()
        await reporting.execute("insert into parked_units values ('no unit', 'capacity.units.v1')")

        read = await rows_read(connection, "execute adding ('{beds/NL/NL/VVT/ELV_HOOG/GEEN}')", "contributions")

    assert read <= 2, "the oldest and the newest"


async def test_while_an_event_of_a_unit_is_parked_its_figures_are_incomplete(reporting, build) -> None:
    unit_id = uuid4()
    await reporting.hears(build.unit(unit_id), build.unit(vr="VR20", roaz="BR"))
    await reporting.parks(unit_id)
    await reporting.publishes()

    said = await reporting.said()
    assert [key for key, figure in sorted(said.items()) if figure["incomplete"]] == [
        "beds/NL/NL/VVT/ELV_HOOG/GEEN",
        "beds/ROAZ/NN/VVT/ELV_HOOG/GEEN",
        "beds/VR/VR03/VVT/ELV_HOOG/GEEN",
    ]

    await reporting.parks(unit_id, is_parked=False)
    assert (await reporting.figure())["incomplete"] is False


async def test_a_change_lost_from_the_country_is_found_by_the_recount(reporting, build) -> None:
    await reporting.hears(build.unit(), build.unit())
    await reporting.publishes()

    await reporting.execute("update partials set free = free - 1 where figure = 'beds/NL/NL/VVT/ELV_HOOG/GEEN' and units > 0")

    assert await reporting.recount() == ["beds/NL/NL/VVT/ELV_HOOG/GEEN"]


async def test_a_figure_that_was_changed_and_never_said_is_found_by_the_recount(reporting, build) -> None:
    unit_id = uuid4()
    await reporting.hears(build.unit(unit_id))
    await reporting.publishes()
    await reporting.hears(build.unit(unit_id, free=1))

    await reporting.execute("delete from dirty")

    assert len(await reporting.recount()) == 3


async def test_figures_that_differ_from_their_units_make_reporting_not_ready(reporting, build) -> None:
    health = ReportingHealth(reporting.database, has_relay=False)
    await reporting.hears(build.unit())
    await reporting.publishes()
    await reporting.recount()
    assert (await health.ready()).is_ready

    await reporting.execute("update partials set free = free - 1")
    await reporting.recount()

    assert not (await health.ready()).is_ready
