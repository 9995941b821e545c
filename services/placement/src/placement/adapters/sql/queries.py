"""What is shown of requests, offers and holds: one query each for the list, the single item and the live stream."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from chassis.database.clock import db_now
from chassis.database.sql import Connection
from placement.adapters.sql.requests import REQUEST_COLUMNS
from placement.adapters.sql.statuses import HOLDING_SQL, PLACED_SQL
from placement.adapters.sql.units import UNIT_COLUMNS, unit_of
from placement.domain.unit import Unit

Row = Record | Mapping[str, Any]

REQUEST_ROWS: Final = f"""
select r.case_id as id, r.version, r.changed_xid, r.status <> 'CLOSED' as is_listed,
    r.case_id, r.round, r.status, r.urgency, r.is_assessed, r.care_type, r.cohort, r.place_by, r.region, r.roaz, r.municipality, r.origin,
    r.organisation, r.needs, r.target_group, r.requested_at, r.opened_at, r.regions[:r.region_index + 1] as looked_in, r.unattended_at,
    r.is_on_top, r.moves, r.ended, r.ended_at,
    case when r.roaz = 'ONBEKEND' then r.region end as straddling_vr,
    case when r.region_index >= cardinality(r.regions) then 'LCPS' else 'ZCC' end as sought_by,
    r.urgency || case when r.is_on_top then 'a' else 'b' end as queue,
    o.asked, o.open_offers, o.answer_by, o.placement_id, o.placement_status
from requests r left join lateral (
    select count(distinct offered_unit_id) as asked, count(*) filter (where status = 'OFFERED') as open_offers,
        min(answer_by) filter (where status = 'OFFERED') as answer_by,
        (array_agg(offer_id) filter (where status in {PLACED_SQL}))[1] as placement_id,
        max(status) filter (where status in {PLACED_SQL}) as placement_status
    from offers where case_id = r.case_id and round = r.round
) o on true
"""
"""Requests with the state of their search; `queue` is by urgency, and those first that had a place and lost it."""

OFFER_ROWS: Final = f"""
select o.offer_id as id, o.version, o.changed_xid, o.status in {HOLDING_SQL} as is_listed,
    o.offer_id, o.case_id, o.round, o.unit_id, o.offered_unit_id, o.organisation, o.status, o.token, o.is_automatic, o.made_at, o.made_by,
    o.answer_by, o.held_until, o.accepted_at, o.left_at, o.admitted_at, o.ended_at, o.reason, o.warned_at, o.needs_confirmation,
    o.confirm_by, o.has_room,
    r.urgency, r.care_type, r.cohort, r.place_by, r.region, r.roaz, r.origin, r.needs, r.target_group, r.organisation as asked_by,
    case when r.region_index >= cardinality(r.regions) then 'LCPS' else 'ZCC' end as sought_by,
    u.name as unit_name, u.location_id, u.location_name, u.phone, u.sector, u.vr as unit_vr, u.roaz as unit_roaz,
    jsonb_build_object(
        'status', coalesce(d.state, 'NONE'), 'attempts', coalesce(d.attempts, 0), 'last_attempt_at', d.last_attempt_at
    ) as delivery
