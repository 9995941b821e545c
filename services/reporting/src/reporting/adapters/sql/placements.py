"""What placement did, counted per local day."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from chassis.database.sql import Transaction
from contracts.codes import CareType, Cohort, Level, Sector
from reporting.application.ports import PlacementCell
from reporting.domain.days import Days, local_day
from reporting.domain.figure import Figure, Wanted
from reporting.domain.placements import PlacementDay, Tally, What, days_of

if TYPE_CHECKING:
    from asyncpg import Record

_CELL = "day, sector, care_type, cohort, vr, roaz, what, reason, partition"
_ADD = f"""
insert into placement_counts as p ({_CELL}, count, seconds)
select {_CELL}, count, seconds
from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int[], $10::bigint[],
            $11::bigint[]) as i ({_CELL}, count, seconds)
order by {_CELL}
on conflict ({_CELL}) do update set count = p.count + excluded.count, seconds = p.seconds + excluded.seconds
"""
_READ = """
select p.day, l.level, l.region, p.sector, p.care_type, p.cohort, p.what, p.reason,
       sum(p.count)::bigint as count, sum(p.seconds)::bigint as seconds
from placement_counts p cross join lateral (values ('NL', 'NL'), ('ROAZ', p.roaz), ('VR', p.vr)) as l (level, region)
where p.day between $1 and $2 and ($3::text is null or p.sector = $3) and ($4::text is null or p.care_type = $4)
      and ($5::text is null or p.cohort = $5)
group by p.day, l.level, l.region, p.sector, p.care_type, p.cohort, p.what, p.reason
"""


class SqlPlacementCounts:
    """Keeps the port's promises with PostgreSQL."""

    async def add(self, tx: Transaction, cells: Sequence[PlacementCell], counts: Sequence[int], seconds: Sequence[int]) -> None:
        columns: list[list[object]] = [[getattr(cell, name) for cell in cells] for name in _CELL.split(", ")]
        await tx.connection.execute(_ADD, *columns, counts, seconds)

    async def read(self, tx: Transaction, days: Days, kind: Wanted) -> Sequence[PlacementDay]:
        rows = await tx.connection.fetch(_READ, days.first, days.last, kind.sector, kind.care_type, kind.cohort)
        return days_of(_tally(row) for row in rows)

    async def today(self, tx: Transaction) -> date:
        return local_day(await tx.connection.fetchval("select db_clock()"))


def _tally(row: "Record") -> Tally:
    figure = Figure(Level(row["level"]), row["region"], Sector(row["sector"]), CareType(row["care_type"]), Cohort(row["cohort"]))
    return Tally(row["day"], figure, What(row["what"]), row["reason"], row["count"], row["seconds"])
