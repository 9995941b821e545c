"""What the ops team may do to the running deployment, and what may happen to it, without anybody who uses it losing anything.

Everybody speaks to the gateway, over TLS, with a token of their own. The order of the tests is that of a day: first that it works, then
that it goes on working.
"""

import asyncio
from itertools import pairwise

from chassis.testing.waiting import eventually
from simulator.client import Api
from simulator.settings import PACKAGED_SERIES
from tests.e2e.busy_day import BusyDay
from tests.e2e.load import Load, fresh_report, report_body
from tests.e2e.patients import NEEDS_A_BED, Region
from tests.e2e.replaying import replay

from .agreement import counted, screens_are_right
from .commands import compose, crashed, rolled, running, scaled, started
from .deployment import SERVICES, Deployment
from .faults import HEADING, Fault, Faults
from .screens import Screens
from .storm import Storm

REPORTS_A_SECOND = 25
CALLS_A_SECOND = 12
"""Between one and two patients: each is about eight calls."""
REFUSED_AT_MOST_SECONDS = 10
BACK_WITHIN_SECONDS = 15
POSTGRES_AWAY_SECONDS = 20

STORM_REPORTS_A_SECOND = 300
STALL_AT_MOST_SECONDS = 5


async def test_a_patient_is_helped_and_the_country_sees_the_place_held_meanwhile(
    deployment: Deployment, people: Region, screens: Screens
) -> None:
    national = screens.national
    home = await people.unit("zorggroep-compose", "ELV_LAAG", places=4, occupied=1)
    await people.known([home])
    await deployment.settled()
    cell = f"beds/NL/NL/VVT/{home.care_type}/GEEN"

    def figures() -> tuple[int, int, int]:
        figure = national.picture[cell]
        return figure["free"], figure["held"], figure["available"]

    free, held, available = figures()
    case = await people.case({"name": "J. de Vries"})
    assert await people.assess(case, NEEDS_A_BED) == "U3"
    await people.ask(case, home.care_type)
    [offer] = await people.offer(case, [home])
    await eventually(lambda: figures() == (free, held + 1, available - 1), timeout=10, what="the place to be held on the national stream")
    await people.board_says(home, within=10, free=3, held=1, available=2)

    accepted = await people.accept(offer)
    assert accepted.status_code == 200
    tag = await people.step(offer, "transport", accepted.headers["etag"])
    await people.step(offer, "admission", tag)
    await people.report(home, places=4, occupied=2, includes_holds=[offer.offer_id])

    await eventually(lambda: figures() == (free - 1, held, available - 1), timeout=30, what="the patient to be in the national figures")
    await people.board_says(home, free=2, held=0, available=2)
    request = (await people.coordinator.get(f"/placement/v1/requests/{case.case_id}")).json()
    assert (request["status"], request["ended"]) == ("CLOSED", "ADMITTED")


async def test_what_lcps_published_goes_in_at_the_bedside_and_comes_out_of_the_feed(deployment: Deployment) -> None:
    authority = str(deployment.secrets / "gateway" / "ca.pem")

    ended = await replay(deployment, PACKAGED_SERIES, SSL_CERT_FILE=authority, SETTLE_SECONDS="240")

    assert ended.code == 0, ended.said
    print(ended.said.splitlines()[-1])
    assert "equal: 107 days, 535 cells" in ended.said


async def test_whatever_is_killed_stopped_or_rolled_nothing_is_lost_doubled_or_given_twice(
    deployment: Deployment, people: Region, screens: Screens
) -> None:
    await deployment.register_wards()
    places = 20
    units = await people.units(12, "WLZ_REGULIER", places=places)
    day = BusyDay(people, units, places=places, rate=CALLS_A_SECOND)
    reports = Load(deployment, rate=REPORTS_A_SECOND)
    faults = Faults(deployment, screens.all)

    print(f"\n{HEADING}")
    async with day.working(), reports.working():
        await asyncio.sleep(3)
        await _break_it(deployment, people, faults)

    count = await counted(deployment, day)
    await screens_are_right(deployment, screens)
    print(f"{reports.accepted} reports and admissions, {day.calls} calls about {_patients(day)} patients, {day.admitted} admitted; {count}")
    assert (count.lost, count.doubled, count.given_twice) == (0, 0, 0)
    assert _broken(faults.all) == []


