from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from chassis.errors import Rejected

NOON = datetime(2020, 10, 17, 10, tzinfo=UTC)
DAY = date(2020, 10, 17)
COVID_IC = {"care_type": "IC", "cohort": "COVID_POS"}
OTHER_IC = {"care_type": "IC", "cohort": "GEEN"}


async def cells(reporting, day: date = DAY) -> dict[str, int | None]:
    await reporting.restates()
    told = (await reporting.read_feed(day, day)).told
    return {} if day not in told else {name: getattr(told[day].cells, name) for name in told[day].cells.__slots__}


async def ward(reporting, day: date = DAY) -> int | None:
    return (await cells(reporting, day)).get("ward_beds_covid")


async def test_each_figure_stands_in_its_own_column(reporting, build) -> None:
    await reporting.observes(
        build.observation(uuid4(), NOON, 352, **COVID_IC),
        build.observation(uuid4(), NOON, 490, **OTHER_IC),
        build.observation(uuid4(), NOON, 2, care_type="IC", cohort="COVID_VERDACHT"),
        build.observation(uuid4(), NOON, 1216),
    )
    await reporting.admits(build.admission(42, NOON, **COVID_IC), build.admission(216, NOON))

    assert await cells(reporting) == {
        "ic_beds_covid": 352,
        "ic_beds_non_covid": 492,
        "ward_beds_covid": 1216,
        "ic_admissions_covid": 42,
        "ward_admissions_covid": 216,
    }


async def test_what_is_no_hospital_or_no_admission_stands_nowhere(reporting, build) -> None:
    await reporting.observes(
        build.observation(uuid4(), NOON, 5, sector="VVT"),
        build.observation(uuid4(), NOON, 5, cohort="GEEN"),
        build.observation(uuid4(), NOON, None, stated=("total",), total=9),
    )
    await reporting.admits(
        build.admission(3, NOON, kind="OVERPLAATSING"), build.admission(3, NOON, sector="VVT"), build.admission(3, NOON, **OTHER_IC)
    )

    assert await cells(reporting) == {}


async def test_the_newest_observation_of_the_day_counts_whatever_order_they_come_in(reporting, build) -> None:
    unit = uuid4()
    await reporting.observes(build.observation(unit, NOON + timedelta(hours=2), 7))
    await reporting.observes(build.observation(unit, NOON, 9))

    assert await ward(reporting) == 7


async def test_at_one_instant_the_lowest_availability_counts_and_unknown_is_lowest_then_the_greater_id(reporting, build) -> None:
    unit, stated = uuid4(), ("open", "occupied", "reserved")
    await reporting.observes(
        build.observation(unit, NOON, 6, stated=stated, open=10, reserved=0, report_id=UUID(int=9)),
        build.observation(unit, NOON, 8, stated=stated, open=10, reserved=0, report_id=UUID(int=1)),
    )
    assert await ward(reporting) == 8

    await reporting.observes(
        build.observation(unit, NOON, 3, report_id=UUID(int=2)), build.observation(unit, NOON, 4, report_id=UUID(int=3))
    )
    assert await ward(reporting) == 4


async def test_a_correction_counts_in_place_of_what_it_corrects_also_when_it_comes_first(reporting, build) -> None:
    unit, report = uuid4(), uuid4()
    await reporting.observes(build.observation(unit, NOON, 12, report_id=report, revision=1))
    await reporting.observes(build.observation(unit, NOON, 21, report_id=report, revision=0))

    assert await ward(reporting) == 12


async def test_a_report_that_is_taken_back_leaves_the_earlier_one_and_then_an_empty_cell(reporting, build) -> None:
    unit, early, late = uuid4(), uuid4(), uuid4()
    await reporting.observes(
        build.observation(unit, NOON, 5, report_id=early), build.observation(unit, NOON + timedelta(hours=1), 6, report_id=late)
    )
    assert await ward(reporting) == 6

    await reporting.observes(
        build.observation(unit, NOON + timedelta(hours=1), None, report_id=late, revision=1, retracted=True, stated=())
    )
    assert await ward(reporting) == 5

    await reporting.observes(build.observation(unit, NOON, None, report_id=early, revision=1, stated=("total",), total=4))
    assert await ward(reporting) is None


async def test_what_was_taken_back_before_it_came_never_counts(reporting, build) -> None:
    unit, report, flow = uuid4(), uuid4(), uuid4()
    await reporting.observes(build.observation(unit, NOON, None, report_id=report, revision=1, retracted=True, stated=()))
    await reporting.observes(build.observation(unit, NOON, 21, report_id=report))
    await reporting.admits(build.admission(3, NOON, flow_id=flow, revision=1, retracted=True))
    await reporting.admits(build.admission(3, NOON, flow_id=flow))

    assert await ward(reporting) is None
    assert (await cells(reporting)).get("ward_admissions_covid") is None


