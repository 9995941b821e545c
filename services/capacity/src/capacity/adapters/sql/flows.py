"""Flows in PostgreSQL, by the same rules as reports."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from capacity.application.ports import FlowFact, Known
from chassis.database.sql import Connection

_STORE = """
with sent as (
    select * from unnest($1::uuid[], $2::int[], $3::bool[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::text[],
                         $10::timestamptz[], $11::text[], $12::int[], $13::int[], $14::bytea[], $15::text[])
        as s (flow_id, revision, retracted, source, location_id, unit_id, kind, care_type, cohort, occurred_at, destination_sent, count,
              occupancy_change, digest, sender)
), stored as (
    insert into flows (flow_id, revision, retracted, source, location_id, unit_id, kind, care_type, cohort, occurred_at, destination_sent,
                       count, occupancy_change, digest, sender, recorded_at)
    select flow_id, revision, retracted, source, location_id, unit_id, kind, care_type, cohort, occurred_at, destination_sent, count,
           occupancy_change, digest, sender, $16
    from sent s
    where not exists (select from flows k where k.flow_id = s.flow_id and (k.location_id, k.unit_id) is distinct from (s.location_id, s.unit_id))
    order by flow_id, revision
    on conflict do nothing
    returning flow_id, revision, location_id, unit_id, digest
)
select flow_id, revision, location_id, unit_id, digest, true as is_new from stored
union all
select flow_id, revision, location_id, unit_id, digest, false from flows where flow_id = any($1)
"""
_KNOWN = "select flow_id, revision, location_id, unit_id, digest, false as is_new from flows where flow_id = any($1::uuid[])"
_MARK = "update units set has_flows = true where unit_id = any($1::uuid[]) and not has_flows"


class SqlFlows:
    """The flows' port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def store(self, facts: Sequence[FlowFact], now: datetime) -> Mapping[tuple[UUID, int], Known]:
        flows = [fact.flow for fact in facts]
        ids = [flow.flow_id for flow in flows]
        rows = await self._connection.fetch(
            _STORE,
            ids,
            [flow.revision for flow in flows],
            [flow.is_retracted for flow in flows],
            [flow.source for flow in flows],
            [flow.location_id for flow in flows],
            [flow.unit_id for flow in flows],
            [flow.kind for flow in flows],
            [flow.care_type for flow in flows],
            [flow.cohort for flow in flows],
            [flow.occurred_at for flow in flows],
            [flow.destination_sent for flow in flows],
            [flow.count for flow in flows],
            [flow.occupancy_change for flow in flows],
            [fact.digest for fact in facts],
            [fact.sender for fact in facts],
            now,
        )
        known = _known(rows)
        if any((flow.flow_id, flow.revision) not in known for flow in flows):
            # Another transaction took an id while this one waited for it: what it committed shows in the next statement only.
            known = {**_known(await self._connection.fetch(_KNOWN, ids)), **known}
        return known

    async def mark(self, unit_ids: Collection[UUID]) -> None:
        if unit_ids:
            await self._connection.execute(_MARK, list(unit_ids))


def _known(rows: Sequence[Record]) -> dict[tuple[UUID, int], Known]:
    known: dict[tuple[UUID, int], Known] = {}
    for row in rows:
        found = Known(row["location_id"], row["digest"], row["is_new"], row["unit_id"])
        known.setdefault((row["flow_id"], row["revision"]), found)
    return known
