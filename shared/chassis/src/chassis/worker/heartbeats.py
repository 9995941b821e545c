"""Heartbeats: each worker says, partition by partition, that it lives and where it is."""

import asyncio
from collections.abc import Sequence

import faust
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from asyncpg import Record
from faust.exceptions import ConsumerNotStarted

from chassis.database.sql import Database
from chassis.errors import Unavailable
from chassis.messaging.delivery import Delivery
from chassis.observability import telemetry
from chassis.settings import ServiceSettings

log = structlog.get_logger()

_EVERY_SECONDS = 2.0

# The position is the one stored with the rows that it made, not what the consumer believes. One that has not moved keeps its time, so that
# a reader can tell a frozen worker from an idle one.
_BEAT = """
insert into heartbeats (reader, topic, partition, at, position, end_offset, moved_at, instance)
select $1, b.topic, b.partition, clock_timestamp(), coalesce(p.next_offset, 0), b.end_offset, clock_timestamp(), $2
from unnest($3::text[], $4::int[], $5::bigint[]) as b (topic, partition, end_offset)
left join reader_positions p on p.reader = $1 and p.topic = b.topic and p.partition = b.partition
on conflict (reader, topic, partition) do update
set at = excluded.at, position = excluded.position, end_offset = excluded.end_offset, instance = excluded.instance,
    moved_at = case when heartbeats.position < excluded.position or excluded.position >= excluded.end_offset
                    then excluded.moved_at else heartbeats.moved_at end
returning topic, greatest(end_offset - position, 0) as waiting, extract(epoch from at - moved_at)::float8 as still_seconds
"""


class Heartbeats:
    """Writes where this worker is, every two seconds."""

    def __init__(self, settings: ServiceSettings, database: Database, delivery: Delivery, app: faust.App) -> None:
        """Watch this Faust app, which hands its records to this delivery."""
        self._settings = settings
        self._database = database
        self._delivery = delivery
        self._app = app

    async def run(self) -> None:
        """Beat until cancelled."""
        # Its own consumer, because the worker's would say nothing new about a log that it has stopped reading.
        consumer = AIOKafkaConsumer(**self._settings.kafka())
        await asyncio.wait_for(consumer.start(), timeout=20)
        try:
            while True:
                await self._beat(consumer)
                await asyncio.sleep(_EVERY_SECONDS)
        finally:
            await consumer.stop()

    async def _beat(self, consumer: AIOKafkaConsumer) -> None:
        try:
            mine = [TopicPartition(tp.topic, tp.partition) for tp in self._app.consumer.assignment()] if self._app.started else []
        except ConsumerNotStarted:
            # The app says that it has started some time before its consumer has.
            return
        if not mine:
            self._show([])
            return
        try:
            ends = await consumer.end_offsets(mine)
        except KafkaError:
            # No beat: the row grows old, and "ready" says so.
            log.warning("kafka away, no heartbeat")
            return
        prefix = self._settings.named("")
        try:
            async with self._database.connection() as connection:
                rows = await connection.fetch(
                    _BEAT,
                    self._delivery.reader,
                    self._settings.instance,
                    [tp.topic.removeprefix(prefix) for tp in mine],
                    [tp.partition for tp in mine],
                    [ends[tp] for tp in mine],
                )
        except Unavailable:
            log.warning("database away, no heartbeat")
            return
        self._show(rows)

    def _show(self, rows: Sequence[Record]) -> None:
        """Tell Prometheus how far behind this worker is; of topics whose partitions are all somebody else's, nothing is behind."""
        for reading in self._delivery.readings:
            topic = reading.topic.name
            behind = [row for row in rows if row["topic"] == topic and row["waiting"]]
            if not behind:
                # What was old in a backlog that has been worked off says nothing of what comes next.
                self._delivery.ages.pop(topic, None)
            # Who moves is as late as what was read last; who stands still gets later.
            late = max([self._delivery.ages.get(topic, 0.0), *(row["still_seconds"] for row in behind)])
            telemetry.reader_behind_records.labels(self._delivery.reader, topic).set(sum(row["waiting"] for row in behind))
            telemetry.reader_behind_seconds.labels(self._delivery.reader, topic).set(late)
