"""Requests on one transaction's connection."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.database.clock import TransactionClock, then_clock
from chassis.database.sql import Connection
from contracts.codes import CareType, Cohort, Origin, Urgency
from contracts.placement import RequestEnd
from placement.adapters.sql.moving import change_row, move_row
from placement.application.ports import Value
from placement.domain.request import Request
from placement.domain.states import RequestStatus

_OWN_COLUMNS = (
    "case_id", "round", "status", "urgency", "is_assessed", "care_type", "cohort", "place_by", "region", "roaz", "municipality", "origin",
    "organisation", "needs", "target_group", "requested_at", "opened_at", "regions", "region_index", "asked_in_region", "unattended_at",
    "is_on_top", "moves", "ended", "ended_at", "version",
)  # fmt: skip

_OWN = ", ".join(f"r.{name}" for name in _OWN_COLUMNS)

REQUEST_COLUMNS = f"""
{_OWN},
array(select distinct asked.offered_unit_id from offers asked where asked.case_id = r.case_id and asked.round = r.round) as asked_units
"""
"""Of `requests r`; what `request_of` reads."""

# Only its own columns: who was asked are other rows, of which this statement would not see what whoever it waited for has written.
_LOCK = then_clock(f"select {_OWN} from requests r where case_id = any($1::uuid[]) order by case_id for update")
_ADD = f"""
with ended as (select from ended_requests where case_id = $1 and through_round >= $2)
insert into requests ({", ".join(_OWN_COLUMNS)}) select {", ".join(f"${nth}" for nth in range(1, len(_OWN_COLUMNS) + 1))}
where not exists (select from ended) returning true
"""
_REMEMBER = """
insert into ended_requests as e (case_id, through_round, how, at) values ($1, $2, $3, $4)
on conflict (case_id) do update set through_round = greatest(e.through_round, excluded.through_round)
"""


class SqlRequests:
    """The requests' port."""

    def __init__(self, connection: Connection, clock: TransactionClock) -> None:
        self._connection = connection
        self._clock = clock

    async def locked(self, case_ids: Collection[UUID]) -> Mapping[UUID, Request]:
        if not case_ids:
            return {}
        return {row["case_id"]: request_of(row) for row in await self._clock.lock(_LOCK, list(case_ids))}

    async def add(self, request: Request) -> bool:
        return await self._connection.fetchval(_ADD, *_values(request)) is not None

    async def move(self, request: Request, to: RequestStatus, **changes: Value) -> Request:
        row = await move_row(
            self._connection, "requests", request.case_id, before=request.status, after=to, changes=changes, returning=_OWN
        )
        return _changed(row)

    async def change(self, request: Request, **changes: Value) -> Request:
        row = await change_row(self._connection, "requests", request.case_id, unchanged=request.status, changes=changes, returning=_OWN)
        return _changed(row)

    async def renew(self, request: Request, to: Request) -> Request:
        written = {
            name: value for name, value in zip(_OWN_COLUMNS, _values(to), strict=True) if name not in {"case_id", "status", "version"}
        }
        row = await move_row(
            self._connection,
            "requests",
            request.case_id,
            before=request.status,
            after=to.status,
            changes=written,
            returning=_OWN,
        )
        return _changed(row)

    async def remember_end(self, case_id: UUID, round_: int, how: RequestEnd, now: datetime) -> None:
        await self._connection.execute(_REMEMBER, case_id, round_, how.value, now)


def _changed(row: Record | None) -> Request:
    # It is locked, and was read after that.
    assert row is not None
    return request_of(row)


def _values(request: Request) -> list[Any]:
    return [list(request.regions) if name == "regions" else getattr(request, name) for name in _OWN_COLUMNS]


def request_of(row: Record | Mapping[str, Any]) -> Request:
    """A request from a row of `REQUEST_COLUMNS`; or of its own columns, and then without who was asked."""
    return Request(
        case_id=row["case_id"],
        round=row["round"],
        status=RequestStatus(row["status"]),
        urgency=Urgency(row["urgency"]),
        is_assessed=row["is_assessed"],
        care_type=CareType(row["care_type"]),
        cohort=Cohort(row["cohort"]),
        place_by=row["place_by"],
        region=row["region"],
        roaz=row["roaz"],
        municipality=row["municipality"],
        origin=Origin(row["origin"]) if row["origin"] is not None else None,
        organisation=row["organisation"],
        needs=row["needs"],
        target_group=row["target_group"],
        requested_at=row["requested_at"],
        opened_at=row["opened_at"],
        regions=tuple(row["regions"]),
        region_index=row["region_index"],
        asked_in_region=row["asked_in_region"],
        unattended_at=row["unattended_at"],
        is_on_top=row["is_on_top"],
        moves=row["moves"],
        ended=RequestEnd(row["ended"]) if row["ended"] is not None else None,
        ended_at=row["ended_at"],
        version=row["version"],
        asked_units=frozenset(row.get("asked_units", ())),
    )
