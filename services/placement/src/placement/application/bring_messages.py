"""Bring to the organisations' webhooks what they are to be told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from placement.application.telemetry import WEBHOOKS_NOT_DELIVERED
from placement.domain.webhook import pause_after

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be brought now; nobody else brings it while it is leased to us."""

    delivery_id: UUID
    """The same at every attempt, so that a receiver can drop what it has already."""
    organisation: str
    url: str = field(repr=False)
    sealed_secret: bytes = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    attempts: int
    """With this one."""


Post = Callable[[Message], Awaitable[int | None]]
"""One attempt: the status that was answered, None when there was no answer."""


class Deliveries(Protocol):
    """What is still to be brought; each call is a short transaction of its own."""

    async def give_up(self) -> Sequence[UUID]:
        """End what nobody took in time, and what is of no use any more; gives which."""

    async def lease(self, most: int) -> Sequence[Message]:
        """Take what is due, for so long that whoever takes it has either sent it or died."""

    async def delivered(self, delivery_id: UUID, status: int) -> None: ...

    async def failed(self, delivery_id: UUID, status: int | None, again_after: timedelta) -> None: ...


@dataclass(frozen=True, slots=True)
class Courier:
    """Takes what is due, and brings it, at least once.

    Whoever dies between bringing and noting it leaves a lease that runs out: the same message is brought again under the same id.
    """

    deliveries: Deliveries
    post: Post

    async def take(self, most: int) -> Sequence[Message]:
        """What to bring now; what came too late is said."""
        for delivery_id in await self.deliveries.give_up():
            WEBHOOKS_NOT_DELIVERED.inc()
            log.warning("webhook not delivered", delivery_id=str(delivery_id))
        return await self.deliveries.lease(most)

    async def bring(self, message: Message) -> None:
        """One attempt, and what came of it."""
        status = await self.post(message)
        if status is not None and 200 <= status <= 299:  # noqa: PLR2004  what HTTP calls successful
            await self.deliveries.delivered(message.delivery_id, status)
            return
        log.info("webhook did not take a message", delivery_id=str(message.delivery_id), attempts=message.attempts, status=status)
        await self.deliveries.failed(message.delivery_id, status, pause_after(message.attempts))