async def test_a_correction_to_another_day_leaves_the_first_day_and_counts_on_the_second(reporting, build) -> None:
    unit, report = uuid4(), uuid4()
    await reporting.observes(build.observation(unit, NOON, 5, report_id=report))
    await reporting.observes(build.observation(unit, NOON + timedelta(days=1), 5, report_id=report, revision=1))

    assert await ward(reporting) is None
    assert await ward(reporting, DAY + timedelta(days=1)) == 5


async def test_a_flow_counts_once_and_by_its_highest_revision(reporting, build) -> None:
    flow = uuid4()
    await reporting.admits(build.admission(3, NOON, flow_id=flow))
    await reporting.admits(build.admission(3, NOON, flow_id=flow))
    await reporting.admits(build.admission(5, NOON + timedelta(days=1), flow_id=flow, revision=1), build.admission(0, NOON))

    assert (await cells(reporting))["ward_admissions_covid"] == 0, "0 says that there were none"
    assert (await cells(reporting, DAY + timedelta(days=1)))["ward_admissions_covid"] == 5


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2021, 3, 27, 22, 59, 59, tzinfo=UTC), date(2021, 3, 27)),
        (datetime(2021, 3, 27, 23, 0, tzinfo=UTC), date(2021, 3, 28)),
        (datetime(2021, 3, 28, 21, 59, 59, tzinfo=UTC), date(2021, 3, 28)),
        (datetime(2021, 3, 28, 22, 0, tzinfo=UTC), date(2021, 3, 29)),
        (datetime(2020, 10, 24, 22, 0, tzinfo=UTC), date(2020, 10, 25)),
        (datetime(2020, 10, 25, 22, 59, 59, tzinfo=UTC), date(2020, 10, 25)),
        (datetime(2020, 10, 25, 23, 0, tzinfo=UTC), date(2020, 10, 26)),
    ],
)
async def test_the_day_is_the_local_one_of_23_or_25_hours_when_the_clocks_change(reporting, build, instant, day) -> None:
    await reporting.observes(build.observation(uuid4(), instant, 1))

    assert await ward(reporting, day) == 1


async def test_a_late_fact_says_its_day_anew_and_what_was_said_before_is_kept(reporting, build) -> None:
    unit = uuid4()
    await reporting.observes(build.observation(unit, NOON, 5))
    await reporting.restates()
    await reporting.observes(build.observation(unit, NOON + timedelta(hours=1), 5), build.observation(uuid4(), NOON, 2))
    await reporting.restates()

    async with reporting.database.connection() as connection:
        said = await connection.fetch("select ward_beds_covid, recorded_xid from feed_statements where day = $1 order by id", DAY)
    assert [row["ward_beds_covid"] for row in said] == [5, 7]
    assert said[0]["recorded_xid"] < said[1]["recorded_xid"]


async def test_a_fact_that_changes_nothing_says_nothing(reporting, build) -> None:
    unit = uuid4()
    await reporting.observes(build.observation(unit, NOON, 5))
    assert await reporting.restates() == 1

    await reporting.observes(build.observation(unit, NOON + timedelta(hours=1), 5))

    assert await reporting.restates() == 0


async def test_a_busy_day_is_said_at_once_and_then_at_most_every_second(reporting, build) -> None:
    await reporting.observes(build.observation(uuid4(), NOON, 5))
    assert await reporting.restate() == 1

    await reporting.observes(build.observation(uuid4(), NOON, 6))
    reporting.time += 0.9
    assert await reporting.restate() == 0
    reporting.time += 0.2
    assert await reporting.restate() == 1
    assert await ward(reporting) == 11


async def test_a_sum_with_unknown_units_says_so(reporting, build) -> None:
    here, there, silent = uuid4(), uuid4(), uuid4()
    for unit in (here, there, silent):
        await reporting.hears(
            build.unit(unit, location_id=unit, sector="ZIEKENHUIS", care_type="KLINIEK", cohort="COVID_POS", vr="VR13", roaz="NHF")
        )
    await reporting.observes(build.observation(here, NOON, 5), build.observation(there, NOON, None))
    await reporting.restates()

    read = await reporting.read_feed(DAY, DAY)

    behind = read.told[DAY].coverage["ward_beds_covid"]
    assert read.told[DAY].cells.ward_beds_covid == 5
    assert (behind.hospitals, behind.units, behind.units_known) == (2, 2, 1)
    assert (read.registered["ward_beds_covid"].hospitals, read.registered["ward_beds_covid"].units) == (3, 3)


async def test_without_days_the_feed_gives_thirty_up_to_today_and_never_more_than_400(reporting) -> None:
    days = (await reporting.read_feed(None, None)).days
    assert len(days) == 30
    assert days.last >= datetime.now(UTC).date()

    assert len((await reporting.read_feed(date(2020, 1, 1), date(2021, 2, 3))).days) == 400
    with pytest.raises(Rejected):
        await reporting.read_feed(date(2020, 1, 1), date(2021, 2, 4))
    with pytest.raises(Rejected):
        await reporting.read_feed(date(2020, 1, 2), date(2020, 1, 1))
    assert len((await reporting.read_feed(None, date.min)).days) == 1
