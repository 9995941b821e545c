"""Wards that report all the time, as they do while things break: over HTTP and over Kafka, corrected, late, repeated, taken back."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from aiokafka import AIOKafkaProducer

from .oracle import Admission, Report, Ward
from .running import Running
from .system import System

_SENDERS = 6
# Longer than any outage of these tests.
_PATIENCE_SECONDS = 90.0
_PAUSE_SECONDS = 0.3
# Nobody reports the very moment: Kafka stamps whole milliseconds, and what seems observed after that would be moved to it.
_TYPING = timedelta(milliseconds=20)
_PASSING = frozenset({429, 503})


class Load:
    """One run of reports at a steady rate; an id is sent until it is acknowledged, and only then is it expected to count."""

    def __init__(self, system: Running, *, rate: float, kafka_share: float = 0, seed: int = 1) -> None:
        self._system = system
        self._rate = rate
        self._kafka_share = kafka_share
        # The same run each time, as far as timing lets it be the same.
        self._random = random.Random(seed)
        self._wards = list(system.oracle.wards.values())
        self._queue: asyncio.Queue[Report | Admission | None] = asyncio.Queue()
        self._sent: list[Report] = []
        self.on_kafka: Callable[[Ward, Report], Awaitable[None]] | None = None
        """Puts a report on Kafka, where that can be reached from here."""
        self.accepted = 0
        self.unavailable = 0
        """How often the answer was "not now", or none at all."""

    async def _generate(self) -> None:
        loop = asyncio.get_running_loop()
        begun, nth = loop.time(), 0
        while True:
            self._queue.put_nowait(self._next())
            nth += 1
            await asyncio.sleep(max(0.0, begun + nth / self._rate - loop.time()))

    async def _send(self) -> None:
        """One sender; ends when it takes a None."""
        while (fact := await self._queue.get()) is not None:
            if isinstance(fact, Admission):
                await self._post("/capacity/v1/flows", flow_body(fact))
                self._system.oracle.admitted(fact)
            else:
                ward = self._system.oracle.wards[fact.unit_id]
                if self.on_kafka is not None and self._random.random() < self._kafka_share:
                    await self.on_kafka(ward, fact)
                else:
                    await self._post("/capacity/v1/reports", report_body(fact, ward.source))
                self._system.oracle.accepted(fact)
            self.accepted += 1

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Reports come in during the block; at its end the rest is sent until each has been acknowledged."""
        senders = [asyncio.create_task(self._send()) for _ in range(_SENDERS)]
        generator = asyncio.create_task(self._generate())
        try:
            yield
            generator.cancel()
            for _ in senders:
                self._queue.put_nowait(None)
            await asyncio.gather(*senders)
        finally:
            # Where the block failed, what it leaves broken would keep them busy for long.
            for task in (generator, *senders):
                task.cancel()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    answer = await self._system.post(path, body)
                except httpx.TransportError:
                    self.unavailable += 1
                else:
                    if answer.status_code == 202:
                        return
                    # Anything else is a fault of ours, not of the moment.
                    assert answer.status_code in _PASSING, answer.text
                    assert "retry-after" in answer.headers
                    self.unavailable += 1
                await asyncio.sleep(_PAUSE_SECONDS)

    def _next(self) -> Report | Admission:
        chance = self._random.random()
        now = datetime.now(UTC)
        if chance < 0.05:
            return self._admission(now)
        if self._sent and chance < 0.15:
            return self._sent[self._random.randrange(len(self._sent))]
        if self._sent and chance < 0.30:
            # A correction; now and then it takes the report back.
            earlier = self._sent[self._random.randrange(len(self._sent))]
            revision = 1 + max(said.revision for said in self._sent if said.report_id == earlier.report_id)
            is_retracted = self._random.random() < 0.3
            corrected = Report(
                earlier.report_id, revision, earlier.unit_id, earlier.observed_at, {} if is_retracted else self._figures(), is_retracted
            )
            self._sent.append(corrected)
            return corrected
        late_by = timedelta(minutes=self._random.uniform(1, 20)) if chance < 0.5 else _TYPING
        report = Report(uuid4(), 0, self._random.choice(self._wards).unit_id, now - late_by, self._figures())
        self._sent.append(report)
        return report

    def _figures(self) -> dict[str, int]:
        # Ranges in which any mixture of reports keeps occupied + reserved <= open <= total, so that no figure is ever in conflict.
        if self._random.random() < 0.3:
            return {"occupied": self._random.randint(0, 12)}
        return {
            "total": self._random.randint(20, 24),
            "open": self._random.randint(17, 20),
            "occupied": self._random.randint(0, 12),
            "reserved": self._random.randint(0, 3),
        }

    def _admission(self, now: datetime) -> Admission:
        hospital = self._random.choice([ward for ward in self._wards if ward.sector == "ZIEKENHUIS"])
        occurred_at = now - timedelta(minutes=self._random.uniform(0, 60))
        return Admission(uuid4(), hospital.location_id, hospital.care_type, hospital.cohort, occurred_at, self._random.randint(0, 3))


