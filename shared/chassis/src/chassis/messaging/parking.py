"""Setting records aside: rejected (a report broke a rule) or parked (an event broke its contract), each kept with its reason."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from chassis.database.sql import Connection, Transaction
from chassis.kafka.record import Record
from chassis.observability import telemetry
from contracts.parking import RecordSetAsideV1, parked_topic

Kind = Literal["rejected", "parked"]

_LARGEST_KEPT = 64 * 1024
FUSE_AT = 100
"""So many events parked in ten minutes stop the workers."""

_SET_ASIDE = """
insert into parked (reader, kind, topic, partition, "offset", key, blocks_key, follows, type, event_id, sequence, recorded_at,
                    appended_at, headers, body, size, sha256, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
on conflict on constraint parked_once do nothing
returning id
"""
_BLOCKED = """
select distinct key from parked
where reader = $1 and topic = $2 and key = any($3::text[]) and kind = 'parked' and blocks_key and resolved_at is null
"""
# The hundredth newest open row within ten minutes of the newest: rows, not a counter, so that it outlives restarts and stays blown until
# people have replayed or discarded them. Rejected reports never count, or one provider would stop everyone; nor does what only waits for
# an earlier event of its key, or one bad event of a busy key would.
_FUSE = f"""
with newest as (
    select set_aside_at from parked
    where reader = $1 and kind = 'parked' and resolved_at is null and not follows order by set_aside_at desc limit {FUSE_AT}
)
select count(*) >= {FUSE_AT} and max(set_aside_at) - min(set_aside_at) < interval '10 minutes' from newest
"""
# By place in the log, not by version: of a record whose body cannot be read, the version proves nothing.
_SUPERSEDE = """
update parked p set resolved_at = clock_timestamp(), resolution = 'superseded'
from unnest($3::text[], $4::int[], $5::bigint[]) as newer (key, partition, "offset")
where p.reader = $1 and p.topic = $2 and p.key = newer.key and p.kind = 'parked' and p.resolved_at is null
  and p.partition = newer.partition and p."offset" < newer."offset"
returning p.key
"""


@dataclass(frozen=True, slots=True)
class Aside:
    """A record to be set aside, and why."""

    record: Record
    reason: str
    blocks_key: bool = False
    """Later events of the key wait for this one."""
    follows: bool = False
    """Nothing is wrong with it: it waits for an earlier event of its key."""


async def set_aside(tx: Transaction, reader: str, kind: Kind, asides: Sequence[Aside]) -> None:
    """Keep these records with their reasons, in the transaction of their batch, and send a copy of each to the parked topic.

    A record that was set aside before (its batch came again) is kept once and sent once.
    """
    topic = parked_topic(reader)
    for aside in asides:
        record, attributes = aside.record, aside.record.attributes
        kept = record.body[:_LARGEST_KEPT]
        digest = hashlib.sha256(record.body).hexdigest()
        is_new = await tx.connection.fetchval(
            _SET_ASIDE,
            reader,
            kind,
            record.topic,
            record.partition,
            record.offset,
            record.key,
            aside.blocks_key,
            aside.follows,
            attributes.type,
            str(attributes.id) if attributes.id else None,
            attributes.sequence,
            attributes.time,
            record.appended_at,
            # A token would let whoever reads the parked records act as its sender.
            {name: value for name, value in record.headers.items() if name != "authorization"},
            kept,
            len(record.body),
            digest,
            aside.reason,
        )
        if is_new is None:
            continue
        (telemetry.rejected if kind == "rejected" else telemetry.parked).labels(reader, record.topic).inc()
        tx.publish(
            topic,
            RecordSetAsideV1(
                reader=reader,
                kind=kind,
                reason=aside.reason,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                key=record.key,
                ce_type_sent=attributes.type,
                ce_id_sent=str(attributes.id) if attributes.id else None,
                ce_sequence_sent=attributes.sequence,
                size=len(record.body),
                sha256=digest,
                body_base64=base64.b64encode(kept).decode(),
                is_whole=len(kept) == len(record.body),
            ),
            key=record.key or f"{record.topic}/{record.partition}",
        )


async def blocked_keys(connection: Connection, reader: str, topic: str, keys: Sequence[str]) -> set[str]:
    """The keys among these that wait for a parked event."""
    return {row["key"] for row in await connection.fetch(_BLOCKED, reader, topic, keys)}


async def supersede(connection: Connection, reader: str, topic: str, newest: Mapping[str, tuple[int, int]]) -> list[str]:
    """On a compacted topic a newer whole state takes the place of what is parked.

    Args:
        connection: in the transaction that applied the newer states.
        reader: whose they are.
        topic: without namespace.
        newest: partition and offset of the newest state applied, by key.

    Returns:
        The keys for which it did.
    """
    if not newest:
        return []
    partitions, offsets = [place[0] for place in newest.values()], [place[1] for place in newest.values()]
    return sorted({row["key"] for row in await connection.fetch(_SUPERSEDE, reader, topic, list(newest), partitions, offsets)})


async def is_fuse_blown(connection: Connection, reader: str) -> bool:
    """Whether so much was parked in so short a time that it must be our own fault: bad code or a wrong topic, not bad events."""
    return bool(await connection.fetchval(_FUSE, reader))
