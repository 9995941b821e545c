"""Which provider may see who a patient is, in PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from chassis.database.sql import Connection
from triage.application.ports import Acceptance

# An older event never overrules a newer one, whatever the way by which it came here a second time.
_BEGIN = """
insert into acceptances as known (case_id, offer_id, organisation, version, partition, accepted_at, has_ended)
values ($1, $2, $3, $4, $5, $6, false)
on conflict (case_id) do update set offer_id = excluded.offer_id, organisation = excluded.organisation, version = excluded.version,
    partition = excluded.partition, accepted_at = excluded.accepted_at, has_ended = false
where known.version < excluded.version
"""
_END = """
update acceptances set has_ended = true, version = $3
where case_id = $1 and ($2::uuid is null or offer_id = $2) and version < $3
"""
_OF = "select case_id, offer_id, organisation, version, partition, accepted_at, has_ended from acceptances where case_id = $1"
_HEARD = """
insert into placement_heartbeats as known (partition, heard_at)
select partition, heard_at from unnest($1::int[], $2::timestamptz[]) as n (partition, heard_at) order by partition
on conflict (partition) do update set heard_at = excluded.heard_at where known.heard_at < excluded.heard_at
"""
_LAST_HEARD = "select heard_at from placement_heartbeats where partition = $1"


class SqlAcceptances:
    """The acceptances' port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def begin(self, acceptances: Sequence[Acceptance]) -> None:
        for one in acceptances:
            await self._connection.execute(_BEGIN, one.case_id, one.offer_id, one.organisation, one.version, one.partition, one.accepted_at)

    async def end(self, ended: Sequence[tuple[UUID, UUID | None, int]]) -> None:
        for case_id, offer_id, version in ended:
            await self._connection.execute(_END, case_id, offer_id, version)

    async def of(self, case_id: UUID) -> Acceptance | None:
        row = await self._connection.fetchrow(_OF, case_id)
        return None if row is None else Acceptance(**row)

    async def heard(self, beats: Mapping[int, datetime]) -> None:
        await self._connection.execute(_HEARD, list(beats), list(beats.values()))

    async def last_heard(self, partition: int) -> datetime | None:
        heard_at: datetime | None = await self._connection.fetchval(_LAST_HEARD, partition)
        return heard_at
