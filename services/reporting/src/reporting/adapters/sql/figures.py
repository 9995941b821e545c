"""The figures that were touched, their sums, and what was last said of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chassis.database.sql import Transaction
from contracts.reporting import FigureChangedV1
from reporting.adapters.sql.held import held
from reporting.application.ports import Sum, Taken, Touched
from reporting.domain.figure import Figure

if TYPE_CHECKING:
    from asyncpg import Record

# By id, so that a backlog goes out in the order in which it came; as many as one round can say. Row by row through the keys, because a
# plan from when the tables were empty would read all figures for each.
_TAKE_DIRTY = """
with noted as materialized (
    select id, figure = any($1::text[]) as rests from dirty order by id limit 20000
), taken as (
    delete from dirty where id = any(array(select id from noted where not rests))
    returning figure, since, traceparent
), locked as materialized (
    select f.figure
    from (select distinct figure from taken order by figure) as t
    cross join lateral (select figure from figures where figure = t.figure for update) as f
)
select figure, figure in (select figure from locked) as is_locked,
       extract(epoch from clock_timestamp() - min(since))::float8 as late,
       extract(epoch from clock_timestamp() - max(since))::float8 as behind, max(traceparent) as traceparent
from taken t group by figure
union all
select null, null, null, null, null from noted having bool_or(rests)
order by figure nulls last
"""
_MEET = "insert into figures (figure) select figure from unnest($1::text[]) as f (figure) order by figure on conflict do nothing"
_LOCK = "select from figures where figure = any($1::text[]) order by figure for update"

# What is incomplete is found once for all figures: looked for figure by figure, every one of them read every unit. And beginning with what
# is parked, which is nothing as a rule: a plan from when there were few units began with them. Not every key is that of a unit.
_SUMS = """
with incomplete as materialized (
    select distinct i.figure
    from parked_units u
    cross join lateral (
        select in_country, in_roaz, in_vr from contributions
        where unit_id = case when pg_input_is_valid(u.unit, 'uuid') then u.unit::uuid end offset 0
    ) as c
    cross join lateral (values (c.in_country), (c.in_roaz), (c.in_vr)) as i (figure)
)
select f.figure, f.said, p.*,
       case l.level when 'NL' then (select min(observed_at) from contributions where in_country = f.figure and counts)
                    when 'ROAZ' then (select min(observed_at) from contributions where in_roaz = f.figure and counts)
                    else (select min(observed_at) from contributions where in_vr = f.figure and counts) end as oldest_observed_at,
       case l.level when 'NL' then (select max(observed_at) from contributions where in_country = f.figure and counts)
                    when 'ROAZ' then (select max(observed_at) from contributions where in_roaz = f.figure and counts)
                    else (select max(observed_at) from contributions where in_vr = f.figure and counts) end as newest_observed_at,
       exists (select from incomplete i where i.figure = f.figure) as incomplete
