"""A figure too old to trust becomes unknown by itself."""

from datetime import UTC, datetime, timedelta

import pytest


async def test_a_figure_past_its_age_limit_becomes_unknown_and_everyone_is_told(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)

    await capacity.later(hours=12, seconds=1)
    assert await capacity.figures(unit_id) == (None,) * 5
    await capacity.timers_go_off()

    last = (await capacity.published("capacity.units.v1", unit_id))[-1]
    assert (last["occupied"], last["free"], last["source"], last["fresh_until"]) == (None, None, None, None)
    assert await capacity.rows("select from timers") == []


async def test_a_figure_that_was_refreshed_meanwhile_stays(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    await capacity.later(hours=11)
    await capacity.report(unit_id, occupied=8)
    told = len(await capacity.published("capacity.units.v1", unit_id))

    await capacity.later(hours=2)
    await capacity.timers_go_off()

    assert (await capacity.figures(unit_id))[2] == 8
    assert len(await capacity.published("capacity.units.v1", unit_id)) == told
    await capacity.later(hours=11)
    await capacity.timers_go_off()
    assert await capacity.figures(unit_id) == (None,) * 5
    assert len(await capacity.published("capacity.units.v1", unit_id)) == told + 1


async def test_a_partial_report_refreshes_only_what_it_states(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    await capacity.later(hours=6)
    await capacity.report(unit_id, total=..., open=..., reserved=..., occupied=8)

    await capacity.later(hours=7)
    await capacity.timers_go_off()

    assert await capacity.figures(unit_id) == (None, None, 8, None, None)


async def test_when_the_first_source_falls_silent_the_next_one_shows(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, source="EPD", occupied=5)
    await capacity.later(hours=6)
    await capacity.report(unit_id, source="TELEFOON", occupied=8)
    assert (await capacity.shown(unit_id))["conflict"]

    await capacity.later(hours=7)
    await capacity.timers_go_off()

    shown = await capacity.shown(unit_id)
    assert (shown["source"], shown["occupied"], shown["conflict"]) == ("TELEFOON", 8, False)


@pytest.mark.parametrize(
    ("sector", "care_type", "hours"),
    [
        ("ZIEKENHUIS", "IC", 1),
        ("VVT", "KLINIEK", 1),
        ("VVT", "GGZ_CRISIS", 4),
        ("TIJDELIJKE_LOCATIE", "ELV_HOOG", 4),
        ("VVT", "GRZ", 12),
        ("GHZ", "GRZ", 24),
    ],
)
async def test_the_age_limit_goes_by_care_type_and_then_by_sector(capacity, sector, care_type, hours):
    unit_id = await capacity.unit(await capacity.location(sector=sector), care_type=care_type)
    await capacity.report(unit_id)

    shown = await capacity.shown(unit_id)

    assert shown["age_limit_seconds"] == hours * 3600
    left = datetime.fromisoformat(shown["fresh_until"]) - datetime.now(UTC)
    assert abs(left - timedelta(hours=hours)) < timedelta(minutes=1)
