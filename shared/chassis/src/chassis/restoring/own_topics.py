"""A service reads its own topics: what it once told, which its database may have forgotten."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.database.sql import Database
from chassis.kafka.topic_records import records_of
from chassis.messaging.reading import Received, parse
from chassis.restoring.portions import portions
from chassis.settings import ServiceSettings
from contracts.event import generation_of
from contracts.topic import Topic

# What was written after a moment was sent after it; but records carry the relay's time, and its clock may differ from the database's.
_CLOCKS_DIFFER_BY = timedelta(minutes=10)

_VERSIONS = "select key, version from outbox_versions where topic = $1 and key = any($2::text[])"
_REMEMBER = """
insert into outbox_versions as v (topic, key, version) select * from unnest($1::text[], $2::text[], $3::bigint[])
on conflict (topic, key) do update set version = greatest(v.version, excluded.version)
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What a service's own topics say."""

    keys: Mapping[str, Collection[str]]
    """Of each compacted topic, without namespace: the keys that it has."""
    forgotten: Sequence[Received[Any]]
    """The events on its other topics that the database does not know of, each once, in the order of each key."""
    generation: int
    """The highest of all that was read."""


async def read_own_topics(settings: ServiceSettings, database: Database, topics: Collection[Topic], since: datetime) -> Told:
    """Read compacted topics whole, and of the others what was sent since the moment that the database was restored to."""
    keys: dict[str, dict[str, bool]] = {topic.name: {} for topic in topics if topic.is_compacted}
    forgotten: list[Received[Any]] = []
    generation = 0
    for topic in topics:
        seen: dict[str, int] = {}
        async for records in records_of(settings, topic, since=None if topic.is_compacted else since - _CLOCKS_DIFFER_BY):
            ours = [one for one in records if not one.is_topic_id and one.key is not None and one.attributes.sequence is not None]
            generation = max([generation, *(generation_of(one.attributes.sequence or 0) for one in ours)])
            if topic.is_compacted:
                keys[topic.name] |= {one.key: not one.is_tombstone for one in ours if one.key is not None}
            else:
                forgotten += await _unknown(database, [item for one in ours if isinstance(item := parse(topic, one), Received)], seen)
    present = {name: [key for key, is_there in of_topic.items() if is_there] for name, of_topic in keys.items()}
    return Told(present, forgotten, generation)


async def remember(database: Database, events: Sequence[Received[Any]]) -> None:
    """Know of these events that they were told, so that nobody takes them back a second time."""
    newest = {(event.topic, event.key): event.version for event in events}
    for some in portions(sorted(newest.items())):
        async with database.begin() as tx:
            await tx.connection.execute(
                _REMEMBER, [topic for (topic, _), _ in some], [key for (_, key), _ in some], [version for _, version in some]
            )


async def _unknown(database: Database, events: Sequence[Received[Any]], seen: dict[str, int]) -> list[Received[Any]]:
    if not events:
        return []
    async with database.connection() as connection:
        rows = await connection.fetch(_VERSIONS, events[0].topic, list({event.key for event in events}))
    known = {row["key"]: row["version"] for row in rows}
    unknown = []
    for event in events:
        # A relay that stopped before it had noted what it sent sends it again.
        if event.version > max(known.get(event.key, 0), seen.get(event.key, 0)):
            unknown.append(event)
            seen[event.key] = event.version
    return unknown
