"""How a service stands, read from its own database when Prometheus asks: true whichever worker lives, and also when none does.

A worker would show what it knew last, for ever: of the outbox after another took over its lock, of the timers while it is frozen.
"""

import math
from collections.abc import Mapping
from time import monotonic

from prometheus_client import Gauge

from chassis.database.outbox import FENCED
from chassis.database.sql import Connection
from chassis.errors import Unavailable
from chassis.messaging.parking import FUSE_AT, is_fuse_blown
from chassis.observability import telemetry
from chassis.standing.health import RELAY, Health

# One question however many ask: the figures of a second ago are good enough for a graph.
_KEPT_SECONDS = 1.0

# One statement, of which each part has an index and reads only what waits. The first timer of each kind is found by stepping from kind to
# kind: there is a timer for every unit in the country, and six kinds.
_STANDING = """
with recursive kinds as (
    select min(kind) as kind from timers
    union all
    select (select min(t.kind) from timers t where t.kind > k.kind) from kinds k where k.kind is not null
), timers_late as (
    select kind, greatest(0, extract(epoch from db_clock() - (select min(t.due_at) from timers t where t.kind = k.kind)))::float8 as seconds
    from kinds k where kind is not null
), beats as (
    select reader, topic, max(extract(epoch from clock_timestamp() - at))::float8 as seconds from heartbeats where reader <> $1
    group by reader, topic
)
select
    (select count(*) from outbox where published_at is null) as unsent,
    (select coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 from outbox where published_at is null) as oldest,
    (select count(*) from (select distinct aggregatetype, aggregateid from outbox where refused is not null and published_at is null) k)
        as stuck_keys,
    (select coalesce(max(position), 0) from heartbeats where reader = $1) as fenced,
    (select count(*) from parked where kind = 'parked' and resolved_at is null) as parked,
    (select coalesce(jsonb_object_agg(kind, seconds), '{}') from timers_late) as timers_late,
    (select coalesce(jsonb_agg(jsonb_build_array(reader, topic, seconds)), '[]') from beats) as beats
"""


class Standing:
    """Sets the gauges of one service; those of a database that does not answer say nothing, rather than what was true before."""

    def __init__(self, service: str, health: Health) -> None:
        """Nothing is read before somebody asks."""
        self._service = service
        self._health = health
        self._shown: set[Gauge] = set()
        self._read_at = -math.inf

    async def show(self) -> None:
        """Bring the gauges up to date."""
        if monotonic() - self._read_at < _KEPT_SECONDS:
            return
        self._read_at = monotonic()
        try:
            async with self._health.database.connection() as connection:
                values = {**await self._read(connection), **await self._health.measure(connection)}
        except Unavailable:
            telemetry.database_up.labels(self._service).set(0)
            for gauge in self._shown:
                gauge.set(math.nan)
            return
        telemetry.database_up.labels(self._service).set(1)
        # A kind of timer of which there is none any more is not late.
        for gauge in self._shown - values.keys():
            gauge.set(0)
        for gauge, value in values.items():
            gauge.set(value)
        self._shown |= values.keys()

    async def _read(self, connection: Connection) -> Mapping[Gauge, float]:
        row = await connection.fetchrow(_STANDING, FENCED)
        assert row is not None
        service = self._service
        is_blown = row["parked"] >= FUSE_AT and await is_fuse_blown(connection, service)
        values: dict[Gauge, float] = {
            telemetry.outbox_unsent.labels(service): row["unsent"],
            telemetry.outbox_oldest_seconds.labels(service): row["oldest"],
            telemetry.relay_stuck_keys.labels(service): row["stuck_keys"],
            telemetry.relay_fenced.labels(service): row["fenced"],
            telemetry.parked_now.labels(service): row["parked"],
            telemetry.fuse_blown.labels(service): is_blown,
        }
        for kind, seconds in row["timers_late"].items():
            values[telemetry.timers_late_seconds.labels(service, kind)] = seconds
        # Whoever was never heard of has been silent for ever.
        silent = dict.fromkeys(self._expected(), math.inf) | {(reader, topic): seconds for reader, topic, seconds in row["beats"]}
        for (reader, topic), seconds in silent.items():
            values[telemetry.reader_silent_seconds.labels(service, reader, topic)] = seconds
        return values

    def _expected(self) -> list[tuple[str, str]]:
        relay = [(RELAY, "")] if self._health.has_relay else []
        return relay + [(reads.reader, topic) for reads in self._health.reads for topic in reads.topics]
