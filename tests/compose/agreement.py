"""Everything that was accepted counts once, everywhere one can look; told from what went in, on a system where others have been before."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from chassis.testing.waiting import eventually
from tests.e2e.busy_day import BusyDay
from tests.e2e.checker import CHECKS, Evidence, counters_equal_rows, never_given_twice
from tests.e2e.kafka_log import faults_in_order, last_of_each_key
from tests.e2e.oracle import FIELDS
from tests.e2e.running import assert_same, compared, figure_key

from .commands import compose
from .deployment import SERVICES, Deployment
from .screens import Screens

_SUMMED = (*FIELDS, "free", "available")
_PLACEMENT_TOPICS = ("triage.cases.v1", "placement.placements.v1", "placement.holds.v1")
_CAPACITY_TOPICS = ("capacity.units.v1", "capacity.observations.v1", "capacity.flows.v1")


@dataclass(frozen=True)
class Count:
    """What became of everything that was accepted."""

    accepted: int
    lost: int
    doubled: int
    given_twice: int

    def __str__(self) -> str:
        return f"{self.accepted} accepted: {self.lost} lost, {self.doubled} doubled, {self.given_twice} places given twice"


async def counted(deployment: Deployment, day: BusyDay | None = None) -> Count:
    """Wait until all has gone through, and count; what is wrong beside the count is a failure."""
    await deployment.settled()
    await eventually(lambda: _board_is_right(deployment), timeout=30, every=1)
    await eventually(lambda: _national_is_the_sum_of_the_board(deployment), timeout=30, every=1)
    await eventually(lambda: _feed_is_right(deployment), timeout=30, every=1)
    await deployment.read_topics()

    told: Counter[object] = Counter()
    observed = {seen.id: seen.json for seen in await deployment.records("capacity.observations.v1")}
    told.update((UUID(said["report_id"]), said["revision"]) for said in observed.values())
    flows = {seen.id: seen.json for seen in await deployment.records("capacity.flows.v1")}
    told.update(UUID(flow["flow_id"]) for flow in flows.values())
    accepted: list[object] = [*deployment.oracle.reports, *deployment.oracle.admissions]
    given_twice: list[str] = []
    if day is not None:
        evidence = await _of_ours(deployment, day)
        told.update(_told_of_patients(evidence.cases, evidence.placements))
        accepted += [(done.fact, done.subject) for done in day.done]
        given_twice = list(never_given_twice(evidence))
        found = [*_faults(evidence), *day.surprises]
        assert not found, "\n".join(found[:20])
    count = Count(
        accepted=len(accepted),
        lost=sum(told[fact] == 0 for fact in accepted),
        doubled=sum(told[fact] > 1 for fact in accepted),
        given_twice=len(given_twice),
    )
    await _nobody_differs(deployment)
    return count


def _told_of_patients(*topics: Iterable[Any]) -> Counter[object]:
    once = {seen.id: seen for records in topics for seen in records}
    facts: Counter[object] = Counter()
    for seen in once.values():
        said, fact = seen.json, seen.headers["ce_type"].split(".")[-2]
        facts.update({(fact, UUID(said[name])) for name in ("offer_id", "case_id") if said.get(name)})
    return facts


async def _of_ours(deployment: Deployment, day: BusyDay) -> Evidence:
    """Of our patients everything, of units only those that began with us."""
    evidence = await day.evidence(deployment)
    ours = evidence.of({done.subject for done in day.done if done.fact == "case-registered"})
    return replace(
        ours,
        units=[row for row in ours.units if row["unit_id"] in ours.places],
        holds=[seen for seen in ours.holds if UUID(seen.key) in ours.places],
        offers_elsewhere=[row for row in ours.offers_elsewhere if row["unit_id"] in ours.places],
    )


def _faults(evidence: Evidence) -> list[str]:
    # Placement itself may offer a patient of ours to a unit of others, whose counts begin before us.
    at_our_units = replace(evidence, offers=[row for row in evidence.offers if row["unit_id"] in evidence.places])
    return [fault for check in CHECKS for fault in check(at_our_units if check is counters_equal_rows else evidence)]


async def _board_is_right(deployment: Deployment) -> bool:
    """Every ward stands on the board as a recount of what it said has it."""
    board = {UUID(item["unit_id"]): item for item in await _board(deployment)}
    expected = deployment.oracle.shown(datetime.now(UTC))
    names = (*FIELDS, "free")
    assert_same(
        {ward: {name: board[ward][name] for name in names} for ward in expected},
        {ward: {name: shown[name] for name in names} for ward, shown in expected.items()},
    )
    return True


async def _national_is_the_sum_of_the_board(deployment: Deployment) -> bool:
    """Every figure is what its units add up to, whoever registered them."""
    sums: dict[str, dict[str, Any]] = defaultdict(lambda: {**dict.fromkeys(_SUMMED), "held": 0, "units": 0, "units_known": 0})
    for item in await _board(deployment):
        for level, region in (("NL", "NL"), ("ROAZ", item["roaz"]), ("VR", item["vr"])):
            figure = sums[f"beds/{level}/{region}/{item['sector']}/{item['care_type']}/{item['cohort']}"]
            for name in _SUMMED:
                if item[name] is not None:
                    figure[name] = (figure[name] or 0) + item[name]
            figure["held"] += item["held"]
            figure["units"] += 1
            figure["units_known"] += item["free"] is not None
    national = await deployment.national()
    # A figure of which the last unit has moved elsewhere is said as 0.
    told = {key: {name: figure[name] for name in (*_SUMMED, "held", "units", "units_known")} for key, figure in national.items()}
    assert_same({key: figure for key, figure in told.items() if figure["units"] or key in sums}, dict(sums))
    return True


async def _board(deployment: Deployment) -> list[dict[str, Any]]:
    answer = await deployment.get("/capacity/v1/board")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


async def _feed_is_right(deployment: Deployment) -> bool:
    """LCPS is told of each day what it was told before and what came since."""
    said = await deployment.feed_now()
    for day in deployment.oracle.days():
        written = _written(day)
        before = deployment.feed_before.get(written, {})
        expected = {name: _added(before.get(name, ""), more) for name, more in deployment.oracle.feed(day).items()}
        assert_same(said[written], expected)
    return True


def _written(day: date) -> str:
    return f"{day.day}-{day.month}-{day.year}"


def _added(before: str, more: str) -> str:
    return str(int(before or 0) + int(more or 0)) if before or more else ""


async def _nobody_differs(deployment: Deployment) -> None:
    """Topics are in order, nothing was parked, and the services' own recounts agree."""
    wards = deployment.oracle.wards.values()
    ours = {str(ward.unit_id) for ward in wards} | {str(ward.location_id) for ward in wards}
    for topic in _CAPACITY_TOPICS:
        records = [seen for seen in await deployment.records(topic) if seen.key in ours]
        assert faults_in_order(records) == [], topic
    for service in SERVICES:
        assert await deployment.records(f"{service}.parked.v1") == [], f"{service} has parked something"
    national = await deployment.national()
    figures = last_of_each_key(await deployment.records("reporting.national.v1"))
    published = {key: compared(seen.json) for key, seen in figures.items() if key.startswith("beds/")}
    assert_same(published, {key: national[key] for key in published})
    assert await compose("exec", "--no-TTY", "reporting-worker", "python", "-m", "reporting", "recount") == "equal\n"
    await compose("exec", "--no-TTY", "placement-worker", "python", "-m", "placement", "audit")


async def screens_are_right(deployment: Deployment, screens: Screens) -> None:
    """Whoever looked all the time has before them what somebody sees who comes now."""
    national, board = screens.national, screens.board

    async def agree() -> bool:
        now = (await deployment.get("/reporting/v1/national")).json()["items"]
        assert_same(national.picture, {figure_key(item): item for item in now})
        assert_same(board.picture, {str(item["id"]): item for item in await _board(deployment)})
        return True

    await eventually(agree, timeout=15, every=1)
