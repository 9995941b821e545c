"""What is read without a transaction: the queue, a case, and what happened to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from chassis.database.sql import Database
from chassis.live import Row
from chassis.security.auth import Caller
from contracts.codes import Urgency
from triage.adapters.sql.cases import CASE_COLUMNS, case_of
from triage.application.permission import OWN_BY_ORGANISATION, sees_all
from triage.domain.case import Case, Status
from triage.domain.timeline import Happened

# $2 and $3 are null for who sees all; else whose contacts these are.
_QUEUE = f"""
select {CASE_COLUMNS}, queue_rank, (select db_clock()) as now from cases
where queue_rank is not null
  and ($1 or registered_by = $2 or organisation = $3)
  and ($4::text is null or vr = $4) and ($5::text is null or roaz = $5) and ($6::text is null or urgency = $6)
  and ($7::text is null or status = $7)
  and ($8::int is null or (queue_rank, registered_at, case_id) > ($8, $9, $10))
order by queue_rank, registered_at, case_id limit $11
"""
_CASE = f"select {CASE_COLUMNS}, (select db_clock()) as now from cases where case_id = $1"
_TIMELINE = """
select id, what, at, by, facts, recorded_at from timeline where case_id = $1 and id > $2 order by id limit $3
"""

LIVE_ROWS: Final = f"""
select case_id as id, {CASE_COLUMNS}, status, urgency, changed_xid, queue_rank is not null as is_listed, (select db_clock()) as now from cases
"""
"""For the live queue: also cases that have left it, so that readers are told."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of the queue; None lets everything through."""

    vr: str | None = None
    roaz: str | None = None
    urgency: Urgency | None = None
    status: Status | None = None

    def match(self, row: Row) -> bool:
        """Whether this row of the live queue passes."""
        wanted = {"vr": self.vr, "roaz": self.roaz, "urgency": self.urgency, "status": self.status}
        return all(value is None or row[name] == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the queue a page ends."""

    rank: int
    registered_at: datetime
    case_id: UUID


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of the timeline as it is stored."""

    number: int
    what: Happened
    at: datetime
    by: str | None
    facts: Mapping[str, Any]
    recorded_at: datetime


class Queries:
    """Reads on the service's database; what depends on time goes by its clock, given with each row."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self, who: Caller, filters: Filters, after: Place | None, limit: int) -> list[tuple[Case, datetime]]:
        """The open cases that this caller may see, most urgent first."""
        organisation = who.org if who.role in OWN_BY_ORGANISATION else None
        place = (after.rank, after.registered_at, after.case_id) if after else (None, None, None)
        rows = await self._fetch(
            _QUEUE, sees_all(who), who.subject, organisation, filters.vr, filters.roaz, filters.urgency, filters.status, *place, limit
        )
        return [(case_of(row), row["now"]) for row in rows]

    async def case(self, case_id: UUID) -> tuple[Case, datetime] | None:
        """A case, with the database's clock."""
        rows = await self._fetch(_CASE, case_id)
        return (case_of(rows[0]), rows[0]["now"]) if rows else None

    async def timeline(self, case_id: UUID, after: int, limit: int) -> list[Step]:
        """What happened to a case, oldest first."""
        rows = await self._fetch(_TIMELINE, case_id, after, limit)
        return [Step(row["id"], Happened(row["what"]), row["at"], row["by"], row["facts"], row["recorded_at"]) for row in rows]

    async def _fetch(self, statement: str, *arguments: Any) -> Sequence[Any]:
        async with self._database.connection() as connection:
            return await connection.fetch(statement, *arguments)
