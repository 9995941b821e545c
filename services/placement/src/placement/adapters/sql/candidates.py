"""The hard filters of `domain.matching`, in SQL; a test holds the two together.

Of the country's units one care type is looked at, and only those that may be asked are fetched.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import inf
from time import monotonic
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.database.sql import Connection
from placement.adapters.sql.units import UNIT_COLUMNS, unit_of
from placement.domain.matching import OXYGEN, YES_OR_NO, Exclusion, is_where_wanted, needed_features, needed_oxygen
from placement.domain.request import Request
from placement.domain.unit import Unit

# A statement of its own, because one that can be either reads the whole country for a region; so does one that says "or", with a plan from
# when there were few units. A unit of which only a VR that straddles ROAZ regions is known still lies in that VR.
_IN_ROAZ = "roaz = any($8::text[])"
_IN_VR_ONLY = "vr = $7 and roaz <> all($8::text[])"

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
_LEFT_OUT_IN_REGION = _counted(f"{_JUDGED} and {_IN_ROAZ} union all {_JUDGED} and {_IN_VR_ONLY}")
_BY_REGION = "select care_type, vr, roaz, count(*) as units from units group by care_type, vr, roaz"
_COUNTED_FOR_SECONDS = 10.0
_UNIT = f"select {UNIT_COLUMNS} from units u where unit_id = $1"


class Census:
    """How many units there are in each region; at most ten seconds old.

    Most of a country's units are elsewhere for every request, and are counted only to say so: going through them each time cost more than
    judging all that are near. A unit comes or goes a few times a day.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Counts when it is first asked."""
        self._clock = clock
        self._counts: Sequence[Record] = ()
        self._counted_at = -inf

    async def elsewhere(self, connection: Connection, request: Request) -> int:
        """The units of this care type where the request does not look."""
        if self._clock() - self._counted_at >= _COUNTED_FOR_SECONDS:
            self._counts = await connection.fetch(_BY_REGION)
            self._counted_at = self._clock()
        return sum(
            row["units"]
            for row in self._counts
            if row["care_type"] == request.care_type and not is_where_wanted(request, row["vr"], row["roaz"])
        )


class SqlChoice:
    """The units that can be chosen from, on one connection."""

    def __init__(self, connection: Connection, census: Census) -> None:
        self.connection = connection
        self._census = census

    async def suitable(self, request: Request, now: datetime) -> Sequence[Unit]:
        statement = _SUITABLE if request.is_escalated else _SUITABLE_IN_REGION
        return [unit_of(row) for row in await self.connection.fetch(statement, *_wanted(request, now))]

    async def left_out(self, request: Request, now: datetime) -> Mapping[Exclusion, int]:
        statement = _LEFT_OUT if request.is_escalated else _LEFT_OUT_IN_REGION
        left_out = {Exclusion(row["reason"]): row["units"] for row in await self.connection.fetch(statement, *_wanted(request, now))}
        if elsewhere := await self._census.elsewhere(self.connection, request):
            left_out[Exclusion.ANDERE_REGIO] = elsewhere
        return left_out

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
