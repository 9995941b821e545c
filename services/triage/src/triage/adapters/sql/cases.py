"""Cases in PostgreSQL."""

from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from chassis.sql import Connection
from contracts.codes import CallerRole, Channel, ClosureOutcome, Origin
from triage.domain.case import Assessment, Case, PlaceRequest
from triage.domain.journey import Journey
from triage.domain.wishes import Wishes

CASE_COLUMNS: Final = """
case_id, version, channel, caller_role, origin, municipality, vr, roaz, needs, is_second_contact, registered_by, organisation, registered_at,
assessment, wishes, request, journey, is_journey_uncertain, handed_over_at, closed_at, outcome
"""

_LOCK = f"select {CASE_COLUMNS} from cases where case_id = any($1::uuid[]) order by case_id for update"
_ADD = f"""
insert into cases ({CASE_COLUMNS}, status, urgency, queue_rank)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
"""
# What a contact is about never changes; all that may is written anew.
_WRITE = """
update cases set version = $2, assessment = $3, wishes = $4, request = $5, journey = $6, is_journey_uncertain = $7, handed_over_at = $8,
    closed_at = $9, outcome = $10, status = $11, urgency = $12, queue_rank = $13
where case_id = $1
"""

_T = TypeVar("_T")

_ASSESSMENT = TypeAdapter(Assessment)
_WISHES = TypeAdapter(Wishes)
_REQUEST = TypeAdapter(PlaceRequest)
_JOURNEY = TypeAdapter(Journey)


class SqlCases:
    """The cases' port on one transaction's connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, case: Case) -> None:
        await self._connection.execute(
            _ADD,
            case.case_id,
            case.version,
            case.channel,
            case.caller_role,
            case.origin,
            case.municipality,
            case.vr,
            case.roaz,
            dict(case.needs),
            case.is_second_contact,
            case.registered_by,
            case.organisation,
            case.registered_at,
            *_decided(case),
        )

    async def locked(self, case_ids: Collection[UUID]) -> Mapping[UUID, Case]:
        rows = await self._connection.fetch(_LOCK, list(case_ids)) if case_ids else ()
        return {row["case_id"]: case_of(row) for row in rows}

    async def write(self, cases: Collection[Case]) -> None:
        if not cases:
            return
        await self._connection.executemany(_WRITE, [(case.case_id, case.version, *_decided(case)) for case in cases])


def case_of(row: Any) -> Case:
    """The case of a row of `CASE_COLUMNS`."""
    return Case(
        case_id=row["case_id"],
        version=row["version"],
        channel=Channel(row["channel"]),
        caller_role=CallerRole(row["caller_role"]),
        origin=Origin(row["origin"]) if row["origin"] else None,
        municipality=row["municipality"],
        vr=row["vr"],
        roaz=row["roaz"],
        needs=row["needs"],
        is_second_contact=row["is_second_contact"],
        registered_by=row["registered_by"],
        organisation=row["organisation"],
        registered_at=row["registered_at"],
        assessment=_read(_ASSESSMENT, row["assessment"]),
        wishes=_read(_WISHES, row["wishes"]),
        request=_read(_REQUEST, row["request"]),
        journey=_read(_JOURNEY, row["journey"]),
        is_journey_uncertain=row["is_journey_uncertain"],
        handed_over_at=row["handed_over_at"],
        closed_at=row["closed_at"],
        outcome=ClosureOutcome(row["outcome"]) if row["outcome"] else None,
    )


def _decided(case: Case) -> tuple[Any, ...]:
    """What changes in the life of a case, in the order in which both statements write it."""
    return (
        _said(_ASSESSMENT, case.assessment),
        _said(_WISHES, case.wishes),
        _said(_REQUEST, case.request),
        _said(_JOURNEY, case.journey),
        case.is_journey_uncertain,
        case.handed_over_at,
        case.closed_at,
        case.outcome,
        case.status,
        case.urgency,
        case.queue_rank,
    )


def _said(form: TypeAdapter[_T], value: _T | None) -> Any:
    return None if value is None else form.dump_python(value, mode="json")


def _read(form: TypeAdapter[_T], stored: Any) -> _T | None:
    return None if stored is None else form.validate_python(stored)
