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

_IS_WHERE_WANTED = "($3 or vr = $4 or roaz = any($5::text[]))"

_MISSING_FEATURES = {
    reason: f"'{name}' = any($6::text[]) and features -> '{name}' is distinct from 'true'::jsonb" for name, reason in YES_OR_NO.items()
}

# The first reason, in the order of `Exclusion`. Numbers are compared as JSON, because a cast could fail on what somebody sent.
_REASONS: dict[Exclusion, str] = {
    Exclusion.ANDERE_REGIO: f"not {_IS_WHERE_WANTED}",
    Exclusion.ANDER_COHORT: "cohort <> $2",
    **_MISSING_FEATURES,
    Exclusion.ZUURSTOF: f"""
        $7::float8 > 0 and not (jsonb_typeof(features -> '{OXYGEN}') is not distinct from 'number' and features -> '{OXYGEN}' >= to_jsonb($7::float8))
    """,
    Exclusion.AL_GEVRAAGD: "unit_id = any($8::uuid[])",
    Exclusion.GESLOTEN: "closed_reason is not null and open is not distinct from 0",
    Exclusion.ONBEKEND: "free is null or fresh_until is null or is_parked",
    Exclusion.VEROUDERD: "fresh_until <= $9::timestamptz",
    Exclusion.GEEN_PLEK: "free - claimed - held <= 0",
}
_FIRST_REASON = f"""
case {" ".join(f"when {_REASONS[reason]} then '{reason}'" for reason in Exclusion if reason in _REASONS)} end
"""
# What the index serves is said first, and again among the reasons.
_SUITABLE = f"""
select {UNIT_COLUMNS} from units u
where care_type = $1 and cohort = $2 and {_IS_WHERE_WANTED} and {_FIRST_REASON} is null
"""
# Most of a country's units are elsewhere, and that the index alone can tell; only the others have to be read and judged.
_LEFT_OUT = f"""
select reason, count(*) as units
from (select {_FIRST_REASON} as reason from units where care_type = $1 and {_IS_WHERE_WANTED}) judged
where reason is not null group by reason
union all
select '{Exclusion.ANDERE_REGIO}', count(*) from units where care_type = $1 and not {_IS_WHERE_WANTED} having count(*) > 0
"""
_UNIT = f"select {UNIT_COLUMNS} from units u where unit_id = $1"


class SqlChoice:
    """The units that can be chosen from, on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def suitable(self, request: Request, now: datetime) -> Sequence[Unit]:
        return [unit_of(row) for row in await self.connection.fetch(_SUITABLE, *_wanted(request, now))]

    async def left_out(self, request: Request, now: datetime) -> Mapping[Exclusion, int]:
        return {Exclusion(row["reason"]): row["units"] for row in await self.connection.fetch(_LEFT_OUT, *_wanted(request, now))}

    async def unit(self, unit_id: UUID) -> Unit | None:
        row = await self.connection.fetchrow(_UNIT, unit_id)
        return unit_of(row) if row is not None else None


def _wanted(request: Request, now: datetime) -> tuple[Any, ...]:
    return (
        request.care_type,
        request.cohort,
        request.is_escalated,
        request.region,
        list(request.looked_in),
        sorted(needed_features(request)),
        needed_oxygen(request),
        list(request.asked_units),
        now,
    )
