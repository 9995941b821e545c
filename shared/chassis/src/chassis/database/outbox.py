"""The outbox: events are rows, written in the transaction of what they tell, and sent by the relay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.database.connection import Connection
from chassis.database.generations import BASE


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event on its way into the outbox; the topic without the namespace of the deployment."""

    topic: str
    key: str
    type: str
    subject: str
    body: bytes | None
    """None for a tombstone: the key is gone for good."""
    event_id: UUID
    partition: int | None
    traceparent: str | None


CHANNEL = "outbox"
"""Wakes the relay, once a transaction; the relay polls every second as well, because a notification can get lost."""

FENCED: Final = "fenced relay"
"""Under this name the heartbeats keep when a relay was last refused, and as its position how often one was."""

# One statement, because the order within it is what keeps the order outside: the upsert of the version row locks the key (sorted, so
# that two transactions never wait for each other), and only then do rows get their ids. So for one key the order of versions, of ids
# and of commits is the same, and the relay may send by id. The first event of a key in a new generation is number one of it.
_WRITE = f"""
with incoming as (
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::uuid[], $7::int[], $8::text[])
        with ordinality as m (topic, key, type, subject, body, event_id, partition, traceparent, nth)
), base as materialized (
    select {BASE} as base
), counted as (
    select topic, key, count(*) as events from incoming group by topic, key order by topic, key
), versions as (
    insert into outbox_versions as v (topic, key, version)
    select topic, key, base + events from counted, base order by topic, key
    on conflict (topic, key) do update
    set version = greatest(v.version, (select base from base)) + excluded.version - (select base from base)
    returning topic, key, version
), written as (
    insert into outbox (aggregatetype, aggregateid, type, subject, payload, event_id, partition, traceparent, version)
    select topic, key, type, subject, body, event_id, partition, traceparent,
           version - events + row_number() over (partition by topic, key order by nth)
    from incoming join counted using (topic, key) join versions using (topic, key)
    order by nth
    returning id
)
select pg_notify('{CHANNEL}', '') from (select count(*) from written) as all_of_them
"""


async def write_outbox(connection: Connection, outgoing: Sequence[Outgoing]) -> None:
    """Write these events with the next versions of their keys, and wake the relay when the transaction commits."""
    await connection.execute(
        _WRITE,
        [event.topic for event in outgoing],
        [event.key for event in outgoing],
        [event.type for event in outgoing],
        [event.subject for event in outgoing],
        [event.body for event in outgoing],
        [event.event_id for event in outgoing],
        [event.partition for event in outgoing],
        [event.traceparent for event in outgoing],
    )
