"""The hard filters of `domain.matching`, in SQL; a test holds the two together.

Of the country's units one care type is looked at, and only those that may be asked are fetched.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from chassis.database.sql import Connection
from placement.adapters.sql.units import UNIT_COLUMNS, unit_of
from placement.domain.matching import OXYGEN, YES_OR_NO, Exclusion, needed_features, needed_oxygen
from placement.domain.request import Request
from placement.domain.unit import Unit

# A statement of its own, because one that can be either reads the whole country for a region; so does one that says "or", with a plan from
# when there were few units. A unit of which only a VR that straddles ROAZ regions is known still lies in that VR.
_IN_ROAZ = "roaz = any($8::text[])"
_IN_VR_ONLY = "vr = $7 and roaz <> all($8::text[])"
_ELSEWHERE = "vr <> $7 and roaz <> all($8::text[])"

_MISSING_FEATURES = {
    reason: f"'{name}' = any($3::text[]) and features -> '{name}' is distinct from 'true'::jsonb" for name, reason in YES_OR_NO.items()
}

# The first reason beside the region, in the order of `Exclusion`. Numbers are compared as JSON, because a cast could fail on what somebody
# sent.
_REASONS: dict[Exclusion, str] = {
    Exclusion.ANDER_COHORT: "cohort <> $2",
    **_MISSING_FEATURES,
    Exclusion.ZUURSTOF: f"""
        $4::float8 > 0 and not (jsonb_typeof(features -> '{OXYGEN}') is not distinct from 'number' and features -> '{OXYGEN}' >= to_jsonb($4::float8))
    """,
    Exclusion.AL_GEVRAAGD: "unit_id = any($5::uuid[])",
    Exclusion.GESLOTEN: "closed_reason is not null and open is not distinct from 0",
    Exclusion.ONBEKEND: "free is null or fresh_until is null or is_parked",
    Exclusion.VEROUDERD: "fresh_until <= $6::timestamptz",
    Exclusion.GEEN_PLEK: "free - claimed - held <= 0",
}
_FIRST_REASON = f"""
case {" ".join(f"when {_REASONS[reason]} then '{reason}'" for reason in Exclusion if reason in _REASONS)} end
"""
# What the index serves is said first, and again among the reasons.
_SUITABLE = f"select {UNIT_COLUMNS} from units u where care_type = $1 and cohort = $2 and {_FIRST_REASON} is null"
_SUITABLE_IN_REGION = f"{_SUITABLE} and {_IN_ROAZ} union all {_SUITABLE} and {_IN_VR_ONLY}"

_JUDGED = f"select {_FIRST_REASON} as reason from units where care_type = $1"


def _counted(judged: str) -> str:
    return f"select reason, count(*) as units from ({judged}) judged where reason is not null group by reason"


_LEFT_OUT = _counted(_JUDGED)
# Most of a country's units are elsewhere, and that the index alone can tell; only the others have to be read and judged.
_LEFT_OUT_IN_REGION = f"""
{_counted(f"{_JUDGED} and {_IN_ROAZ} union all {_JUDGED} and {_IN_VR_ONLY}")}
union all
select '{Exclusion.ANDERE_REGIO}', count(*) from units where care_type = $1 and {_ELSEWHERE} having count(*) > 0
"""
_UNIT = f"select {UNIT_COLUMNS} from units u where unit_id = $1"


class SqlChoice:
    """The units that can be chosen from, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def suitable(self, request: Request, now: datetime) -> Sequence[Unit]:
        statement = _SUITABLE if request.is_escalated else _SUITABLE_IN_REGION
        return [unit_of(row) for row in await self.connection.fetch(statement, *_wanted(request, now))]

    async def left_out(self, request: Request, now: datetime) -> Mapping[Exclusion, int]:
        statement = _LEFT_OUT if request.is_escalated else _LEFT_OUT_IN_REGION
        return {Exclusion(row["reason"]): row["units"] for row in await self.connection.fetch(statement, *_wanted(request, now))}

    async def unit(self, unit_id: UUID) -> Unit | None:
        row = await self.connection.fetchrow(_UNIT, unit_id)
        return unit_of(row) if row is not None else None


def _wanted(request: Request, now: datetime) -> tuple[Any, ...]:
    wanted = (
        request.care_type,
        request.cohort,
        sorted(needed_features(request)),
        needed_oxygen(request),
        list(request.asked_units),
        now,
    )
    return wanted if request.is_escalated else (*wanted, request.region, list(request.looked_in))
