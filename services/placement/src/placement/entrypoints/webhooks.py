"""The worker's part that brings messages to webhooks; any number of workers may."""

import asyncio
from pathlib import Path

import structlog

from chassis.database.sql import Database
from chassis.errors import Unavailable
from placement.adapters.sealing import SecretSeal
from placement.adapters.sql.deliveries import SqlDeliveries
from placement.adapters.webhook_post import WebhookPost
from placement.application.bring_messages import Courier, Message

log = structlog.get_logger(__name__)

_LOOK_EVERY_SECONDS = 0.5
# So many on the way at once: one organisation that does not answer must not keep the others waiting.
_MOST_AT_ONCE = 32


async def bring_messages(database: Database, keys_dir: Path, *, allow_loopback: bool) -> None:
    """Look twice a second until cancelled; while the database is away, messages wait."""
    async with WebhookPost.open(SecretSeal.of(keys_dir), allow_loopback=allow_loopback) as post, asyncio.TaskGroup() as group:
        courier = Courier(SqlDeliveries(database), post)
        under_way: set[asyncio.Task[None]] = set()
        while True:
            try:
                messages = await courier.take(_MOST_AT_ONCE - len(under_way)) if len(under_way) < _MOST_AT_ONCE else ()
            except Unavailable:
                log.warning("database away, webhooks wait")
                messages = ()
            for message in messages:
                task = group.create_task(_bring(courier, message))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _bring(courier: Courier, message: Message) -> None:
    try:
        await courier.bring(message)
    except Unavailable:
        # What came of it is not noted: the lease runs out, and the same message is brought again.
        log.warning("database away, a delivery is not noted", delivery_id=str(message.delivery_id))
