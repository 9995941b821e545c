"""Reporting on a real database: events are put to its use cases in transactions, as the delivery does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from chassis.database.sql import Database
from chassis.http.server import server
from chassis.kafka.cloudevents import headers_of
from chassis.messaging.reading import Received
from chassis.security.keys import Issuer, ensure_keys
from chassis.security.roles import Role
from chassis.testing.streams import Stream
from chassis.testing.waiting import eventually
from contracts.capacity import FLOWS, OBSERVATIONS, UNITS, FlowRecordedV1, ObservationRecordedV1, UnitChangedV1
from contracts.codes import CareType, Cohort, FlowKind, Sector, Source
from contracts.placement import (
    HOLDS,
    PLACEMENTS,
    AtUnit,
    HoldsChangedV1,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferEndedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementReleasedV1,
)
from contracts.reporting import NATIONAL, FigureChangedV1, HeartbeatV1
from contracts.topic import Topic
from embedded.ports import free_port
from reporting.adapters.sql.contributions import SqlContributions
from reporting.adapters.sql.feed import SqlFeed
from reporting.adapters.sql.figures import SqlFigures
from reporting.adapters.sql.placements import SqlPlacementCounts
from reporting.application.count_placements import CountPlacements
from reporting.application.expire_contributions import ExpireContributions
from reporting.application.note_parked import NoteParked
from reporting.application.project_holds import ProjectHolds
from reporting.application.project_units import ProjectUnits
from reporting.application.publish_figures import PublishFigures
from reporting.application.read_feed import ReadFeed
from reporting.application.read_placements import ReadPlacements
from reporting.application.record_admissions import RecordAdmissions
from reporting.application.record_observations import RecordObservations
from reporting.application.recount import Recount
from reporting.application.restate_feed import RestateFeed
from reporting.bootstrap import make_api
from reporting.config import ReportingSettings

AGES_AGO = datetime(2020, 10, 17, 12, tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def a_unit(unit_id: UUID | None = None, **changes: object) -> UnitChangedV1:
    """A unit of a nursing home in Drenthe with 10 places, of which 4 are free, observed a minute ago."""
    fields: dict[str, object] = {
        "unit_id": unit_id or uuid4(),
        "location_id": uuid4(),
        "location_name": "De Zonnewijzer",
        "name": "Afdeling 1",
        "organisation": "zonnewijzer",
        "sector": Sector.VVT,
        "care_type": CareType.ELV_HOOG,
        "cohort": Cohort.GEEN,
        "municipality": "GM0106",
        "vr": "VR03",
        "roaz": "NN",
        "latitude": None,
        "longitude": None,
        "phone": None,
        "features": {},
        "total": 10,
        "open": 10,
        "occupied": 5,
        "reserved": 1,
        "free": 4,
        "closed_reason": None,
        "source": Source.ECD,
        "observed_at": now() - timedelta(minutes=1),
        "fresh_until": now() + timedelta(hours=12),
        "age_limit_seconds": 43_200,
        "conflict": False,
        "warnings": (),
        "recorded_at": now(),
    }
    return UnitChangedV1.model_validate(fields | changes)


def an_observation(unit_id: UUID, observed_at: datetime, occupied: int | None, **changes: object) -> ObservationRecordedV1:
    """What a hospital said of its COVID beds on the ward."""
    fields: dict[str, object] = {
        "report_id": uuid4(),
        "revision": 0,
        "retracted": False,
        "unit_id": unit_id,
        "location_id": unit_id,
        "sector": Sector.ZIEKENHUIS,
        "care_type": CareType.KLINIEK,
        "cohort": Cohort.COVID_POS,
        "municipality": "GM0363",
        "vr": "VR13",
        "roaz": "NHF",
        "source": Source.IMPORT,
        "observed_at": observed_at,
        "recorded_at": now(),
        "stated": ("occupied",),
        "occupied": occupied,
    }
    return ObservationRecordedV1.model_validate(fields | changes)


def an_admission(count: int, occurred_at: datetime, **changes: object) -> FlowRecordedV1:
    """COVID patients admitted to the ward of a hospital."""
    fields: dict[str, object] = {
        "flow_id": uuid4(),
        "revision": 0,
        "retracted": False,
        "source": Source.IMPORT,
        "location_id": uuid4(),
        "unit_id": None,
        "sector": Sector.ZIEKENHUIS,
        "kind": FlowKind.OPNAME,
        "care_type": CareType.KLINIEK,
        "cohort": Cohort.COVID_POS,
        "municipality": None,
        "vr": "VR13",
        "roaz": "NHF",
        "occurred_at": occurred_at,
        "recorded_at": now(),
        "destination": None,
        "count": count,
    }
    return FlowRecordedV1.model_validate(fields | changes)


def holds_of(unit_id: UUID, *hold_ids: UUID, absorbed: dict[UUID, int] | None = None) -> HoldsChangedV1:
    """All that is held of a unit; `absorbed` by which version of the unit."""
    return HoldsChangedV1.model_validate(
        {
            "unit_id": unit_id,
            "holds": [{"hold_id": hold_id, "status": "OFFERED", "since": now(), "until": now()} for hold_id in hold_ids],
            "absorbed": [{"hold_id": hold_id, "unit_version": version} for hold_id, version in (absorbed or {}).items()],
            "changed_at": now(),
        }
    )


class Placed:
    """What placement tells of offers, at a unit of a nursing home in Drenthe unless said otherwise."""

    @classmethod
    def offered(cls, at: datetime, **changes: object) -> AtUnit:
        return cls._at_unit(OfferMadeV1, changes, is_automatic=False, made_at=at, answer_by=at + timedelta(minutes=15))

    @classmethod
    def accepted(cls, at: datetime, after: timedelta = timedelta(minutes=20), **changes: object) -> AtUnit:
        return cls._at_unit(OfferAcceptedV1, changes, requested_at=at - after, made_at=at, accepted_at=at, held_until=at)

    @classmethod
    def declined(cls, at: datetime, reason: str = "VOL", **changes: object) -> AtUnit:
        return cls._at_unit(OfferDeclinedV1, changes, reason=reason, made_at=at, declined_at=at)

    @classmethod
    def ended(cls, at: datetime, how: str, due_at: datetime | None = None, **changes: object) -> AtUnit:
        return cls._at_unit(OfferEndedV1, changes, how=how, made_at=at, due_at=due_at, ended_at=at)

    @classmethod
    def admitted(cls, at: datetime, **changes: object) -> AtUnit:
        return cls._at_unit(PatientAdmittedV1, changes, requested_at=at, admitted_at=at)

    @classmethod
    def released(cls, at: datetime, **changes: object) -> AtUnit:
        return cls._at_unit(PlacementReleasedV1, changes, why="CANCELLED", released_at=at)

    @staticmethod
    def _at_unit(event: type[AtUnit], changes: dict[str, object], **facts: object) -> AtUnit:
        where: dict[str, object] = {
            "case_id": uuid4(),
            "round": 1,
            "offer_id": uuid4(),
            "unit_id": uuid4(),
            "location_id": uuid4(),
            "organisation": "zonnewijzer",
            "sector": Sector.VVT,
            "care_type": CareType.ELV_HOOG,
            "cohort": Cohort.GEEN,
            "vr": "VR03",
            "roaz": "NN",
        }
        return event.model_validate(where | facts | changes)


@dataclass
class Reporting:
    """Reporting without Kafka: what arrives is put in, what would leave is read from the outbox."""

    database: Database
    url: str
    versions: dict[UUID, int] = field(default_factory=dict)
    holds_versions: dict[UUID, int] = field(default_factory=dict)
    time: float = 0.0

    def __post_init__(self) -> None:
        self.contributions, self.figures, self.feed = SqlContributions(), SqlFigures(), SqlFeed()
        self.publish = PublishFigures(self.database, self.figures, lambda: self.time)
        self.expire = ExpireContributions(self.database, self.contributions)
        self.recount = Recount(self.database, self.figures)
        self.restate = RestateFeed(self.database, self.feed, lambda: self.time, 1.0)
        self.read_feed = ReadFeed(self.database, self.feed)
        self.counts = SqlPlacementCounts()
        self.read_placements = ReadPlacements(self.database, self.counts)

    async def hears(self, *units: UnitChangedV1, partition: int | None = None) -> None:
        """These units changed, in this order, in one batch."""
        received = []
        for unit in units:
            version = self.versions[unit.unit_id] = self.versions.get(unit.unit_id, 0) + 1
            received.append(
                self.received(unit, UNITS.name, str(unit.unit_id), version, unit.unit_id.int % 4 if partition is None else partition)
            )
        async with self.database.begin() as tx:
            await ProjectUnits(self.contributions)(tx, received)

    async def holds(self, *changes: HoldsChangedV1) -> None:
        """This is held of these units now, in this order, in one batch."""
        received = []
        for change in changes:
            version = self.holds_versions[change.unit_id] = self.holds_versions.get(change.unit_id, 0) + 1
            received.append(self.received(change, HOLDS.name, str(change.unit_id), version, change.unit_id.int % 4))
        async with self.database.begin() as tx:
            await ProjectHolds(self.contributions)(tx, received)

    async def places(self, *events: AtUnit, partition: int = 0) -> None:
        """Placement tells this."""
        async with self.database.begin() as tx:
            await CountPlacements(self.counts)(
                tx, [self.received(event, PLACEMENTS.name, str(event.case_id), partition=partition) for event in events]
            )

    async def observes(self, *observations: ObservationRecordedV1) -> None:
        async with self.database.begin() as tx:
            await RecordObservations(self.feed)(tx, [self.received(said, OBSERVATIONS.name, str(said.unit_id)) for said in observations])

    async def admits(self, *flows: FlowRecordedV1) -> None:
        async with self.database.begin() as tx:
            await RecordAdmissions(self.feed)(tx, [self.received(flow, FLOWS.name, str(flow.location_id)) for flow in flows])

    async def parks(self, unit_id: UUID, *, is_parked: bool = True, topic: Topic = UNITS) -> None:
        async with self.database.begin() as tx:
            await NoteParked(self.contributions, topic.name)(tx, [str(unit_id)], is_parked)

    async def later(self, seconds: float) -> None:
        """The database's clock goes on."""
        self.time += seconds
        await self.execute(
            "insert into clock_shift (shift) values ($1) on conflict (only_row) do update set shift = clock_shift.shift + excluded.shift",
            timedelta(seconds=seconds),
        )

    async def publishes(self) -> int:
        """All that was touched has gone into the outbox; gives how many figures that were."""
        before = await self.fetchval("select count(*) from outbox")
        # What was said just now rests, and would not be taken.
        self.time += 1
        while (await self.publish()).figures:
            self.time += 1
        after = await self.fetchval("select count(*) from outbox")
        return int(after - before)

    async def said(self) -> dict[str, dict[str, object]]:
        """The newest of each figure, as it would stand on Kafka."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(
                "select distinct on (aggregateid) aggregateid, convert_from(payload, 'UTF8')::jsonb as body, version "
                "from outbox where aggregatetype = $1 order by aggregateid, version desc",
                NATIONAL.name,
            )
        return {row["aggregateid"]: row["body"] | {"version": row["version"]} for row in rows}

    async def figure(self, level: str = "NL", region: str = "NL", kind: str = "VVT/ELV_HOOG/GEEN") -> dict[str, object]:
        await self.publishes()
        return (await self.said())[f"beds/{level}/{region}/{kind}"]

    async def restates(self) -> int:
        """Every touched day has been said anew; gives how many statements that took."""
        before = await self.fetchval("select count(*) from feed_statements")
        while await self.restate():
            self.time += 5
        after = await self.fetchval("select count(*) from feed_statements")
        return int(after - before)

    async def execute(self, statement: str, *arguments: object) -> None:
        async with self.database.connection() as connection:
            await connection.execute(statement, *arguments)

    async def fetchval(self, statement: str, *arguments: object) -> int:
        async with self.database.connection() as connection:
            return await connection.fetchval(statement, *arguments)

    @staticmethod
    def received(event, topic: str, key: str, version: int = 1, partition: int = 0) -> Received:
        return Received(event, key, version, topic, partition, 0, now(), now())


@pytest_asyncio.fixture
async def reporting(service_database) -> AsyncIterator[Reporting]:
    url = await service_database("reporting")
    database = Database(url, pool_size=4)
    await database.open()
    yield Reporting(database, url)
    await database.close()


@pytest.fixture
def build():
    """The builders of events, as one object."""

    class Build:
        unit = staticmethod(a_unit)
        observation = staticmethod(an_observation)
        admission = staticmethod(an_admission)
        holds = staticmethod(holds_of)
        placed = Placed

    return Build


@dataclass
class Country:
    """The national topic, written as the relay writes it, and APIs that show it."""

    settings: ReportingSettings
    producer: AIOKafkaProducer
    versions: dict[str, int] = field(default_factory=dict)

    async def says(self, region: str = "VR03", *, free: int = 4, version: int | None = None, **changes: object) -> FigureChangedV1:
        """A figure changed; `version` to say something that is not the newest."""
        fields: dict[str, object] = {
            "level": "NL" if region == "NL" else "VR" if region.startswith("VR") else "ROAZ",
            "region": region,
            "sector": Sector.VVT,
            "care_type": CareType.ELV_HOOG,
            "cohort": Cohort.GEEN,
            **dict.fromkeys(("total", "open", "occupied", "reserved"), 10),
            "free": free,
            "held": 0,
            "available": free,
            "units": 1,
            "units_known": 1,
            "oldest_observed_at": now(),
        }
        figure = FigureChangedV1.model_validate(fields | changes)
        if version is None:
            version = self.versions[figure.subject] = self.versions.get(figure.subject, 2**40) + 1
        await self._send(figure, version, None)
        return figure

    async def beats(self, partitions: int) -> None:
        for partition in range(partitions):
            await self._send(HeartbeatV1(partition=partition, at=now()), 1, partition)

    async def _send(self, event, version: int, partition: int | None) -> None:
        headers = headers_of(
            ce_type=event.ce_type, event_id=uuid4(), owner="reporting", subject=event.subject, time=now(), version=version, traceparent=None
        )
        topic = self.settings.named(NATIONAL.name)
        await self.producer.send_and_wait(topic, event.body(), key=event.subject.encode(), headers=headers, partition=partition)


@dataclass
class Client:
    """Someone who reads, by default as LCPS."""

    http: httpx.AsyncClient
    issuer: Issuer

    def token(self, role: str = "lcps", of: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.token(Role(role), region=of, ttl=timedelta(minutes=5))}"}

    async def get(self, path: str, *, role: str | None = "lcps", of: str | None = None, **parameters: str) -> httpx.Response:
        """As this role, `of` this region."""
        return await self.http.get(f"/reporting/v1/{path}", params=parameters, headers=self.token(role, of) if role else {})

    async def national(self, **parameters: str) -> list[dict[str, object]]:
        answer = await self.get("national", **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    @asynccontextmanager
    async def stream(self, last_id: str | None = None, **parameters: str) -> AsyncIterator[Stream]:
        headers = self.token() | ({"Last-Event-ID": last_id} if last_id else {})
        # The first one may have to wait until a worker has started, on a machine that does much else.
        url = "/reporting/v1/national/stream"
        async with Stream.of(self.http, url, within_seconds=60, params=parameters, headers=headers) as stream:
            yield stream


PARTITIONS = 3


@pytest_asyncio.fixture
async def country(broker, topics, namespace, service_database, tmp_path) -> AsyncIterator[Country]:
    await topics(partitions=PARTITIONS, topics=[NATIONAL])
    settings = ReportingSettings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        database_url=await service_database("reporting"),
        namespace=namespace,
        keys_dir=tmp_path / "keys",
    )
    ensure_keys(settings.keys_dir)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all", enable_idempotence=True)
    await producer.start()
    yield Country(settings, producer)
    await producer.stop()


@pytest_asyncio.fixture
async def start_api(country):
    """Starts an API process of reporting, in this loop: `client = await start_api()`; several are several processes behind a gateway."""
    async with AsyncExitStack() as stack:

        async def start() -> Client:
            port = free_port()
            serving = server(make_api(country.settings), host="127.0.0.1", port=port)
            # The test run's own signals are not the server's.
            serving.capture_signals = nullcontext
            running = asyncio.create_task(serving.serve())

            async def stop() -> None:
                serving.should_exit = True
                await running

            stack.push_async_callback(stop)
            http = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10))
            client = Client(
                http, Issuer(ensure_keys(country.settings.keys_dir), country.settings.auth_issuer, country.settings.auth_audience)
            )
            await eventually(lambda: serving.started)

            async def is_whole() -> bool:
                return (await client.get("national")).status_code == 200

            await eventually(is_whole, timeout=20)
            return client

        yield start


@dataclass
class Owner:
    """Another service as reporting sees it: events on its topics, written as its relay writes them."""

    name: str
    settings: ReportingSettings
    producer: AIOKafkaProducer
    versions: dict[tuple[str, str], int] = field(default_factory=dict)

    async def says(self, topic: Topic, events, *, again: bool = False) -> None:
        """These happened, in this order; `again` sends them with the versions that they had, as a relay does after a crash."""
        sent = []
        for event in events:
            if not again:
                self.versions[topic.name, event.subject] = self.versions.get((topic.name, event.subject), 2**40) + 1
            sent.append(await self._send(topic, event, self.versions[topic.name, event.subject]))
        await asyncio.gather(*sent)

    async def sends_nonsense(self, topic: Topic, unit: UnitChangedV1) -> None:
        """An event of this unit that breaks its contract."""
        self.versions[topic.name, unit.subject] = version = self.versions.get((topic.name, unit.subject), 2**40) + 1
        await (await self._send(topic, unit, version, body=b'{"unit_id": 5}'))

    async def _send(self, topic: Topic, event, version: int, *, body: bytes | None = None):
        headers = headers_of(
            ce_type=event.ce_type, event_id=uuid4(), owner=self.name, subject=event.subject, time=now(), version=version, traceparent=None
        )
        return await self.producer.send(self.settings.named(topic.name), body or event.body(), key=event.subject.encode(), headers=headers)


@pytest.fixture
def capacity(country) -> Owner:
    return Owner("capacity", country.settings, country.producer)


@pytest.fixture
def placement(country) -> Owner:
    return Owner("placement", country.settings, country.producer)


@pytest.fixture
def start_worker(country, processes, topics):
    """Starts a worker process: `worker = await start_worker()`."""

    async def start():
        await topics(partitions=PARTITIONS)
        settings = country.settings
        return processes.start(
            "reporting",
            "worker",
            env={
                "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
                "DATABASE_URL": settings.database_url,
                "NAMESPACE": settings.namespace,
                "KEYS_DIR": str(settings.keys_dir),
                "SESSION_TIMEOUT_SECONDS": "6",
                "FEED_REST_SECONDS": "0.1",
            },
        )

    return start