async def _break_it(deployment: Deployment, people: Region, faults: Faults) -> None:
    async with faults.measured("kafka-2 killed"):
        await compose("kill", "kafka-2")
        await asyncio.sleep(10)
        await started("kafka-2")
    await _in_sync(deployment)

    for service in SERVICES:
        async with faults.measured(f"{service}-worker killed"):
            await crashed(f"{service}-worker")

    async with faults.measured(f"postgres stopped for {POSTGRES_AWAY_SECONDS} s") as fault:
        await compose("stop", "postgres")
        until = asyncio.get_running_loop().time() + POSTGRES_AWAY_SECONDS
        try:
            await _is_refused_for_now(deployment, people)
            await asyncio.sleep(until - asyncio.get_running_loop().time())
        finally:
            await compose("start", "postgres")
            fault.counts_from = asyncio.get_running_loop().time()

    for service in await running():
        async with faults.measured(f"{service} rolled"):
            await rolled(service)
        if service.startswith("kafka-"):
            await _in_sync(deployment)


async def _in_sync(deployment: Deployment) -> None:
    """One broker may be away, not two."""
    await eventually(deployment.all_in_sync, timeout=120, every=1, what="the brokers to be in sync")


async def _is_refused_for_now(deployment: Deployment, people: Region) -> None:
    """In words, and with a time to come back."""
    ward = next(iter(deployment.oracle.wards.values()))
    report = report_body(fresh_report(ward.unit_id, occupied=1), ward.source)
    for path, body in (("/capacity/v1/reports", report), ("/triage/v1/cases", people.contact())):
        answer = await deployment.post(path, body)
        assert answer.status_code == 503, f"{path}: {answer.status_code}"
        assert answer.headers["content-type"] == "application/problem+json"
        assert "retry-after" in answer.headers


def _patients(day: BusyDay) -> int:
    return sum(done.fact == "case-registered" for done in day.done)


def _broken(faults: list[Fault]) -> list[str]:
    """Promises that were not kept."""
    return [
        *(
            f"{fault.what}: {service} took nothing in for {seconds:.1f} s"
            for fault in faults
            for service, seconds in fault.refused.items()
            if seconds > REFUSED_AT_MOST_SECONDS
        ),
        *(
            f"{fault.what}: nothing moved on the {screen} stream for {seconds:.1f} s"
            for fault in faults
            for screen, seconds in fault.silent.items()
            if seconds > BACK_WITHIN_SECONDS
        ),
    ]


async def test_workers_are_added_while_a_whole_country_reports(deployment: Deployment, api: Api, screens: Screens) -> None:
    national = screens.national
    loop = asyncio.get_running_loop()
    storm = Storm(deployment, api, STORM_REPORTS_A_SECOND)
    await storm.prepare()
    await deployment.settled()
    national.on_item = storm.shown
    instants = {}
    async with storm.blowing():
        await asyncio.sleep(5)
        for what in ("one worker", "one to three", "three workers", "three to one"):
            instants[what] = loop.time()
            if what.startswith("one to"):
                await scaled("reporting-worker", 3)
            elif what.endswith("to one"):
                await scaled("reporting-worker", 1)
            await asyncio.sleep(15)
        instants["end"] = loop.time()
    count = await counted(deployment)
    await screens_are_right(deployment, screens)
    names = list(instants)
    print(f"\n{'':<20} {'reports/s':>10} {'longest silence':>16} {'slowest shown after':>20}")
    for what, until in pairwise(names):
        begin, end = instants[what], instants[until]
        rate = len(storm.accepted(begin, end)) / (end - begin)
        print(f"{what:<20} {rate:>10.0f} {national.longest_silence(begin, end):>14.1f} s {storm.slowest(begin, end):>18.1f} s")
    print(count)
    assert (count.lost, count.doubled) == (0, 0)
    assert national.longest_silence(instants["one to three"], instants["end"]) <= STALL_AT_MOST_SECONDS
