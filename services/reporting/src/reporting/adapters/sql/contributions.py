"""What units contribute to the figures, taken off and put on in sets."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.observability.trace_context import current_traceparent
from reporting.adapters.sql.held import held
from reporting.application.ports import Contribution, Holding

CHANNEL = "dirty"
"""Wakes the publisher, once a transaction; it polls as well, because a notification can get lost."""

# A statement of its own: the next one reads what whoever held these rows has committed. In the order of units, as everyone.
_LOCK_KNOWN = "select from contributions where unit_id = any($1::uuid[]) order by unit_id for update"
# A unit that is not known yet has no row to lock; its holds may come at this very moment, and whoever reads first would not see the
# other. So both meet at the row of its holds, before the rows of units. A unit becomes known only here, one at a time by its version.
_LOCK = """
with met as (
    insert into unit_holds as h (unit_id, version)
    select unit_id, 0 from unnest($1::uuid[]) as u (unit_id)
    where not exists (select from contributions c where c.unit_id = u.unit_id)
    order by unit_id
    on conflict (unit_id) do update set version = h.version
    returning 1
)
select from contributions where unit_id = any($1::uuid[]) and (select count(*) from met) >= 0 order by unit_id for update
"""

_UNIT = "unit_id, version, partition, location_id, sector, care_type, cohort, in_country, in_roaz, in_vr, includes_holds"
_VALUES = "total, open, occupied, reserved, free, observed_at, fresh_until"

# `changes` holds each touched contribution twice: as it is now with sign 1 and as it was with sign -1. A unit counts in every figure it
# is in; its values count while they are fresh. Partials are written in one order by everyone, so that nobody waits in a circle.
_SUMS = ("total", "open", "occupied", "reserved", "free")


def _add_up(since: str, traceparent: str) -> str:
    return f"""
