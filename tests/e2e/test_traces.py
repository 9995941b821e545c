"""An operator follows one report to the country, and one patient to the first offer, from process to process in a single trace."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.testing.databases import Databases
from chassis.testing.kafka import delete_topics
from chassis.testing.servers import Broker
from chassis.testing.streams import Stream
from chassis.testing.waiting import eventually
from contracts.placement import OfferMadeV1

from .collector import Collector, collecting
from .patients import Region, region
from .system import API, BEDS, CAPACITY_RELAY, PATIENTS, REPORTING_WORKER, System, prepared

_PROCESSES = (API, CAPACITY_RELAY, REPORTING_WORKER, "triage relay", "placement worker")


@dataclass(frozen=True)
class Traced:
    """A running system whose traces are collected."""

    system: System
    people: Region
    collector: Collector

    async def leads(self, path: list[str], trace_id: str, *, ce_type: str = "") -> None:
        """Wait until the last of these spans is known to come of the one before it, and so on up to the caller's."""

        def is_known() -> bool:
            name = path[-1].partition(": ")[2]
            assert self.collector.path_to(name, trace_id, ce_type=ce_type) == path
            return True

        await eventually(is_known, timeout=30, every=0.05)


@pytest_asyncio.fixture(scope="module")
async def traced(broker: Broker, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Traced]:
    namespace = f"e2e{secrets.token_hex(4)}"
    folder: Path = tmp_path_factory.mktemp("traces")
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        # Exported at once, where five seconds are usual.
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        # Nobody acts: the first candidate is asked after half a second.
        patch.setenv("UNATTENDED_MINUTES_BY_URGENCY", '{"U3": 0.008}')
        async with prepared(broker.bootstrap_servers, databases, namespace, (*BEDS, *PATIENTS)) as servers:
            system = System(servers, namespace, folder)
            try:
                for name in _PROCESSES:
                    system.start(name)
                await system.is_up()
                async with region(system) as people:
                    yield Traced(system, people, collector)
            finally:
                await system.close()
                await delete_topics(broker.bootstrap_servers, namespace)


def _new_trace() -> tuple[str, str]:
    return secrets.token_hex(16), secrets.token_hex(8)


async def test_a_report_is_followed_from_the_ward_to_the_open_page(traced: Traced) -> None:
    trace_id, caller = _new_trace()
    ward = await traced.people.unit("zorggroep", "ELV_HOOG", places=9)
    query = {"level": "NL", "care_type": "ELV_HOOG", "sector": "VVT"}

    async with Stream.of(traced.people.client("lcps"), "/reporting/v1/national/stream", params=query, within_seconds=60) as stream:
        async with asyncio.timeout(60):
            while (await stream.next()).data["occupied"] != 0:
                pass
        traced.people.provider(ward).headers["traceparent"] = f"00-{trace_id}-{caller}-01"
        await traced.people.report(ward, places=9, occupied=4)
        assert (await stream.next()).data["occupied"] == 4

    path = [
        caller,
        "api: POST /capacity/v1/reports",
        "capacity.relay: send capacity.units.v1",
        "reporting.worker: process capacity.units.v1",
        "reporting.worker: send reporting.national.v1",
        "api: process reporting.national.v1",
        "api: send national/stream",
    ]
    await traced.leads(path, trace_id)


async def test_a_patient_is_followed_from_the_call_to_the_first_offer_and_nobody_learns_who_it_is(traced: Traced) -> None:
    trace_id, caller = _new_trace()
    people = traced.people
    unit = await people.unit("hospice", "HOSPICE", places=1)
    await people.known([unit])

    people.nurse.headers["traceparent"] = f"00-{trace_id}-{caller}-01"
    case = await people.case({"name": "J. de Vries", "bsn": "111222333"}, complaint="is gevallen")
    await people.ask(case, "HOSPICE")

    path = [
        caller,
        "api: POST /triage/v1/cases/{case_id}/placement-request",
        "triage.relay: send triage.cases.v1",
        "placement.worker: process triage.cases.v1",
        "placement.worker: fire request-unattended",
        "placement.worker: send placement.placements.v1",
    ]
    await traced.leads(path, trace_id, ce_type=OfferMadeV1.ce_type)
    called = [span for span in traced.collector.spans() if span.trace_id == trace_id and span.name == "POST /triage/v1/cases"]
    assert len(called) == 1
    everything = b"".join(traced.collector.sent)
    for secret in ("Vries", "111222333", "gevallen", str(case.case_id), case.case_id.hex, str(unit.unit_id), "level=NL", "zorggroep"):
        assert secret.encode() not in everything, secret
