"""Webhooks and what they are to be told, on one transaction's connection."""

from datetime import timedelta
from uuid import UUID

from asyncpg import Record

from chassis.database.sql import Connection
from placement.domain.webhook import Told

# An offer is told until it must have been answered; that it is over helps for as long as somebody may still prepare a bed for it.
_END_TOLD_FOR = timedelta(hours=1)

# The body is written once: every attempt says the same. Whether there is room may be asked more than once, each time anew. Care that is needed, and the token that an answer must carry; never a person.
_TELL = """
insert into webhook_deliveries (delivery_id, offer_id, told, organisation, state, body, made_at, next_at, until_at, attempts)
select gen_random_uuid(), o.offer_id, $2, o.organisation, 'PENDING',
    jsonb_build_object(
        'type', $2::text, 'offer_id', o.offer_id, 'case_id', o.case_id, 'unit_id', o.offered_unit_id, 'status', o.status,
        'care_type', r.care_type, 'cohort', r.cohort, 'urgency', r.urgency,
        'answer_by', case when $2 = 'room.asked' then o.confirm_by else o.answer_by end,
        'token', o.token, 'etag', format('"%s"', o.version)
    ),
    db_clock(), db_clock(), greatest(
        o.answer_by, case $2 when 'offer.ended' then db_clock() + $3::interval when 'room.asked' then o.confirm_by end
    ), 0
from offers o join requests r using (case_id) join webhooks w on w.organisation = o.organisation
where o.offer_id = $1
on conflict (offer_id, told) do update set
    delivery_id = excluded.delivery_id, state = excluded.state, body = excluded.body, made_at = excluded.made_at,
    next_at = excluded.next_at, until_at = excluded.until_at, attempts = 0, last_attempt_at = null, last_status = null, delivered_at = null
where excluded.told = 'room.asked'
"""
_SET = """
insert into webhooks (organisation, url, sealed_secret, changed_at) values ($1, $2, $3, db_clock())
on conflict (organisation) do update set url = excluded.url, sealed_secret = excluded.sealed_secret, changed_at = excluded.changed_at
returning xmax = 0 as is_first
"""
_REMOVE = "delete from webhooks where organisation = $1 returning organisation"
_SHOW = """
select w.organisation, w.url, w.changed_at, d.told, d.state, d.attempts, d.last_attempt_at, d.last_status, d.delivered_at
from webhooks w left join lateral (
    select * from webhook_deliveries where organisation = w.organisation order by made_at desc, delivery_id limit 1
) d on true
where w.organisation = $1
"""


class SqlWebhooks:
    """The webhooks' port."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def tell(self, offer_id: UUID, what: Told) -> None:
        await self._connection.execute(_TELL, offer_id, what.value, _END_TOLD_FOR)

    async def set(self, organisation: str, url: str, sealed_secret: bytes) -> bool:
        is_first: bool = await self._connection.fetchval(_SET, organisation, url, sealed_secret)
        return is_first

    async def remove(self, organisation: str) -> bool:
        return await self._connection.fetchval(_REMOVE, organisation) is not None


async def webhook_row(connection: Connection, organisation: str) -> Record | None:
    """A webhook as its organisation is shown it, with the last thing it was told; never the secret."""
    return await connection.fetchrow(_SHOW, organisation)
