"""What is still to be brought to webhooks; the call itself happens outside any transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from chassis.database.sql import Database
from placement.application.bring_messages import Message

LEASE: Final = timedelta(seconds=30)
"""Much longer than an attempt may take: when it runs out, whoever had it is gone."""

# Who is being told just now is not given up: next_at is the end of its lease then. An offer that is over is not told any more, so that
# nobody hears of it after its end; what nobody has a webhook for any more ends in its time.
_GIVE_UP = """
with late as (
    select d.delivery_id from webhook_deliveries d join offers o using (offer_id)
    where d.state = 'PENDING' and d.next_at <= db_clock()
        and (
            d.until_at <= db_clock() or (d.told = 'offer.made' and o.status <> 'OFFERED')
            or (d.told = 'room.asked' and not o.needs_confirmation)
        )
    order by d.next_at limit 200 for update of d skip locked
)
update webhook_deliveries d set state = 'NOT_DELIVERED' from late where d.delivery_id = late.delivery_id
returning d.delivery_id
"""
_LEASE = """
with due as (
    select d.delivery_id, w.url, w.sealed_secret from webhook_deliveries d join webhooks w using (organisation)
    where d.state = 'PENDING' and d.next_at <= db_clock() and d.until_at > db_clock()
    order by d.next_at limit $1 for update of d skip locked
)
update webhook_deliveries d set attempts = attempts + 1, last_attempt_at = db_clock(), next_at = db_clock() + $2::interval
from due where d.delivery_id = due.delivery_id
returning d.delivery_id, d.organisation, d.body, d.attempts, due.url, due.sealed_secret
"""
_DELIVERED = """
update webhook_deliveries set state = 'DELIVERED', delivered_at = db_clock(), last_status = $2
where delivery_id = $1 and state <> 'DELIVERED'
"""
# Never later than its end, so that it is given up in time.
_FAILED = """
update webhook_deliveries set last_status = $2, next_at = least(db_clock() + $3::interval, until_at)
where delivery_id = $1 and state = 'PENDING'
"""


@dataclass(frozen=True, slots=True)
class SqlDeliveries:
    """The courier's port on the service's database."""

    database: Database

    async def give_up(self) -> Sequence[UUID]:
        async with self.database.begin() as tx:
            return [row["delivery_id"] for row in await tx.connection.fetch(_GIVE_UP)]

    async def lease(self, most: int) -> Sequence[Message]:
        async with self.database.begin() as tx:
            return [Message(**row) for row in await tx.connection.fetch(_LEASE, most, LEASE)]

    async def delivered(self, delivery_id: UUID, status: int) -> None:
        async with self.database.begin() as tx:
            await tx.connection.execute(_DELIVERED, delivery_id, status)

    async def failed(self, delivery_id: UUID, status: int | None, again_after: timedelta) -> None:
        async with self.database.begin() as tx:
            await tx.connection.execute(_FAILED, delivery_id, status, again_after)
