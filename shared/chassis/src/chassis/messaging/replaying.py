"""Looking after what was parked: list it, replay it in order before its key goes on, or discard it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from chassis.database.sql import Database, Transaction
from chassis.errors import Rejected
from chassis.kafka.record import Record
from chassis.messaging.delivery import is_next
from chassis.messaging.positions import lock_versions
from chassis.messaging.reading import Broken, Reading, Received, parse

_LIST = """
select id, kind, topic, partition, "offset", key, type, sequence, reason, size, set_aside_at, resolved_at, resolution
from parked where reader = $1 and ($2 or resolved_at is null) order by id
"""
_KEYS = """
select distinct key from parked
where reader = $1 and topic = $2 and kind = 'parked' and resolved_at is null and key is not null and ($3::text is null or key = $3) order by key
"""
# What blocks its key first, in order; what blocks nothing is looked at after it.
_OF_KEY = """
select id, partition, "offset", appended_at, key, blocks_key, headers, body, size from parked
where reader = $1 and topic = $2 and key = $3 and kind = 'parked' and resolved_at is null order by not blocks_key, sequence, id
"""
_RESOLVE = "update parked set resolved_at = clock_timestamp(), resolution = $2 where id = any($1::bigint[])"
_ADVANCE = "update reader_versions set version = greatest(version, $4) where reader = $1 and topic = $2 and key = $3"
_KEYS_OF = "select distinct topic, key from parked where reader = $1 and id = any($2::bigint[]) and key is not null order by topic, key"
_DISCARD = """
update parked set resolved_at = clock_timestamp(), resolution = 'discarded'
where reader = $1 and id = any($2::bigint[]) and resolved_at is null returning topic, key, blocks_key
"""
_OPEN_KEYS = (
    "select distinct key from parked where reader = $1 and topic = $2 and key = any($3::text[]) and blocks_key and resolved_at is null"
)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How a key came out: how many of its events were applied, and why it stopped, if it did."""

    topic: str
    key: str
    applied: int
    stopped_by: str | None


async def list_parked(database: Database, reader: str, *, resolved: bool = False) -> Sequence[asyncpg.Record]:
    """What was set aside, oldest first; bodies are never shown."""
    async with database.connection() as connection:
        return await connection.fetch(_LIST, reader, resolved)


async def replay(database: Database, reader: str, readings: Sequence[Reading], *, key: str | None = None) -> list[Replayed]:
    """Apply the parked events of each key, in order, as far as they succeed; never through the original topic.

    One transaction a key, under the lock of its version row, so that the running worker neither overtakes it nor adds behind it.
    """
    outcomes = []
    for reading in readings:
        async with database.connection() as connection:
            keys = [row["key"] for row in await connection.fetch(_KEYS, reader, reading.topic.name, key)]
        for one in keys:
            async with database.begin() as tx:
                outcomes.append(await _replay_key(tx, reader, reading, one))
    return outcomes


async def _replay_key(tx: Transaction, reader: str, reading: Reading, key: str) -> Replayed:
    topic = reading.topic.name
    versions = await lock_versions(tx.connection, reader, topic, [key])
    known = versions[key]
    rows = await tx.connection.fetch(_OF_KEY, reader, topic, key)
    done: list[int] = []
    stopped_by = None
    for row in rows:
        item = _read(reading, row)
        if isinstance(item, Received) and (row["blocks_key"] or is_next(reading.topic, known, item.version)):
            stopped_by = await _apply(tx, reading, item)
        elif isinstance(item, str) and row["blocks_key"]:
            stopped_by = item
        else:
            # It blocks nothing and cannot be applied: it stays until somebody discards it.
            continue
        if stopped_by is not None:
            break
        assert isinstance(item, Received)
        known = max(known, item.version)
        done.append(row["id"])
    await tx.connection.execute(_RESOLVE, done, "replayed")
    await tx.connection.execute(_ADVANCE, reader, topic, key, known)
    if done and reading.on_parked is not None and not await tx.connection.fetch(_OPEN_KEYS, reader, topic, [key]):
        await reading.on_parked(tx, [key], False)
    return Replayed(topic, key, len(done), stopped_by)


def _read(reading: Reading, row: asyncpg.Record) -> Received[Any] | str:
    """The event of a parked row, or why there is none."""
    if len(row["body"]) < row["size"]:
        return "only the beginning of its body was kept; discard it"
    item = parse(
        reading.topic,
        Record(
            topic=reading.topic.name,
            partition=row["partition"],
            offset=row["offset"],
            appended_at=row["appended_at"],
            key=row["key"],
            headers=row["headers"],
            body=row["body"],
        ),
    )
    return item.reason if isinstance(item, Broken) else item


async def _apply(tx: Transaction, reading: Reading, item: Received[Any]) -> str | None:
    handler = reading.handlers.get(type(item.event))
    if handler is None:
        return None
    try:
        async with tx.savepoint():
            await handler(tx, [item])
    except Rejected as rejected:
        return str(rejected)
    return None


async def discard(database: Database, reader: str, readings: Sequence[Reading], ids: Sequence[int]) -> int:
    """Give these up; their keys go on without them. Gives how many there were."""
    async with database.begin() as tx:
        # First the lock of their keys: the running worker may be adding behind them just now.
        keys: defaultdict[str, list[str]] = defaultdict(list)
        for row in await tx.connection.fetch(_KEYS_OF, reader, ids):
            keys[row["topic"]].append(row["key"])
        for reading in readings:
            await lock_versions(tx.connection, reader, reading.topic.name, keys[reading.topic.name])
        rows = await tx.connection.fetch(_DISCARD, reader, ids)
        for reading in readings:
            freed = sorted({row["key"] for row in rows if row["topic"] == reading.topic.name and row["blocks_key"]})
            still_open = {row["key"] for row in await tx.connection.fetch(_OPEN_KEYS, reader, reading.topic.name, freed)}
            lifted = [key for key in freed if key not in still_open]
            if lifted and reading.on_parked is not None:
                await reading.on_parked(tx, lifted, False)
    return len(rows)
