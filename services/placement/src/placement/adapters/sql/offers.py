"""Offers, which are holds and placements too, on one transaction's connection."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.database.clock import TransactionClock, then_clock
from chassis.database.sql import Connection
from placement.adapters.sql.moving import change_row, move_row, put_back_rows
from placement.adapters.sql.statuses import ABSORBED_SQL, HOLDING_SQL
from placement.adapters.sql.units import HAS_PLACE, IS_OVERCOMMITTED
from placement.application.ports import Standing, Value
from placement.application.telemetry import OFFERS
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus

_COLUMNS = (
    "offer_id", "case_id", "round", "unit_id", "offered_unit_id", "organisation", "status", "token", "is_automatic", "made_at", "made_by",
    "answer_by", "held_until", "accepted_at", "left_at", "admitted_at", "ended_at", "reason", "warned_at", "needs_confirmation",
    "confirm_by", "has_room", "room_answered_at", "absorbed_version", "version",
)  # fmt: skip

OFFER_COLUMNS = ", ".join(f"r.{name}" for name in _COLUMNS)
"""Of `offers r`; what `offer_of` reads."""

# Readers of holds are seconds behind, or stopped: a day is far more than they need, and few patients come into one unit in it.
_ABSORBED_TOLD_FOR = timedelta(days=1)

_FIND = f"select {OFFER_COLUMNS} from offers r where offer_id = any($1::uuid[])"
_LOCK = then_clock(f"select {OFFER_COLUMNS} from offers r where offer_id = any($1::uuid[]) order by offer_id for update")
_OF_REQUESTS = (
    f"select {OFFER_COLUMNS} from offers r where case_id = any($1::uuid[]) and status = any($2::text[]) order by made_at, offer_id"
)
# Spelled out, so that the index of what is held serves it.
_AT_UNITS = f"""
select {OFFER_COLUMNS} from offers r
where unit_id = any($1::uuid[]) and status in {HOLDING_SQL} and status = any($2::text[])
order by made_at, offer_id
"""
# The counter and the hold in one statement: both or neither. The locks of the request ($2) and of the unit ($4) were waited for before it.
# The status, $7, is no constant, lest the kept plan looks for the request among all open offers.
_GRANT = f"""
with granted as (
    update units set held = held + 1
    where unit_id = $4 and {HAS_PLACE}
        and not exists (select from offers where case_id = $2 and unit_id = $4 and status in ($7))
    returning unit_id
)
insert into offers ({", ".join(_COLUMNS)}) select {", ".join(f"${nth}" for nth in range(1, len(_COLUMNS) + 1))} from granted
returning true
"""
# In a subquery, so that PostgreSQL does not look how many there are and plan anew each time: that costs more than the statement.
_THESE = "any((select $1::uuid[])::uuid[])"
# Two reads of offers, because each has an index of its own.
_SETTLE = f"""
with noted as (
    update units set overcommitted_since = case when {IS_OVERCOMMITTED} then $2::timestamptz end
    where unit_id = {_THESE} and {IS_OVERCOMMITTED} <> (overcommitted_since is not null)
    returning unit_id, overcommitted_since is not null as begins
)
select u.unit_id as at_unit, u.full_since, noted.begins, {OFFER_COLUMNS}
from units u left join noted on noted.unit_id = u.unit_id left join lateral (
    select * from offers where unit_id = u.unit_id and status in {HOLDING_SQL}
    union all
    select * from offers where unit_id = u.unit_id and status in {ABSORBED_SQL} and ended_at > $3
) r on true
where u.unit_id = {_THESE}
order by u.unit_id, coalesce(r.ended_at, r.made_at), r.offer_id
"""


class SqlOffers:
    """The offers' port."""

    def __init__(self, connection: Connection, clock: TransactionClock) -> None:
        self._connection = connection
        self._clock = clock

    async def put_back(self, offers: Sequence[Offer]) -> None:
        # A request has one placement at a time: those that have ended make room for the one that stands.
        for offer in sorted(offers, key=lambda one: one.is_holding):
            await put_back_rows(self._connection, "offers", {name: getattr(offer, name) for name in _COLUMNS})

    async def find(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        if not offer_ids:
            return {}
        return {row["offer_id"]: offer_of(row) for row in await self._connection.fetch(_FIND, list(offer_ids))}

    async def locked(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        if not offer_ids:
            return {}
        return {row["offer_id"]: offer_of(row) for row in await self._clock.lock(_LOCK, list(offer_ids))}

    async def of_requests(self, case_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        if not case_ids:
            return []
        rows = await self._connection.fetch(_OF_REQUESTS, list(case_ids), [status.value for status in among])
        return [offer_of(row) for row in rows]

    async def at_units(self, unit_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        if not unit_ids:
            return []
        return [offer_of(row) for row in await self._connection.fetch(_AT_UNITS, list(unit_ids), [status.value for status in among])]

    async def grant(self, offer: Offer) -> bool:
        is_granted = await self._connection.fetchval(_GRANT, *(getattr(offer, name) for name in _COLUMNS)) is not None
        if is_granted:
            OFFERS.labels(offer.status).inc()
        return is_granted

    async def settle(self, unit_ids: Collection[UUID], now: datetime) -> Sequence[Standing]:
        rows = await self._connection.fetch(_SETTLE, list(unit_ids), now, now - _ABSORBED_TOLD_FOR)
        return [_standing(list(of_unit)) for _, of_unit in groupby(rows, key=lambda row: row["at_unit"])]

    async def move(self, offer: Offer, to: OfferStatus, **changes: Value) -> Offer | None:
        row = await move_row(
            self._connection, "offers", offer.offer_id, before=offer.status, after=to, changes=changes, returning=OFFER_COLUMNS
        )
        if row is None:
            return None
        OFFERS.labels(to).inc()
        return offer_of(row)

    async def change(self, offer: Offer, **changes: Value) -> Offer:
        row = await change_row(self._connection, "offers", offer.offer_id, unchanged=offer.status, changes=changes, returning=OFFER_COLUMNS)
        # Its unit is locked, and it was read after that.
        assert row is not None
        return offer_of(row)


def _standing(rows: Sequence[Record]) -> Standing:
    unit, offers = rows[0], [offer_of(row) for row in rows if row["offer_id"] is not None]
    return Standing(
        unit_id=unit["at_unit"],
        full_since=unit["full_since"],
        begins=unit["begins"],
        held=[offer for offer in offers if offer.is_holding],
        absorbed=[offer for offer in offers if not offer.is_holding],
    )


def offer_of(row: Record | Mapping[str, Any]) -> Offer:
    """An offer from a row of `OFFER_COLUMNS`."""
    return Offer(**{name: row[name] for name in _COLUMNS if name != "status"}, status=OfferStatus(row["status"]))
