"""What the country sends on a simulated day."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.capacity import ReportV1
from contracts.codes import Sector, Source
from simulator.day import Day, Sitting, addressed, kafka_organisations
from simulator.providers_on_kafka import headers
from simulator.world import World, build

START = datetime(2026, 3, 4, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> World:
    return build(7)


@pytest.fixture(scope="module")
def hour(world: World) -> Sequence[Sitting]:
    return list(Day(world, 1.0, START).stream(START + timedelta(hours=1)))


def test_the_same_seed_gives_the_same_stream(world: World) -> None:
    until = START + timedelta(minutes=3)

    assert list(Day(world, 1.0, START).stream(until)) == list(Day(build(7), 1.0, START).stream(until))


def test_there_are_20_to_40_events_a_second_at_speed_1_and_more_when_asked(world: World, hour: Sequence[Sitting]) -> None:
    faster = list(Day(world, 8.0, START).stream(START + timedelta(minutes=2)))

    assert 20 <= events(hour) / 3600 <= 40
    assert 7 <= (events(faster) / 120) / (events(hour) / 3600) <= 9


def test_every_hospital_that_reports_does_so_well_within_its_hour(world: World, hour: Sequence[Sitting]) -> None:
    times: dict[str, list[datetime]] = defaultdict(list)
    for sitting in hour:
        if sitting.location.sector is Sector.ZIEKENHUIS:
            times[sitting.location.external_id].append(sitting.at)

    assert len(times) == 73
    assert all(later - earlier < timedelta(minutes=6) for at in times.values() for earlier, later in itertools.pairwise(at))


@pytest.mark.parametrize("speed", [0.01, 1.0])
def test_no_planner_lets_its_figures_grow_older_than_twelve_hours(world: World, speed: float) -> None:
    planners = tuple(home for home in world.nursing_homes if home.source is Source.PLANNER)[:150]
    day = Day(World(seed=7, hospitals=(), nursing_homes=planners), speed, START)
    last = {str(report["unit"]): datetime.fromisoformat(str(report["observed_at"])) for report in day.first_reports()}
    heard = set()
    for sitting in day.stream(START + timedelta(hours=24)):
        for unit in (str(report["unit"]) for report in sitting.lone):
            assert sitting.at - last[unit] < timedelta(hours=12)
            last[unit] = sitting.at
            heard.add(unit)

    assert len(heard) > 300


def test_what_is_reported_is_possible_but_for_the_few_that_cannot_be_true(world: World, hour: Sequence[Sitting]) -> None:
    reports = [*Day(world, 1.0, START).first_reports(), *(report for sitting in hour for report in (*sitting.reports, *sitting.lone))]
    impossible = [report for report in reports if not is_possible(report)]

    assert all(source(report) == "PLANNER" for report in impossible)
    assert 5 <= len(impossible) < len(reports) / 500


def test_a_list_never_holds_an_impossible_report(hour: Sequence[Sitting]) -> None:
    # It would be refused whole, and with it the reports of the other units.
    assert all(is_possible(report) for sitting in hour for report in sitting.reports)


def test_the_first_reports_leave_out_those_who_never_began(world: World) -> None:
    reported = {str(report["unit"]) for report in Day(world, 1.0, START).first_reports()}
    silent = [unit for _, unit in world.units() if unit.external_id not in reported]

    assert 0 < len(silent) < 200


def test_some_homes_stopped_reporting_long_enough_ago_to_be_unknown(world: World) -> None:
    ages = [START - datetime.fromisoformat(str(report["observed_at"])) for report in Day(world, 1.0, START).first_reports()]

    assert 50 < sum(age > timedelta(hours=12) for age in ages) < 400


def test_there_are_half_reports_phone_calls_corrections_and_reports_sent_twice(hour: Sequence[Sitting]) -> None:
    assert any("total" not in report for sitting in hour for report in sitting.reports)
    assert any(source(report) == "TELEFOON" for sitting in hour for report in sitting.lone)
    assert any(report.get("revision") == 1 for sitting in hour for report in sitting.lone)
    assert any(sitting.is_twice for sitting in hour)


def test_a_report_or_flow_is_told_once_unless_it_is_a_correction(hour: Sequence[Sitting]) -> None:
    reports = Counter((report["report_id"], report.get("revision", 0)) for sitting in hour for report in (*sitting.reports, *sitting.lone))
    flows = Counter(flow["flow_id"] for sitting in hour for flow in sitting.flows)

    assert max(reports.values()) == 1
    assert max(flows.values()) == 1


def test_after_a_restart_nothing_is_told_otherwise_under_the_same_id(world: World, hour: Sequence[Sitting]) -> None:
    told = {
        report["report_id"]: report for sitting in hour for report in (*sitting.reports, *sitting.lone) if report.get("revision", 0) == 0
    }
    flows = {flow["flow_id"]: flow for sitting in hour for flow in sitting.flows}

    restarted = Day(world, 1.0, START + timedelta(minutes=59))
    again = [report for report in restarted.first_reports() if report["report_id"] in told]
    flows_again = [flow for flow in restarted.first_flows(START) if flow["flow_id"] in flows]

    assert len(again) > 1_000
    assert all(told[report["report_id"]] == report for report in again)
    assert len(flows_again) > 100
    assert all(flows[flow["flow_id"]] == flow for flow in flows_again)


def test_flows_happened_before_the_sitting_and_fit_what_it_reports(world: World) -> None:
    day = Day(world, 1.0, START)
    occupied = {str(report["unit"]): int(str(report["occupied"])) for report in day.first_reports()}
    told_at = {str(report["unit"]): datetime.fromisoformat(str(report["observed_at"])) for report in day.first_reports()}
    changes: Counter[str] = Counter()
    for flow in day.first_flows(START - timedelta(hours=1)):
        if datetime.fromisoformat(str(flow["occurred_at"])) > told_at[str(flow["unit"])]:
            changes[str(flow["unit"])] += CHANGE[str(flow["kind"])]
    compared = 0
    for sitting in day.stream(START + timedelta(minutes=20)):
        for flow in sitting.flows:
            assert datetime.fromisoformat(str(flow["occurred_at"])) <= sitting.at
            changes[str(flow["unit"])] += CHANGE[str(flow["kind"])]
        for report in sitting.reports:
            unit = str(report["unit"])
            # Who leaves intensive care is told of as a transfer into the ward, so its own flows do not tell all.
            if "/IC/" not in unit:
                assert int(str(report["occupied"])) == occupied[unit] + changes.pop(unit, 0)
                compared += 1
            occupied[unit] = int(str(report["occupied"]))

    assert compared > 20_000


def test_a_provider_that_missed_sittings_tells_how_it_stands_now_and_all_flows_since(world: World) -> None:
    on_time, late = Day(world, 1.0, START), Day(world, 1.0, START)
    until = START + timedelta(minutes=30)
    all_flows = {flow["flow_id"] for sitting in on_time.stream(until) for flow in sitting.flows}

    sittings = list(late.due(until))

    assert len({sitting.location.external_id for sitting in sittings}) == len(sittings)
    assert {flow["flow_id"] for sitting in sittings for flow in sitting.flows} == all_flows


def test_some_organisations_put_their_reports_on_kafka(world: World) -> None:
    organisations = kafka_organisations(world)

    assert len(organisations) == 3
    assert all(home.source is Source.ECD for home in world.nursing_homes if home.organisation in organisations)


def test_a_report_on_kafka_names_its_provider_and_carries_its_token(hour: Sequence[Sitting]) -> None:
    report = next(report for sitting in hour for report in sitting.reports)
    event = ReportV1.model_validate(addressed(report, {str(report["unit"]): UUID(int=5)}))

    named = dict(headers(event, "zorggroep-x", "secret"))

    assert named["ce_source"] == b"urn:nl:zorgcoordinatie:provider:zorggroep-x"
    assert named["ce_type"] == b"nl.zorgcoordinatie.capacity.report.v1"
    assert named["authorization"] == b"Bearer secret"
    assert event.unit_id == UUID(int=5)


def events(sittings: Sequence[Sitting]) -> int:
    return sum(len(sitting.reports) + len(sitting.lone) + len(sitting.flows) for sitting in sittings)


def source(report: dict[str, Any]) -> str:
    return str(report["source"])


def is_possible(report: dict[str, Any]) -> bool:
    if "total" not in report:
        return int(report["occupied"]) >= 0
    return 0 <= int(report["occupied"]) + int(report["reserved"]) <= int(report["open"]) <= int(report["total"])


# How a flow changes the unit that it names; a transfer is counted by the ward's own figures.
CHANGE = {"SEH_AANKOMST": 1, "OPNAME": 1, "ONTSLAG": -1, "ONTSLAGGEREED": 0, "OVERPLAATSING": 0}