from figures f
cross join lateral (select split_part(f.figure, '/', 2) as level) as l
cross join lateral (
    select coalesce(sum(units), 0)::int as units,
           case when sum(total_known) > 0 then sum(total)::int end as total,
           case when sum(open_known) > 0 then sum(open)::int end as open,
           case when sum(occupied_known) > 0 then sum(occupied)::int end as occupied,
           case when sum(reserved_known) > 0 then sum(reserved)::int end as reserved,
           case when sum(free_known) > 0 then sum(free)::int end as free,
           coalesce(sum(held), 0)::int as held,
           case when sum(free_known) > 0 then sum(available)::int end as available,
           coalesce(sum(free_known), 0)::int as units_known
    from partials where figure = f.figure
) as p
"""
_SUMS_OF = f"{_SUMS} where f.figure = any($1::text[]) order by f.figure"
# A figure on the list has something to say yet, so its last words may well differ.
_SUMS_AT_REST = f"{_SUMS} where not exists (select from dirty d where d.figure = f.figure) order by f.figure"

_SAID = """
update figures f set said = n.said, said_at = clock_timestamp()
from unnest($1::text[], $2::text[]) as n (figure, said) where f.figure = n.figure and f.figure = any($1::text[])
"""

_FORGET_SAID = "update figures set said = null"
_NOTE_ALL = "with noted as (insert into dirty (figure) select figure from figures order by figure returning 1) select count(*) from noted"

# One statement sees one moment, in which every transaction has put on what it took off. Places held are counted again from the holds.
_NAMES = ("total", "open", "occupied", "reserved", "free")
_COUNTS = ("units", *_NAMES, *(f"{name}_known" for name in _NAMES), "held", "available")
# Units are added up once, by all three of their figures, and only those sums three times: half the time of going through them for each.
_PARTIALS_THAT_DIFFER = f"""
with units as materialized (
    select c.in_country, c.in_roaz, c.in_vr, c.partition, c.counts, {", ".join(f"c.{name}" for name in _NAMES)}, {held("c", "h")} as held
    from contributions c left join unit_holds h using (unit_id)
), together as (
    select in_country, in_roaz, in_vr, partition, count(*) as units,
           {", ".join(f"coalesce(sum({name}) filter (where counts), 0) as {name}, count({name}) filter (where counts) as {name}_known" for name in _NAMES)},
           sum(held) as held,
           coalesce(sum(greatest(free - held, 0)) filter (where counts and free is not null), 0) as available
    from units group by in_country, in_roaz, in_vr, partition
), counted as (
    select f.figure, t.partition, {", ".join(f"sum(t.{name}) as {name}" for name in _COUNTS)}
    from together t cross join lateral (values (t.in_country), (t.in_roaz), (t.in_vr)) as f (figure)
    group by f.figure, t.partition
)
select distinct coalesce(c.figure, p.figure) as figure
from counted c full join partials p on p.figure = c.figure and p.partition = c.partition
where ({", ".join(f"coalesce(c.{name}, 0)" for name in _COUNTS)}) <> ({", ".join(f"coalesce(p.{name}, 0)" for name in _COUNTS)})
order by figure
"""
_NEVER_SAID = """
select distinct p.figure from partials p left join figures f on f.figure = p.figure
where f.said is null and not exists (select from dirty d where d.figure = p.figure) order by 1
"""
_KEEP_RECOUNT = """
insert into recounts (counted_at, differing) values (clock_timestamp(), $1)
on conflict (only_row) do update set counted_at = excluded.counted_at, differing = excluded.differing
"""


class SqlFigures:
    """Keeps the port's promises with PostgreSQL."""

    async def take_dirty(self, tx: Transaction, resting: Sequence[str]) -> Taken:
        taken = await tx.connection.fetch(_TAKE_DIRTY, resting)
        if leaves_some := bool(taken) and taken[-1]["figure"] is None:
            taken.pop()
        if unmet := [row["figure"] for row in taken if not row["is_locked"]]:
            await tx.connection.execute(_MEET, unmet)
            await tx.connection.execute(_LOCK, unmet)
        figures = {row["figure"]: Touched(_since(row["late"]), _since(row["behind"]), row["traceparent"]) for row in taken}
        return Taken(figures, leaves_some)

    async def add_up(self, tx: Transaction, figures: Sequence[str]) -> Sequence[Sum]:
        return [_sum_of(row) for row in await tx.connection.fetch(_SUMS_OF, figures)]

    async def said(self, tx: Transaction, bodies: Mapping[str, str]) -> None:
        await tx.connection.execute(_SAID, list(bodies), list(bodies.values()))

    async def note_all(self, tx: Transaction, keys: Sequence[str]) -> int:
        await tx.connection.execute(_MEET, keys)
        await tx.connection.execute(_FORGET_SAID)
        noted: int = await tx.connection.fetchval(_NOTE_ALL)
        return noted

    async def recount(self, tx: Transaction) -> Sequence[str]:
        partials = [row["figure"] for row in await tx.connection.fetch(_PARTIALS_THAT_DIFFER)]
        unsaid = [row["figure"] for row in await tx.connection.fetch(_NEVER_SAID)]
        said = [
            total.beds.subject
            for total in map(_sum_of, await tx.connection.fetch(_SUMS_AT_REST))
            if total.said is not None and total.said != total.beds.body().decode()
        ]
        return sorted({*partials, *unsaid, *said})

    async def keep_recount(self, tx: Transaction, differing: Sequence[str]) -> None:
        await tx.connection.execute(_KEEP_RECOUNT, list(differing))


def _since(seconds: float | None) -> float | None:
    # Facts may come from a server whose clock is a little ahead.
    return None if seconds is None else max(0.0, seconds)


def _sum_of(row: "Record") -> Sum:
    figure = Figure.of_key(row["figure"])
    values: dict[str, Any] = {name: row[name] for name in _VALUES}
    beds = FigureChangedV1(
        level=figure.level, region=figure.region, sector=figure.sector, care_type=figure.care_type, cohort=figure.cohort, **values
    )
    return Sum(beds, row["said"])


_VALUES = (
    *_NAMES,
    "held",
    "available",
    "units",
    "units_known",
    "oldest_observed_at",
    "newest_observed_at",
    "incomplete",
)
