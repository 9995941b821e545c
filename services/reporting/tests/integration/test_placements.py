"""What placement did is counted on its local day, where the unit was, and shown without small numbers of patients."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from reporting.domain.figure import Wanted
from reporting.domain.placements import What

NOON = datetime(2026, 1, 15, 11, tzinfo=UTC)
DAY = date(2026, 1, 15)
LCPS = Caller("someone", Role.LCPS)


async def told(reporting, day: date = DAY, level: str = "NL", **wanted):
    return [one.told for one in await reporting.read_placements(Wanted(level, **wanted), day, day, LCPS)]


async def test_a_day_says_what_became_of_its_offers(reporting, build) -> None:
    placed = build.placed
    await reporting.places(
        *(placed.offered(NOON) for _ in range(7)),
        placed.declined(NOON, "VOL"),
        placed.declined(NOON, "VOL"),
        placed.declined(NOON, "UITBRAAK"),
        placed.ended(NOON, "EXPIRED", due_at=NOON),
        placed.ended(NOON, "WITHDRAWN"),
        placed.accepted(NOON, after=timedelta(minutes=10)),
        placed.accepted(NOON, after=timedelta(minutes=20)),
        placed.admitted(NOON),
        placed.released(NOON),
    )

    (country,) = await told(reporting)

    assert {what: country.count(what) for what in What} == {
        What.OFFERED: 7,
        What.ACCEPTED: 2,
        What.DECLINED: 3,
        What.EXPIRED: 1,
        What.WITHDRAWN: 1,
        What.ADMITTED: 1,
        What.RELEASED: 1,
    }
    assert country.declined_by_reason == {"UITBRAAK": 1, "VOL": 2}
    assert country.mean_seconds_to_place == 900


async def test_a_day_goes_on_in_the_next_batch_and_on_other_partitions(reporting, build) -> None:
    for partition in (0, 1, 0):
        await reporting.places(build.placed.accepted(NOON, after=timedelta(seconds=60 * (partition + 1))), partition=partition)

    (country,) = await told(reporting)

    assert (country.count(What.ACCEPTED), country.mean_seconds_to_place) == (3, 80)


async def test_what_happens_counts_in_the_country_the_roaz_and_the_vr_and_regions_add_up(reporting, build) -> None:
    await reporting.places(
        build.placed.offered(NOON),
        build.placed.offered(NOON, vr="VR20", roaz="BR"),
        build.placed.offered(NOON, vr="VR03", roaz="ONBEKEND"),
        build.placed.offered(NOON, vr="VR99", roaz="XX"),
    )

    for level, expected in {
        "NL": {"NL": 4},
        "ROAZ": {"BR": 1, "NN": 1, "ONBEKEND": 2},
        "VR": {"ONBEKEND": 1, "VR03": 2, "VR20": 1},
    }.items():
        assert {one.figure.region: one.count(What.OFFERED) for one in await told(reporting, level=level)} == expected


async def test_sectors_care_types_and_cohorts_are_figures_of_their_own(reporting, build) -> None:
    await reporting.places(build.placed.offered(NOON), build.placed.offered(NOON, cohort="COVID_POS"))

    assert len(await told(reporting)) == 2
    assert len(await told(reporting, cohort="COVID_POS")) == 1


@pytest.mark.parametrize(
    ("at", "day"),
    [
        # Amsterdam is an hour ahead in winter and two in summer.
        (datetime(2026, 1, 14, 22, 59, 59, tzinfo=UTC), date(2026, 1, 14)),
        (datetime(2026, 1, 14, 23, tzinfo=UTC), date(2026, 1, 15)),
        # The day of 23 hours, and the one of 25.
        (datetime(2026, 3, 28, 23, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
        (datetime(2026, 3, 29, 22, tzinfo=UTC), date(2026, 3, 30)),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
async def test_what_happens_counts_on_its_local_day_also_when_the_clocks_change(reporting, build, at: datetime, day: date) -> None:
    placed = build.placed
    await reporting.places(
        placed.offered(at),
        placed.accepted(at),
        placed.declined(at),
        placed.ended(at, "WITHDRAWN"),
        placed.admitted(at),
        placed.released(at),
    )

    around = [one.told for one in await reporting.read_placements(Wanted("NL"), day - timedelta(days=1), day + timedelta(days=1), LCPS)]

    assert [one.day for one in around] == [day]
    assert sum(around[0].counts.values()) == 6


async def test_the_time_to_place_counts_real_hours_across_a_change_of_clocks(reporting, build) -> None:
    # Asked at 1 o'clock, accepted at 4 o'clock on the watch: two hours, for the clock skipped one.
    await reporting.places(build.placed.accepted(datetime(2026, 3, 29, 2, tzinfo=UTC), after=timedelta(hours=2)))

    (country,) = await told(reporting, date(2026, 3, 29))

    assert country.mean_seconds_to_place == 7_200


async def test_an_answer_that_failed_to_come_counts_on_the_day_it_was_due_although_the_timer_fired_after_midnight(reporting, build) -> None:
    due = datetime(2026, 1, 15, 22, 59, tzinfo=UTC)
    await reporting.places(build.placed.ended(due + timedelta(minutes=5), "EXPIRED", due_at=due))

    assert len(await told(reporting, DAY)) == 1
    assert await told(reporting, DAY + timedelta(days=1)) == []


async def test_a_reason_that_we_do_not_know_counts_as_unknown(reporting, build) -> None:
    await reporting.places(build.placed.declined(NOON, "VERDWAALD"), build.placed.declined(NOON, "KWIJT"))

    (country,) = await told(reporting)

    assert country.declined_by_reason == {"ONBEKEND": 2}


async def test_without_days_today_is_shown_by_the_clock_of_the_database(reporting, build) -> None:
    now = datetime.now(UTC)
    await reporting.places(build.placed.offered(now), build.placed.offered(now + timedelta(days=2)))

    assert len(await reporting.read_placements(Wanted("NL"), None, None, LCPS)) == 1
    await reporting.later(2 * 86_400)
    assert len(await reporting.read_placements(Wanted("NL"), None, None, LCPS)) == 1
    assert len(await reporting.read_placements(Wanted("NL"), (now - timedelta(days=1)).date(), None, LCPS)) == 2


@pytest.mark.parametrize(("first", "last"), [(DAY, DAY - timedelta(days=1)), (DAY - timedelta(days=31), DAY)])
async def test_days_that_run_backwards_or_are_too_many_are_refused(reporting, first: date, last: date) -> None:
    with pytest.raises(Rejected):
        await reporting.read_placements(Wanted(), first, last, LCPS)


async def small_in_two_regions(reporting, build) -> None:
    """Accepted: 3 in VR03 and 57 in VR20; declined beside them."""
    accepted = build.placed.accepted
    await reporting.places(
        *(accepted(NOON) for _ in range(3)), *(accepted(NOON, vr="VR20", roaz="BR") for _ in range(57)), build.placed.declined(NOON)
    )


async def withheld_from(reporting, role: str, region: str | None = None) -> set[str]:
    read = await reporting.read_placements(Wanted(), DAY, DAY, Caller("someone", Role(role), region=region))
    return {one.told.figure.region for one in read if one.is_withheld}


@pytest.mark.parametrize("role", ["visitor", "analyst", "vws", "auditor"])
async def test_no_count_of_one_to_four_patients_is_shown_and_none_to_work_it_out_from(reporting, build, role: str) -> None:
    await small_in_two_regions(reporting, build)

    # The country as well: who works in VR20 knows the 57 of it.
    assert await withheld_from(reporting, role, "VR03") == {"NL", "NN", "BR", "VR03", "VR20"}


@pytest.mark.parametrize("role", ["lcps", "admin"])
async def test_who_moves_patients_through_the_country_sees_all_counts(reporting, build, role: str) -> None:
    await small_in_two_regions(reporting, build)

    assert await withheld_from(reporting, role) == set()


@pytest.mark.parametrize(
    ("role", "region", "seen"),
    [
        ("coordinator", "VR03", {"VR03"}),
        ("dpg", "VR20", {"VR20"}),
        # VR03 lies in two ROAZ regions: some of its patients are not NN's. VR20 lies in BR whole.
        ("roaz", "NN", {"NN"}),
        ("rcps", "BR", {"BR", "VR20"}),
        ("coordinator", None, set()),
        ("roaz", "ONBEKEND", set()),
        ("coordinator", "NL", set()),
    ],
)
async def test_who_works_in_a_region_sees_the_small_counts_of_that_region_only(
    reporting, build, role: str, region: str | None, seen
) -> None:
    await small_in_two_regions(reporting, build)

    assert await withheld_from(reporting, role, region) == {"NL", "NN", "BR", "VR03", "VR20"} - seen


async def test_what_was_withheld_does_not_depend_on_the_region_that_was_asked_for(reporting, build) -> None:
    await small_in_two_regions(reporting, build)

    (one,) = await reporting.read_placements(Wanted(region="VR20"), DAY, DAY, Caller("someone", Role.ANALYST))

    assert one.is_withheld


@pytest.mark.parametrize("patients", [0, 5])
async def test_where_no_count_is_small_nothing_is_withheld(reporting, build, patients: int) -> None:
    await reporting.places(build.placed.declined(NOON), *(build.placed.accepted(NOON) for _ in range(patients)))

    assert await withheld_from(reporting, "analyst") == set()


@pytest.mark.parametrize("patients", ["accepted", "admitted", "released"])
async def test_each_count_of_patients_can_be_too_small_and_each_day_and_cohort_is_judged_by_itself(reporting, build, patients: str) -> None:
    other_day, happened = NOON + timedelta(days=1), getattr(build.placed, patients)
    await reporting.places(
        happened(NOON), *(happened(NOON, cohort="COVID_POS") for _ in range(5)), *(happened(other_day) for _ in range(5))
    )

    read = await reporting.read_placements(Wanted("NL"), DAY, other_day.date(), Caller("someone", Role.ANALYST))

    assert {(one.told.day, str(one.told.figure.cohort)): one.is_withheld for one in read} == {
        (DAY, "GEEN"): True,
        (DAY, "COVID_POS"): False,
        (other_day.date(), "GEEN"): False,
    }
