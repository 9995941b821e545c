"""Offers, which are holds and placements too, on one transaction's connection."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from asyncpg import Record

from chassis.sql import Connection
from placement.adapters.sql.moving import change_row, move_row
from placement.adapters.sql.statuses import HOLDING_SQL
from placement.application.ports import Value
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus

_COLUMNS = (
    "offer_id", "case_id", "round", "unit_id", "offered_unit_id", "organisation", "status", "token", "is_automatic", "made_at", "made_by",
    "answer_by", "held_until", "accepted_at", "left_at", "admitted_at", "ended_at", "reason", "warned_at", "needs_confirmation",
    "absorbed_version", "version",
)  # fmt: skip

OFFER_COLUMNS = ", ".join(f"r.{name}" for name in _COLUMNS)
"""Of `offers r`; what `offer_of` reads."""

# Readers of holds are seconds behind, or stopped: a day is far more than they need, and few patients come into one unit in it.
_ABSORBED_TOLD_FOR = timedelta(days=1)

_FIND = f"select {OFFER_COLUMNS} from offers r where offer_id = any($1::uuid[])"
_LOCK = "select from offers where offer_id = any($1::uuid[]) order by offer_id for update"
_OF_REQUESTS = (
    f"select {OFFER_COLUMNS} from offers r where case_id = any($1::uuid[]) and status = any($2::text[]) order by made_at, offer_id"
)
# Spelled out, so that the index of what is held serves it.
_AT_UNITS = f"""
select {OFFER_COLUMNS} from offers r
where unit_id = any($1::uuid[]) and status in {HOLDING_SQL} and status = any($2::text[])
order by made_at, offer_id
"""
_ABSORBED = f"""
select {OFFER_COLUMNS} from offers r
where unit_id = any($1::uuid[]) and status = 'ABSORBED' and ended_at > $2 order by ended_at, offer_id
"""
_ADD = f"insert into offers ({', '.join(_COLUMNS)}) values ({', '.join(f'${nth}' for nth in range(1, len(_COLUMNS) + 1))})"


class SqlOffers:
    """The offers' port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        return {row["offer_id"]: offer_of(row) for row in await self._connection.fetch(_FIND, list(offer_ids))}

    async def locked(self, offer_ids: Collection[UUID]) -> Mapping[UUID, Offer]:
        if not offer_ids:
            return {}
        await self._connection.fetch(_LOCK, list(offer_ids))
        return await self.find(offer_ids)

    async def of_requests(self, case_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        rows = await self._connection.fetch(_OF_REQUESTS, list(case_ids), [status.value for status in among])
        return [offer_of(row) for row in rows]

    async def at_units(self, unit_ids: Collection[UUID], among: Collection[OfferStatus]) -> Sequence[Offer]:
        return [offer_of(row) for row in await self._connection.fetch(_AT_UNITS, list(unit_ids), [status.value for status in among])]

    async def absorbed_lately(self, unit_ids: Collection[UUID], now: datetime) -> Sequence[Offer]:
        return [offer_of(row) for row in await self._connection.fetch(_ABSORBED, list(unit_ids), now - _ABSORBED_TOLD_FOR)]

    async def add(self, offer: Offer) -> None:
        await self._connection.execute(_ADD, *(getattr(offer, name) for name in _COLUMNS))

    async def move(self, offer: Offer, to: OfferStatus, **changes: Value) -> Offer | None:
        row = await move_row(
            self._connection, "offers", offer.offer_id, before=offer.status, after=to, changes=changes, returning=OFFER_COLUMNS
        )
        return offer_of(row) if row is not None else None

    async def change(self, offer: Offer, **changes: Value) -> Offer:
        row = await change_row(self._connection, "offers", offer.offer_id, unchanged=offer.status, changes=changes, returning=OFFER_COLUMNS)
        # Its unit is locked, and it was read after that.
        assert row is not None
        return offer_of(row)


def offer_of(row: Record | Mapping[str, Any]) -> Offer:
    """An offer from a row of `OFFER_COLUMNS`."""
    return Offer(**{name: row[name] for name in _COLUMNS if name != "status"}, status=OfferStatus(row["status"]))