deltas as (
    select f.figure, c.partition, sum(c.sign) as units,
           {
        ", ".join(
            f"coalesce(sum(c.sign * c.{name}) filter (where c.counts), 0) as {name}, "
            f"coalesce(sum(c.sign) filter (where c.counts and c.{name} is not null), 0) as {name}_known"
            for name in _SUMS
        )
    },
           coalesce(sum(c.sign * c.held), 0) as held,
           coalesce(sum(c.sign * greatest(c.free - c.held, 0)) filter (where c.counts and c.free is not null), 0) as available
    from changes c cross join lateral (values (c.in_country), (c.in_roaz), (c.in_vr)) as f (figure)
    group by f.figure, c.partition
), added as (
    insert into partials as p (figure, partition, units, {", ".join(f"{name}, {name}_known" for name in _SUMS)}, held, available)
    select figure, partition, units, {", ".join(f"{name}, {name}_known" for name in _SUMS)}, held, available
    from deltas order by figure, partition
    on conflict (figure, partition) do update set
        units = p.units + excluded.units,
        {", ".join(f"{name} = p.{name} + excluded.{name}, {name}_known = p.{name}_known + excluded.{name}_known" for name in _SUMS)},
        held = p.held + excluded.held, available = p.available + excluded.available
), noted as (
    insert into dirty (figure, since, traceparent)
    select distinct figure, {since}::timestamptz, {traceparent}::text from deltas order by figure
)
select count(*) as units, pg_notify('{CHANNEL}', '') from put
"""


_CHANGES = """
changes as (
    select 1 as sign, put.* from put
    union all
    select -1, c.* from contributions c join put using (unit_id)
)"""

_STORED = f"{_UNIT}, {_VALUES}, held, counts"
_PUT = f"""
with told as (
    select {_UNIT.replace("includes_holds", "includes_holds::uuid[] as includes_holds")}, {_VALUES}
    from unnest($1::uuid[], $2::bigint[], $3::int[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                $11::text[], $12::int[], $13::int[], $14::int[], $15::int[], $16::int[], $17::timestamptz[], $18::timestamptz[])
         as i ({_UNIT}, {_VALUES})
), incoming as (
    select t.*, {held("t", "h")} as held, coalesce(t.fresh_until > (select db_clock()), false) as counts
    from told t left join unit_holds h using (unit_id)
), put as (
    insert into contributions as c ({_STORED})
    select {_STORED} from incoming order by unit_id
    on conflict (unit_id) do update set ({_STORED}) = row ({", ".join(f"excluded.{name}" for name in _STORED.split(", "))})
    where c.version < excluded.version
    returning c.*
), {_CHANGES}, {_add_up("$19", "$20")}
"""

_KEEP_HOLDS = """
insert into unit_holds as h (unit_id, version, holds, absorbed_by)
select unit_id, version, holds::uuid[], absorbed_by::bigint[]
from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[]) as i (unit_id, version, holds, absorbed_by) order by unit_id
on conflict (unit_id) do update set version = excluded.version, holds = excluded.holds, absorbed_by = excluded.absorbed_by
where h.version < excluded.version
"""
# An offer that is accepted changes the hold and not the number of places: then no figure is touched.
_HOLD = f"""
with now as (
    select c.unit_id, {held("c", "h")} as held from contributions c join unit_holds h using (unit_id) where c.unit_id = any($1::uuid[])
), put as (
    update contributions c set held = n.held from now n where c.unit_id = n.unit_id and c.held <> n.held returning c.*
), {_CHANGES}, {_add_up("$2", "$3")}
"""

# Skipping what others hold costs a round and not a wait: whoever holds a unit is putting a newer contribution in its place. Read again by
# id in the next statement, because a row may have changed between the look and the lock.
_DUE = """
select unit_id from contributions where counts and fresh_until <= (select db_clock())
order by fresh_until limit $1 for update skip locked
"""
_EXPIRE = f"""
with put as (
    update contributions c set counts = false
    where unit_id = any($1::uuid[]) and counts and fresh_until <= (select db_clock())
    returning c.*
), {_CHANGES}, {_add_up("null", "null")}
"""
_TAKE_OFF = f"""
with put as (
    delete from contributions where unit_id = any($1::uuid[]) returning *
), changes as (
    select -1 as sign, put.* from put
), {_add_up("null", "null")}
"""
_NEXT = "select extract(epoch from min(fresh_until) - (select db_clock()))::float8 from contributions where counts"

_PARK = "insert into parked_units (topic, unit) select $1, unit from unnest($2::text[]) as u (unit) order by unit on conflict do nothing"
_LIFT = "delete from parked_units where topic = $1 and unit = any($2::text[])"
_NOTE_UNITS = f"""
with noted as (
    insert into dirty (figure)
    select distinct f.figure
    from contributions c cross join lateral (values (c.in_country), (c.in_roaz), (c.in_vr)) as f (figure)
    where c.unit_id::text = any($1::text[])
)
select pg_notify('{CHANNEL}', '')
"""


class SqlContributions:
    """Keeps the port's promises with PostgreSQL."""

    async def put(self, tx: Transaction, contributions: Sequence[Contribution], since: datetime) -> None:
        await tx.connection.execute(_LOCK, [contribution.unit_id for contribution in contributions])
        columns: list[list[object]] = [[_written(getattr(contribution, name)) for contribution in contributions] for name in _COLUMNS]
        await tx.connection.fetch(_PUT, *columns, since, current_traceparent.get())

    async def hold(self, tx: Transaction, holdings: Sequence[Holding], since: datetime) -> None:
        units = [holding.unit_id for holding in holdings]
        columns: list[list[object]] = [[_written(getattr(holding, name)) for holding in holdings] for name in _HOLDING]
        await tx.connection.execute(_KEEP_HOLDS, *columns)
        await tx.connection.execute(_LOCK_KNOWN, units)
        await tx.connection.fetch(_HOLD, units, since, current_traceparent.get())

    async def take_off(self, tx: Transaction, units: Sequence[UUID]) -> None:
        await tx.connection.execute(_LOCK_KNOWN, units)
        await tx.connection.fetch(_TAKE_OFF, units)

    async def expire(self, tx: Transaction, limit: int) -> int:
        due = await tx.connection.fetch(_DUE, limit)
        if due:
            await tx.connection.fetch(_EXPIRE, [row["unit_id"] for row in due])
        return len(due)

    async def next_expiry_in_seconds(self, tx: Transaction) -> float | None:
        seconds: float | None = await tx.connection.fetchval(_NEXT)
        return seconds

    async def mark_parked(self, tx: Transaction, topic: str, units: Sequence[str], *, is_parked: bool) -> None:
        await tx.connection.execute(_PARK if is_parked else _LIFT, topic, units)
        await tx.connection.fetch(_NOTE_UNITS, units)


_COLUMNS = tuple(f"{_UNIT}, {_VALUES}".split(", "))
_HOLDING = ("unit_id", "version", "holds", "absorbed_by")


def _written(value: object) -> object:
    # Lists of different lengths are no array of PostgreSQL's: each travels as text.
    return f"{{{','.join(map(str, value))}}}" if isinstance(value, tuple) else value
