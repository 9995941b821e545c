"""Webhooks: an organisation is told of its offers at an address of its own, and it shows when that did not succeed."""

from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

LONGEST_URL: Final = 2000

_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=5)


class Told(StrEnum):
    """What an organisation is told of an offer, each once; whether there is room each time that it is asked."""

    OFFER_MADE = "offer.made"
    OFFER_ENDED = "offer.ended"
    ROOM_ASKED = "room.asked"


class DeliveryState(StrEnum):
    """How far it has come."""

    NONE = "NONE"
    """The organisation had no webhook."""
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    NOT_DELIVERED = "NOT_DELIVERED"
    """Nobody took it before it was of no use any more."""


def wrong_with_url(url: str, *, allow_http: bool) -> str | None:
    """Why nothing can be sent to this address; None when it can.

    Args:
        url: as somebody sent it.
        allow_http: whether the machine's own loopback address may be reached without TLS, as a local system does.
    """
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"is an address of at most {LONGEST_URL} printable ASCII characters"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "cannot be read as an address"
    if not host:
        return "names a host"
    if parts.username is not None or parts.password is not None or parts.fragment:
        return "has no user, password or fragment"
    if parts.scheme == "https" or (parts.scheme == "http" and allow_http and _is_loopback(host)):
        return None
    return "begins with https://"


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: from five seconds, doubling, up to five minutes."""
    # The exponent is bounded, because a number of attempts is not.
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 10)), _LONGEST_PAUSE)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