from offers o join requests r using (case_id) left join units u on u.unit_id = o.unit_id
left join webhook_deliveries d on d.offer_id = o.offer_id and d.told = 'offer.made'
"""
"""Offers with what is asked and of whom; never who it is for."""

# Who looks for an older one has its id; a list over all of history would read it all.
_ENDED_LATELY = "r.ended_at > (select db_clock()) - interval '7 days'"

_HOLDS = f"""
select o.offer_id, o.unit_id, o.status, o.made_at, o.held_until, o.admitted_at, not (o.offer_id = any(u.includes_holds)) as is_counted
from offers o join units u using (unit_id)
where o.status in {HOLDING_SQL}
"""
_HOLDS_PAGE = f"""
{_HOLDS} and ($1::uuid is null or o.offer_id > $1) and ($2::text is null or u.roaz = $2) and ($3::text is null or u.vr = $3)
order by o.offer_id limit $4
"""
_HOLDS_OF_UNIT = f"{_HOLDS} and o.unit_id = $1 order by o.made_at, o.offer_id"
_REQUEST_TO_RANK = f"""
select s.*, {REQUEST_COLUMNS}, (select db_clock()) as now from ({REQUEST_ROWS}) s join requests r on r.case_id = s.id where s.id = $1
"""
_UNIT = f"select {UNIT_COLUMNS} from units u where unit_id = $1"


@dataclass(frozen=True, slots=True)
class Condition:
    """One of these columns has one of these values; what somebody may see, and what they ask for, is a list of such."""

    anyone: Mapping[str, frozenset[str]]

    def holds(self, row: Row) -> bool:
        """Whether it holds for this row."""
        return any(row[column] in values for column, values in self.anyone.items())


def all_hold(conditions: Iterable[Condition], row: Row) -> bool:
    """Whether a row is to be shown."""
    return all(condition.holds(row) for condition in conditions)


def where(conditions: Iterable[Condition], first: int = 1) -> tuple[str, list[list[str]]]:
    """The same in SQL, of a row `r`, with its parameters, which are counted from `first`."""
    args: list[list[str]] = []
    stated = ["true"]
    for condition in conditions:
        alternatives = []
        for column, values in condition.anyone.items():
            alternatives.append(f"r.{column} = any(${first + len(args)}::text[])")
            args.append(sorted(values))
        stated.append(f"({' or '.join(alternatives)})")
    return " and ".join(stated), args


class Queries:
    """Reads on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def now(self) -> datetime:
        """The database's clock."""
        return await db_now(self.connection)

    async def requests(self, conditions: Iterable[Condition], after: tuple[str, datetime, UUID] | None, limit: int) -> Sequence[Record]:
        """Requests that are not closed, the first to be helped first."""
        condition, args = where(conditions, first=5)
        return await self.connection.fetch(
            f"""
            select * from ({REQUEST_ROWS}) r
            where r.is_listed and ($1::text is null or (r.queue, r.requested_at, r.id) > ($1, $2::timestamptz, $3::uuid)) and {condition}
            order by r.queue, r.requested_at, r.id limit $4
            """,
            *(after or (None, None, None)),
            limit,
            *args,
        )

    async def request_row(self, case_id: UUID) -> Record | None:
        """A request as it is shown, also one that is closed."""
        return await self.connection.fetchrow(f"select * from ({REQUEST_ROWS}) r where r.id = $1", case_id)

    async def request_to_rank(self, case_id: UUID) -> Record | None:
        """A request as it is shown, with what `request_of` reads, and `now`, the database's clock."""
        return await self.connection.fetchrow(_REQUEST_TO_RANK, case_id)

    async def offers(
        self, conditions: Iterable[Condition], *, is_ended: bool, after: tuple[datetime, UUID] | None, limit: int
    ) -> Sequence[Record]:
        """Offers that hold a place, the newest first; or those that ended in the last days, the last first."""
        condition, args = where(conditions, first=4)
        which, at = (_ENDED_LATELY, "ended_at") if is_ended else ("r.is_listed", "made_at")
        return await self.connection.fetch(
            f"""
            select * from ({OFFER_ROWS}) r
            where {which} and ($1::timestamptz is null or (r.{at}, r.id) < ($1, $2::uuid)) and {condition}
            order by r.{at} desc, r.id desc limit $3
            """,
            *(after or (None, None)),
            limit,
            *args,
        )

    async def offer_rows(self, offer_ids: Iterable[UUID]) -> Mapping[UUID, Record]:
        """Offers as they are shown, by id."""
        rows = await self.connection.fetch(f"select * from ({OFFER_ROWS}) r where r.id = any($1::uuid[])", list(offer_ids))
        return {row["id"]: row for row in rows}

    async def offers_of(self, case_id: UUID) -> Sequence[Record]:
        """All offers of a request, the newest first."""
        return await self.connection.fetch(f"select * from ({OFFER_ROWS}) r where r.case_id = $1 order by r.made_at desc, r.id", case_id)

    async def unit(self, unit_id: UUID) -> Unit | None:
        """A unit with what is held there."""
        row = await self.connection.fetchrow(_UNIT, unit_id)
        return unit_of(row) if row is not None else None

    async def holds(self, after: UUID | None, roaz: str | None, vr: str | None, limit: int) -> Sequence[Record]:
        """What is held, by id."""
        return await self.connection.fetch(_HOLDS_PAGE, after, roaz, vr, limit)

    async def holds_of(self, unit_id: UUID) -> Sequence[Record]:
        """What is held of a unit, the oldest first."""
        return await self.connection.fetch(_HOLDS_OF_UNIT, unit_id)