def report_body(report: Report, source: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "report_id": str(report.report_id),
        "revision": report.revision,
        "unit_id": str(report.unit_id),
        "source": source,
        "observed_at": report.observed_at.isoformat(),
        **report.figures,
    }
    return {**body, "retracted": True} if report.is_retracted else body


def flow_body(admission: Admission) -> dict[str, Any]:
    return {
        "flow_id": str(admission.flow_id),
        "location_id": str(admission.location_id),
        "kind": "OPNAME",
        "source": "EPD",
        "care_type": admission.care_type,
        "cohort": admission.cohort,
        "occurred_at": admission.occurred_at.isoformat(),
        "count": admission.count,
    }


def kafka_headers(ward: Ward, token: str | None) -> dict[str, str]:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(uuid4()),
        "ce_type": "nl.zorgcoordinatie.capacity.report.v1",
        "ce_source": f"urn:nl:zorgcoordinatie:provider:{ward.organisation}",
        "ce_subject": str(ward.unit_id),
        "ce_time": datetime.now(UTC).isoformat(),
        "content-type": "application/json",
    }
    return headers if token is None else {**headers, "authorization": f"Bearer {token}"}


async def send_on_kafka(system: System, producer: AIOKafkaProducer, ward: Ward, report: Report) -> None:
    """As a provider does that puts its reports on Kafka itself."""
    headers = kafka_headers(ward, system.token("provider", org=ward.organisation))
    await producer.send_and_wait(
        system.log.named("capacity.reports.v1"),
        orjson.dumps(report_body(report, ward.source)),
        key=str(ward.unit_id).encode(),
        headers=[(name, value.encode()) for name, value in headers.items()],
    )


@asynccontextmanager
async def producing(system: System) -> AsyncIterator[AIOKafkaProducer]:
    """A provider's own producer."""
    producer = AIOKafkaProducer(
        bootstrap_servers=system.servers.bootstrap_servers, acks="all", enable_idempotence=True, max_request_size=2**20
    )
    await asyncio.wait_for(producer.start(), 20)
    try:
        yield producer
    finally:
        await asyncio.wait_for(producer.stop(), 20)


@asynccontextmanager
async def load(system: System, *, rate: float = 60, kafka_share: float = 0.3, seed: int = 1) -> AsyncIterator[Load]:
    """A load of which a share comes over Kafka."""
    run = Load(system, rate=rate, kafka_share=kafka_share, seed=seed)
    async with producing(system) as producer:
        run.on_kafka = partial(send_on_kafka, system, producer)
        async with run.working():
            yield run


def fresh_report(unit_id: UUID, **figures: int) -> Report:
    return Report(uuid4(), 0, unit_id, datetime.now(UTC) - _TYPING, figures)
