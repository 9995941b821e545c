"""The facts behind the daily feed, each unit's day, and what was said of each day."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from chassis.database.sql import Transaction
from reporting.application.ports import Admission, DayTold, Observation
from reporting.domain.days import Days, local_day
from reporting.domain.feed import CELL_NAMES, COLUMNS, Cells, Column, Coverage

if TYPE_CHECKING:
    from asyncpg import Record

_OBSERVATION = "unit_id, report_id, revision, counts, day, location_id, care_type, cohort, observed_at, recorded_at, occupied, free"
_ADMISSION = "flow_id, revision, counts, day, location_id, unit_id, care_type, cohort, count"

# A correction may move a report to another day: the day it leaves is read before, and both are worked out anew after. What says nothing
# for the feed is kept only where it takes back something that did, or might: a correction can come before what it corrects.
_KEEP_OBSERVATIONS = f"""
with incoming as (
    select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bool[], $5::date[], $6::uuid[], $7::text[], $8::text[], $9::timestamptz[],
                         $10::timestamptz[], $11::int[], $12::int[]) as i ({_OBSERVATION})
), before as (
    select o.unit_id, o.report_id, o.day, o.counts from observations o join incoming i using (unit_id, report_id)
), kept as (
    insert into observations as o ({_OBSERVATION})
    select {_OBSERVATION} from incoming i
    where i.counts or i.revision > 0 or exists (select from before b where b.unit_id = i.unit_id and b.report_id = i.report_id)
    order by unit_id, report_id
    on conflict (unit_id, report_id) do update set
        {", ".join(f"{name} = excluded.{name}" for name in _OBSERVATION.split(", ")[2:])}
    where o.revision < excluded.revision
    returning unit_id, report_id, day, counts
)
select unit_id, day from kept where counts
union
select b.unit_id, b.day from before b join kept k using (unit_id, report_id) where b.counts
"""
# The rule of a unit's day: the newest observation; at one instant the lowest availability, unknown being lowest; then the greater id.
_WORK_OUT_DAYS = """
with touched as (
    select * from unnest($1::uuid[], $2::date[]) as t (unit_id, day)
), counting as (
    select t.day, t.unit_id, o.location_id, o.care_type, o.cohort, o.occupied
    from touched t cross join lateral (
        select * from observations o where o.unit_id = t.unit_id and o.day = t.day and o.counts
        order by o.observed_at desc, o.free nulls first, o.report_id desc limit 1
    ) as o
), gone as (
    delete from unit_days u using touched t
    where u.day = t.day and u.unit_id = t.unit_id and not exists (select from counting c where c.day = t.day and c.unit_id = t.unit_id)
    returning u.day
), put as (
    insert into unit_days as u (day, unit_id, location_id, care_type, cohort, occupied)
    select day, unit_id, location_id, care_type, cohort, occupied from counting order by day, unit_id
    on conflict (day, unit_id) do update
    set location_id = excluded.location_id, care_type = excluded.care_type, cohort = excluded.cohort, occupied = excluded.occupied
    where (u.location_id, u.care_type, u.cohort, u.occupied)
          is distinct from (excluded.location_id, excluded.care_type, excluded.cohort, excluded.occupied)
    returning day
)
insert into dirty_days (day) select day from gone union select day from put
"""
_KEEP_ADMISSIONS = f"""
with incoming as (
    select * from unnest($1::uuid[], $2::int[], $3::bool[], $4::date[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::int[])
        as i ({_ADMISSION})
), before as (
    select f.flow_id, f.day, f.counts from flows f join incoming using (flow_id)
), kept as (
    insert into flows as f ({_ADMISSION})
    select {_ADMISSION} from incoming i
    where i.counts or i.revision > 0 or exists (select from before b where b.flow_id = i.flow_id)
    order by flow_id
    on conflict (flow_id) do update set {", ".join(f"{name} = excluded.{name}" for name in _ADMISSION.split(", ")[1:])}
    where f.revision < excluded.revision
    returning flow_id, day, counts
)
insert into dirty_days (day)
select day from kept where counts
union
select b.day from before b join kept using (flow_id) where b.counts
"""
# Two services could give one id; whoever comes second waits here, and reads what the first has committed.
_LOCK_ADMISSIONS = "select from flows where flow_id = any($1::uuid[]) order by flow_id for update"

_TAKE_DIRTY = """
with taken as (
    delete from dirty_days where id in (select id from dirty_days where day <> all($1::date[]) order by id limit 20000) returning day
)
select distinct day from taken order by day
"""
_MEET_DAYS = "insert into feed_days (day) select day from unnest($1::date[]) as d (day) order by day on conflict do nothing"
_LOCK_DAYS = "select from feed_days where day = any($1::date[]) order by day for update"


def _filter(column: Column) -> str:
    return f"care_type = '{column.care_type}' and cohort {'=' if column.covid else '<>'} 'COVID_POS'"


def _cells(columns: Iterable[Column], value: str) -> str:
    """The sum of each column's rows, and behind it how many hospitals and units spoke."""
    return ", ".join(
        f"sum({value}) filter (where {_filter(column)})::int as {column.cell}, "
        f"jsonb_build_array(count(distinct location_id) filter (where {_filter(column)}), "
        f"count(distinct unit_id) filter (where {_filter(column)}), "
        f"count({value}) filter (where {_filter(column)})) as {column.cell}_coverage"
        for column in columns
    )


_BEDS = tuple(column for column in COLUMNS if not column.is_admissions)
_ADMISSIONS = tuple(column for column in COLUMNS if column.is_admissions)
_CELLS = ", ".join(CELL_NAMES)
_RESTATE = f"""
with beds as (
    select day, {_cells(_BEDS, "occupied")} from unit_days where day = any($1::date[]) group by day
), admissions as (
    select day, {_cells(_ADMISSIONS, "count")} from flows where day = any($1::date[]) and counts group by day
), now as (
    select d.day, {_CELLS},
           jsonb_strip_nulls(jsonb_build_object({", ".join(f"'{cell}', {cell}_coverage" for cell in CELL_NAMES)})) as coverage
    from unnest($1::date[]) as d (day) left join beds using (day) left join admissions using (day)
), changed as (
    update feed_days f set ({_CELLS}, coverage, said_at) = ({", ".join(f"n.{cell}" for cell in CELL_NAMES)}, n.coverage, clock_timestamp())
    from now n
    where f.day = n.day
      and (f.said_at is null or ({", ".join(f"f.{cell}" for cell in CELL_NAMES)}, f.coverage)
                                is distinct from ({", ".join(f"n.{cell}" for cell in CELL_NAMES)}, n.coverage))
    returning f.*
)
insert into feed_statements (day, {_CELLS}, coverage, said_at) select day, {_CELLS}, coverage, said_at from changed order by day
"""
_READ = f"select day, {_CELLS}, coverage, said_at from feed_days where day between $1 and $2 and said_at is not null"
_REGISTERED = """
select care_type, cohort, location_id, count(*) as units from contributions
where sector = 'ZIEKENHUIS' and care_type = any($1::text[]) group by care_type, cohort, location_id
"""


class SqlFeed:
    """Keeps the port's promises with PostgreSQL."""

    async def record_observations(self, tx: Transaction, observations: Sequence[Observation]) -> None:
        columns: list[list[object]] = [[getattr(observation, name) for observation in observations] for name in _OBSERVATION.split(", ")]
        touched = await tx.connection.fetch(_KEEP_OBSERVATIONS, *columns)
        if touched:
            await tx.connection.execute(_WORK_OUT_DAYS, [row["unit_id"] for row in touched], [row["day"] for row in touched])

    async def record_admissions(self, tx: Transaction, admissions: Sequence[Admission]) -> None:
        await tx.connection.execute(_LOCK_ADMISSIONS, [admission.flow_id for admission in admissions])
        columns: list[list[object]] = [[getattr(admission, name) for admission in admissions] for name in _ADMISSION.split(", ")]
        await tx.connection.execute(_KEEP_ADMISSIONS, *columns)

    async def take_dirty(self, tx: Transaction, resting: Sequence[date]) -> Sequence[date]:
        return [row["day"] for row in await tx.connection.fetch(_TAKE_DIRTY, resting)]

    async def restate(self, tx: Transaction, days: Sequence[date]) -> int:
        await tx.connection.execute(_MEET_DAYS, days)
        await tx.connection.execute(_LOCK_DAYS, days)
        said = await tx.connection.execute(_RESTATE, days)
        return int(said.rpartition(" ")[2])

    async def read(self, tx: Transaction, days: Days) -> Mapping[date, DayTold]:
        return {row["day"]: _told(row) for row in await tx.connection.fetch(_READ, days.first, days.last)}

    async def registered(self, tx: Transaction) -> Mapping[str, Coverage]:
        rows = await tx.connection.fetch(_REGISTERED, sorted({column.care_type.value for column in COLUMNS}))
        of: dict[str, Coverage] = {}
        for column in COLUMNS:
            mine = [row for row in rows if column.takes(row["care_type"], row["cohort"])]
            of[column.cell] = Coverage(hospitals=len({row["location_id"] for row in mine}), units=sum(row["units"] for row in mine))
        return of

    async def today(self, tx: Transaction) -> date:
        return local_day(await tx.connection.fetchval("select db_clock()"))


def _told(row: "Record") -> DayTold:
    coverage: dict[str, Any] = row["coverage"]
    return DayTold(
        cells=Cells(**{cell: row[cell] for cell in CELL_NAMES}),
        coverage={cell: Coverage(*counts) for cell, counts in coverage.items()},
        said_at=row["said_at"],
    )
