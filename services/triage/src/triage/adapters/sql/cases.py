"""Cases in PostgreSQL, written with what happened to them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from chassis.database.clock import TransactionClock, then_clock
from chassis.database.sql import Connection
from contracts.codes import CallerRole, Channel, ClosureOutcome, Origin
from triage.adapters.sql.timeline import TOLD, told
from triage.domain.case import Assessment, Case, PlaceRequest
from triage.domain.journey import Journey
from triage.domain.timeline import Entry
from triage.domain.wishes import Wishes

CASE_COLUMNS: Final = """
case_id, version, channel, caller_role, origin, municipality, vr, roaz, needs, is_second_contact, registered_by, organisation, registered_at,
assessment, wishes, request, journey, is_journey_uncertain, handed_over_at, closed_at, outcome
"""

_LOCK = then_clock(f"select {CASE_COLUMNS} from cases where case_id = any($1::uuid[]) order by case_id for update")
_ADD = f"""
with {TOLD}
insert into cases ({CASE_COLUMNS}, status, urgency, queue_rank) values ({", ".join(f"${nth}" for nth in range(7, 31))})
"""
# What a contact is about never changes; all that may is written anew, when the version says that something did.
_WRITE = f"""
with {TOLD}
update cases set version = $8, assessment = $9, wishes = $10, request = $11, journey = $12, is_journey_uncertain = $13,
    handed_over_at = $14, closed_at = $15, outcome = $16, status = $17, urgency = $18, queue_rank = $19
where case_id = $7 and version < $8
"""

_T = TypeVar("_T")

_ASSESSMENT = TypeAdapter(Assessment)
_WISHES = TypeAdapter(Wishes)
_REQUEST = TypeAdapter(PlaceRequest)
_JOURNEY = TypeAdapter(Journey)


class SqlCases:
    """The cases' port on one transaction's connection."""

    def __init__(self, connection: Connection, clock: TransactionClock) -> None:
        self._connection = connection
        self._clock = clock

    async def add(self, case: Case, entry: Entry) -> None:
        await self._connection.execute(
            _ADD,
            *told([entry], await self._clock.now()),
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
        rows = await self._clock.lock(_LOCK, list(case_ids)) if case_ids else ()
        return {row["case_id"]: case_of(row) for row in rows}

    async def write(self, cases: Collection[Case], entries: Sequence[Entry]) -> None:
        if not cases:
            return
        now = await self._clock.now()
        rows = [
            (
                *told([entry for entry in entries if entry.case_id == case.case_id], now),
                case.case_id,
                case.version,
                *_decided(case),
            )
            for case in cases
        ]
        await self._connection.executemany(_WRITE, rows)


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
