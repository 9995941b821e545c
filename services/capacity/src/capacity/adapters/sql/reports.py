"""Reports in PostgreSQL: claimed by their ids and stored in one statement."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import orjson
from asyncpg import Record

from capacity.application.ports import Fact, Known
from capacity.domain.report import ClosedBecause, Report
from chassis.database.sql import Connection
from contracts.capacity import FIGURE_FIELDS, Field_
from contracts.codes import Source

_BITS: Mapping[Field_, int] = {field: 1 << nth for nth, field in enumerate(FIGURE_FIELDS)}
_CLOSED_BIT = 16

# Sorted by id, so that two senders of the same reports never wait for each other. An id that is taken for another unit is not stored
# under another revision either. Imports reach back further than ids are kept, so theirs are looked up among the observations.
_STORE = """
with sent as (
    select * from unnest($1::text[], $2::uuid[], $3::int[], $4::bool[], $5::uuid[], $6::text[], $7::timestamptz[], $8::smallint[], $9::int[],
                         $10::int[], $11::int[], $12::int[], $13::int[], $14::text[], $15::text[], $16::bytea[], $17::text[]) with ordinality
        as s (kind, report_id, revision, retracted, unit_id, source, observed_at, stated, total, open, occupied, reserved, availability,
              closed_reason_sent, includes_holds, digest, sender, nth)
), claimed as (
    insert into report_ids (report_id, revision, unit_id, digest, received_at)
    select report_id, revision, unit_id, digest, $18 from sent s
    where not exists (select from report_ids k where k.report_id = s.report_id and k.unit_id <> s.unit_id)
      and not (s.source = 'IMPORT' and exists (
          select from observations o where o.report_id = s.report_id and (o.revision = s.revision or o.unit_id <> s.unit_id)))
    order by report_id, revision
    on conflict do nothing
    returning report_id, revision
), stored as (
    insert into observations (kind, report_id, revision, retracted, unit_id, source, observed_at, stated, total, open, occupied, reserved,
                              availability, closed_reason_sent, includes_holds, digest, sender, recorded_at)
    select kind, report_id, revision, retracted, unit_id, source, observed_at, stated, total, open, occupied, reserved, availability,
           closed_reason_sent, includes_holds::jsonb, digest, sender, $18
    from sent join claimed using (report_id, revision) order by nth
)
select report_id, revision, unit_id, digest, true as is_new from sent join claimed using (report_id, revision)
union all
select report_id, revision, unit_id, digest, false from report_ids where report_id = any($2)
union all
select report_id, revision, unit_id, digest, false from observations where report_id = any($19::uuid[])
"""
_KNOWN = "select report_id, revision, unit_id, digest, false as is_new from report_ids where report_id = any($1::uuid[])"

# Reports of one source that state the same fields compete for the same places by one order, so of these only the first can decide
# anything; the domain folds the few that are left. The order is that of `Statement.rank`. Those that count are kept beside those that
# confirm or say "unknown", because the moment of the last count is told too.
_DECIDING = """
with highest as (
    select distinct on (report_id) * from observations where unit_id = any($1::uuid[]) order by report_id, revision desc
)
select distinct on (unit_id, source, stated, kind, open is null, occupied is null, reserved is null) *
from highest where not retracted
order by unit_id, source, stated, kind, open is null, occupied is null, reserved is null,
         observed_at desc, availability nulls first, report_id desc
"""


class SqlReports:
    """The reports' port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def store(self, facts: Sequence[Fact], now: datetime) -> Mapping[tuple[UUID, int], Known]:
        reports = [fact.report for fact in facts]
        rows = await self._connection.fetch(
            _STORE,
            ["CONFIRMATION" if report.is_confirmation else "REPORT" for report in reports],
            [report.report_id for report in reports],
            [report.revision for report in reports],
            [report.is_retracted for report in reports],
            [report.unit_id for report in reports],
            [report.source for report in reports],
            [report.observed_at for report in reports],
            [_stated(report) for report in reports],
            [report.figures.get("total") for report in reports],
            [report.figures.get("open") for report in reports],
            [report.figures.get("occupied") for report in reports],
            [report.figures.get("reserved") for report in reports],
            [report.availability for report in reports],
            [report.closed.sent if report.closed else None for report in reports],
            [orjson.dumps(report.includes_holds).decode() if report.includes_holds else None for report in reports],
            [fact.digest for fact in facts],
            [fact.sender for fact in facts],
            now,
            [report.report_id for report in reports if report.source is Source.IMPORT],
        )
        known = _known(rows)
        if any((report.report_id, report.revision) not in known for report in reports):
            # Another transaction took an id while this one waited for it: what it committed shows in the next statement only.
            later = _known(await self._connection.fetch(_KNOWN, [report.report_id for report in reports]))
            known = {**later, **known}
        return known

    async def deciding(self, unit_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Report]]:
        reports: dict[UUID, list[Report]] = {}
        for row in await self._connection.fetch(_DECIDING, list(unit_ids)):
            reports.setdefault(row["unit_id"], []).append(report_of(row))
        return reports


def report_of(row: Record) -> Report:
    """A report from a row of observations."""
    stated = row["stated"]
    return Report(
        report_id=row["report_id"],
        revision=row["revision"],
        is_retracted=row["retracted"],
        unit_id=row["unit_id"],
        source=Source(row["source"]),
        observed_at=row["observed_at"],
        figures={field: cast("int | None", row[field]) for field, bit in _BITS.items() if stated & bit},
        closed=ClosedBecause(row["closed_reason_sent"]) if stated & _CLOSED_BIT else None,
        includes_holds=tuple(UUID(hold) for hold in row["includes_holds"] or ()),
        is_confirmation=row["kind"] == "CONFIRMATION",
    )


def _stated(report: Report) -> int:
    return sum(_BITS[field] for field in report.figures) + (_CLOSED_BIT if report.closed else 0)


def _known(rows: Sequence[Record]) -> dict[tuple[UUID, int], Known]:
    known: dict[tuple[UUID, int], Known] = {}
    for row in rows:
        # The new ones come first, and an import stands in both tables.
        known.setdefault((row["report_id"], row["revision"]), Known(row["unit_id"], row["digest"], row["is_new"]))
    return known
