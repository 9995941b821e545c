"""Whoever is on call sees how late the board is, and that it says what its units say."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from prometheus_client import REGISTRY

from chassis.standing.metrics import Standing
from contracts.capacity import UNITS
from contracts.placement import HOLDS
from contracts.reporting import FigureChangedV1
from reporting.application.live_picture import LivePicture, Told
from reporting.application.project_holds import ProjectHolds
from reporting.application.project_units import ProjectUnits
from reporting.entrypoints.health import ReportingHealth


def now() -> datetime:
    return datetime.now(UTC)


def figure(name: str) -> float:
    return REGISTRY.get_sample_value(f"schakel_reporting_{name}") or 0


class Lateness:
    """How many were measured since this was made, and how late they were together."""

    def __init__(self, histogram: str) -> None:
        self._histogram = histogram
        self._before = self._read()

    def _read(self) -> tuple[float, float]:
        return figure(f"{self._histogram}_count"), figure(f"{self._histogram}_sum")

    def since(self) -> tuple[int, float]:
        (count, seconds), (count_before, seconds_before) = self._read(), self._before
        return int(count - count_before), seconds - seconds_before


async def test_a_figure_is_as_late_as_its_oldest_fact_from_when_that_was_recorded(reporting, build) -> None:
    unit = build.unit()
    old = [
        replace(reporting.received(one, UNITS.name, str(one.unit_id)), recorded_at=now() - timedelta(seconds=age))
        for one, age in ((unit, 2), (build.unit(), 30))
    ]
    held = replace(reporting.received(build.holds(unit.unit_id, uuid4()), HOLDS.name, str(unit.unit_id)), recorded_at=now())
    board = Lateness("board_seconds")

    async with reporting.database.begin() as tx:
        await ProjectUnits(reporting.contributions)(tx, old)
    await reporting.publishes()
    figures, seconds = board.since()
    assert figures == 3, "the country, the ROAZ region and the veiligheidsregio"
    assert 3 * 30 <= seconds < 3 * 60

    board = Lateness("board_seconds")
    async with reporting.database.begin() as tx:
        await ProjectHolds(reporting.contributions)(tx, [held])
    await reporting.publishes()
    figures, seconds = board.since()
    assert figures == 3
    assert seconds < 3 * 30


async def test_a_figure_that_only_grew_too_old_is_not_late(reporting, build) -> None:
    await reporting.hears(build.unit(fresh_until=now() + timedelta(hours=1)))
    await reporting.publishes()
    board = Lateness("board_seconds")

    await reporting.later(2 * 3600)
    await reporting.expire()

    assert await reporting.publishes() == 3
    assert board.since() == (0, 0)


async def test_figures_that_differ_from_their_units_are_seen_whichever_process_counted_them(reporting, build) -> None:
    await reporting.hears(build.unit())
    await reporting.publishes()
    await Standing("reporting", ReportingHealth(reporting.database)).show()
    assert figure("recount_age_seconds") == math.inf, "they never were"
    await reporting.recount()
    await Standing("reporting", ReportingHealth(reporting.database)).show()
    assert figure("recount_differences") == 0

    await reporting.execute("update partials set free = free + 1")
    await reporting.recount()
    await reporting.execute("update recounts set counted_at = counted_at - interval '90 seconds'")
    await Standing("reporting", ReportingHealth(reporting.database)).show()
    assert figure("recount_differences") == 3
    assert 90 <= figure("recount_age_seconds") < 120


def test_only_what_was_published_while_this_process_showed_the_picture_counts_as_late() -> None:
    picture = LivePicture()
    picture.begin("topic", 1)
    beds = Told(0, 0, now(), 1, _beds(), now() - timedelta(hours=5))
    shown = Lateness("picture_seconds")

    picture.take([beds])
    assert shown.since() == (0, 0)
    assert 0 <= picture.silent_seconds < 30

    picture.whole()
    picture.take([replace(beds, offset=1, version=2, published_at=now() - timedelta(seconds=4))])
    count, seconds = shown.since()
    assert count == 1
    assert 4 <= seconds < 34


def _beds():
    return FigureChangedV1.model_validate(
        {"level": "NL", "region": "NL", "sector": "VVT", "care_type": "ELV_HOOG", "cohort": "GEEN", "oldest_observed_at": now()}
        | dict.fromkeys(("total", "open", "occupied", "reserved", "free", "held", "available", "units", "units_known"), 1)
    )
