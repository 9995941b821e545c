"""Sends a message to a webhook, signed as Standard Webhooks says, so that any of its libraries can verify it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import aiohttp
import orjson
import structlog
from standardwebhooks import Webhook

from chassis.security.sealing import SealBroken
from placement.adapters.sealing import SecretSeal
from placement.application.bring_messages import Message

log = structlog.get_logger(__name__)

LONGEST_SECONDS = 5.0


class WebhookPost:
    """One attempt at a time; answers are not read beyond their status."""

    def __init__(self, session: aiohttp.ClientSession, seal: SecretSeal) -> None:
        self._session = session
        self._seal = seal

    @classmethod
    @asynccontextmanager
    async def open(
        cls, seal: SecretSeal, *, allow_loopback: bool, longest_seconds: float = LONGEST_SECONDS
    ) -> AsyncIterator["WebhookPost"]:
        """With its connections; it takes no proxy and no cookies from anywhere."""
        # Every connection is a new one: the address is checked when it is opened, and a webhook is called a few times an hour.
        connector = aiohttp.TCPConnector(force_close=True, socket_factory=_Socket(allow_loopback=allow_loopback))
        timeout = aiohttp.ClientTimeout(total=longest_seconds)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout) as session:
            yield cls(session, seal)

    async def __call__(self, message: Message) -> int | None:
        """The status that was answered; None when there was no answer."""
        try:
            secret = self._seal.open(message.organisation, message.sealed_secret)
        except SealBroken:
            log.error("secret of a webhook does not open: its organisation must set it again", organisation=message.organisation)
            return None
        headers, body = signed(message, secret, datetime.now(UTC))
        try:
            # What a redirect leads to is not where the organisation said that it wants to be told.
            async with self._session.post(message.url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status
        except (aiohttp.ClientError, OSError, ValueError) as trouble:
            # Its text may hold the address, which may hold a key of theirs.
            log.info("webhook does not answer", delivery_id=str(message.delivery_id), kind=type(trouble).__name__)
            return None


def signed(message: Message, secret: str, now: datetime) -> tuple[dict[str, str], bytes]:
    """Headers and body of an attempt at this moment."""
    body = orjson.dumps(message.body)
    message_id = str(message.delivery_id)
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
    }
    return headers, body


class _Socket:
    """Opens sockets to public addresses only: an address of ours must not be reached because somebody gave it as theirs."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    def __call__(self, address: Any) -> socket.socket:
        """A socket for what a name was resolved to, so that no name can lead elsewhere.

        Raises:
            PermissionError: when it is not public.
        """
        family, kind, protocol, _, place = address
        ip = ip_address(place[0])
        if not (ip.is_global or (self._allow_loopback and ip.is_loopback)):
            raise PermissionError("not a public address")
        return socket.socket(family, kind, protocol)
