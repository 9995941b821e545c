"""What happened to cases, in PostgreSQL; its rows refuse to be changed."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from chassis.sql import Connection
from triage.domain.timeline import Entry

_ADD = """
insert into timeline (case_id, what, at, by, facts, recorded_at)
select case_id, what, at, by, facts::jsonb, $6
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) as n (case_id, what, at, by, facts)
"""


class SqlTimeline:
    """The timeline's port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, entries: Sequence[Entry], now: datetime) -> None:
        if not entries:
            return
        await self._connection.execute(
            _ADD,
            [entry.case_id for entry in entries],
            [entry.what for entry in entries],
            [entry.at for entry in entries],
            [entry.by for entry in entries],
            # As text, because asyncpg cannot tell an array of JSON values from an array of arrays; its UUIDs are a class of its own.
            [orjson.dumps(entry.facts, default=str, option=orjson.OPT_UTC_Z).decode() for entry in entries],
            now,
        )
