"""What must happen once after a database was restored to an earlier point while Kafka kept everything.

The database has forgotten what it published and read since. Its service reads its own topics, goes on in a higher generation than any of them,
takes back what it once told as far as its events say it, publishes every key of its compacted topics again, ends those that it no longer has,
and reads again what came from others. Until all of that is done the database is closed to every other process of the service: this may fail
halfway, and is simply run again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from chassis.database.generations import begin_generation, current_generation, settle_generation
from chassis.database.sql import Database
from chassis.kafka.topic_records import records_of
from chassis.messaging.delivery import Delivery
from chassis.messaging.reading import HasTopic, Received
from chassis.messaging.relay import Relay
from chassis.restoring.own_topics import read_own_topics, remember
from chassis.restoring.rewinding import Rewound, rewind
from chassis.settings import ServiceSettings
from contracts.parking import parked_topic
from contracts.registry import TOPICS
from contracts.topic import Topic

log = structlog.get_logger(__name__)

# The relay beats every second, readers every two: the last sign of life is the moment that was restored to.
_RESTORED_TO = """
select greatest((select max(at) from heartbeats), (select max(created_at) from outbox), (select max(published_at) from outbox))
"""
_POSITIONS = "select partition, next_offset from reader_positions where reader = $1 and topic = $2"
_EVER = datetime.fromtimestamp(0, UTC)

# Whoever saw a version since that moment must never meet the same number with other contents; nothing changes so often between two restores.
_RAISE = "update {table} set version = version + 1000000"
_RAISE_WITHIN_SECONDS = 600


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What became of the events that a service told and its database has forgotten."""

    events: int = 0
    """How many are known again."""
    to_do: Sequence[str] = ()
    """What people must send or do again, a line each."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a service published again."""

    keys: Mapping[str, int]
    """How many of each compacted topic."""
    to_do: Sequence[str] = ()
    """What people must do about keys that it no longer has, a line each."""


class Restoring(Protocol):
    """What a service does about what its database has forgotten."""

    @property
    def tagged(self) -> Collection[str]:
        """Its tables with a column `version` that callers are shown as an ETag."""

    @property
    def read_first(self) -> Collection[Topic]:
        """Topics of others without which it cannot take back its own events: read to their end before."""

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:
        """Store again what these events say."""

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:
        """Publish every key of its compacted topics, and end those of `told` that it no longer has."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done, and what people must do."""

    service: str
    restored_to: datetime | None
    generation: int
    rewound: Sequence[Rewound]
    taken_back: TakenBack
    published: Published

    @property
    def to_do(self) -> Sequence[str]:
        """What must be sent or done again by people, as far as anybody can tell."""
        return [*self.taken_back.to_do, *self.published.to_do]

    def lines(self) -> list[str]:
        """For people."""
        since = self.restored_to.isoformat(timespec="seconds") if self.restored_to else "the beginning"
        return [
            f"{self.service} was restored to {since} and goes on in generation {self.generation}",
            *(f"  reads again: {one.records} records of {one.topic}" for one in self.rewound),
            f"  taken back from its own topics: {self.taken_back.events} events",
            *(f"  published again: {keys} keys of {topic}" for topic, keys in sorted(self.published.keys.items())),
            f"  to be sent or done again by people, as far as Kafka tells: {len(self.to_do)}",
            *(f"    {one}" for one in self.to_do),
        ]


@dataclass(frozen=True, slots=True)
class Restoration:
    """One restored service; all of its processes are stopped."""

    service: str
    settings: ServiceSettings
    database: Database
    delivery: Delivery
    restoring: Restoring
    topics: Collection[Topic] = field(default=TOPICS)

    async def __call__(self) -> Restored:
        """Do all of it.

        Raises:
            MustStop: when a process of the service still runs, or a topic no longer has what the database has not read.
        """
        readings = self.delivery.readings
        async with Relay(self.settings, self.service).silenced():
            rewound = await rewind(self.settings, self.database, self.service, [reading.topic for reading in readings])
            if readings:
                await self.delivery.positions.check(self.database, [reading.topic for reading in readings])
            restored_to, generation = await self._begin()
            log.info("reading what this service told", since=restored_to)
            told = await read_own_topics(self.settings, self.database, self._owned(), restored_to or _EVER)
            async with self.database.begin() as tx:
                generation = max(generation, told.generation) + 1
                await begin_generation(tx.connection, generation)
                for table in self.restoring.tagged:
                    await tx.connection.execute("set local statement_timeout = 0")
                    await tx.connection.execute(_RAISE.format(table=table), timeout=_RAISE_WITHIN_SECONDS)
            for reading in readings:
                if reading.topic in self.restoring.read_first:
                    await self._read_to_end(reading)
            taken_back = await self.restoring.take_back(self.database, told.forgotten)
            await remember(self.database, told.forgotten)
            published = await self.restoring.publish_again(self.database, told.keys)
            async with self.database.begin() as tx:
                await settle_generation(tx.connection)
        return Restored(self.service, restored_to, generation, rewound, taken_back, published)

    async def _begin(self) -> tuple[datetime | None, int]:
        async with self.database.connection() as connection:
            return await connection.fetchval(_RESTORED_TO), await current_generation(connection)

    async def _read_to_end(self, reading: HasTopic) -> None:
        async with self.database.connection() as connection:
            rows = await connection.fetch(_POSITIONS, self.service, reading.topic.name)
        async for records in records_of(self.settings, reading.topic, offsets={row["partition"]: row["next_offset"] for row in rows}):
            await self.delivery.deliver(reading, records)

    def _owned(self) -> list[Topic]:
        # What is parked are copies: their records are read again, and parked again.
        parked = parked_topic(self.service).name
        return [topic for topic in self.topics if topic.owner == self.service and topic.versioned and topic.events and topic.name != parked]
