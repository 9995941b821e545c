"""What the audit reads, and what is forgotten in time."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.database.sql import Connection, Database
from contracts.capacity import UNITS
from contracts.triage import CASES
from placement.adapters.sql.statuses import HOLDING_SQL
from placement.application.audit import Findings
from placement.domain.request import MOST_MOVES

# An accepted hold whose patient has left has no end of its own, but may be asked about.
_ENDS = "status in ('OFFERED', 'ACCEPTED', 'UNDERWAY') and least(held_until, confirm_by)"
_HOLDS_DUE = f"""
select count(*), coalesce(extract(epoch from max(clock.now - least(held_until, confirm_by))), 0)::float8 as seconds
from (select db_clock() as now) as clock, offers where {_ENDS} < clock.now
"""
# In one statement, so that all is of one moment: counters and holds change in the same transactions.
_LOOK = f"""
with parked_now as (
    select distinct key from parked where reader = 'placement' and topic = $1 and kind = 'parked' and blocks_key and resolved_at is null
), counted as (
    select o.unit_id, count(*) filter (where not (o.offer_id = any(u.includes_holds))) as held
    from offers o join units u using (unit_id)
    where o.status in {HOLDING_SQL} group by o.unit_id
)
select
    (select count(*) from units u left join counted c using (unit_id) where u.held <> coalesce(c.held, 0)) as counters,
    (select count(*) from offers where {_ENDS} < db_clock() - interval '1 minute') as overdue,
    (select count(*) from requests r
     where status in ('OPEN', 'MOVING') and not exists (select from offers o where o.case_id = r.case_id and o.status = 'OFFERED')
       and (status = 'OPEN' or (region_index < cardinality(regions) and moves < {MOST_MOVES}))
       and (unattended_at is null or unattended_at < db_clock() - interval '1 minute'))
    + (select count(*) from requests r
       where status in ('PLACED', 'MOVING') and (status = 'MOVING') <> exists (
           select from offers o where o.case_id = r.case_id and o.status = 'ACCEPTED' and o.has_room is false
       )) as stuck,
    (select count(*) from units u left join parked_now p on p.key = u.unit_id::text where u.is_parked <> (p.key is not null)) as marks
"""
_FORGET = "delete from ended_requests where at < db_clock() - $1::interval"


@dataclass(frozen=True, slots=True)
class SqlBooks:
    """The audit's port on the service's database."""

    database: Database

    async def look(self) -> Findings:
        async with self.database.connection() as connection:
            row = await connection.fetchrow(_LOOK, UNITS.name)
        assert row is not None
        return Findings(**row)


async def holds_due(connection: Connection) -> tuple[int, float]:
    """How many holds, and questions whether there is room, are past their end, and for how many seconds the oldest is."""
    row = await connection.fetchrow(_HOLDS_DUE)
    assert row is not None
    return row["count"], row["seconds"]


async def forget_ends(connection: Connection) -> None:
    """Forget ends whose request never came: what Kafka keeps no longer cannot be on its way."""
    await connection.execute(_FORGET, CASES.retention or timedelta(days=30))
