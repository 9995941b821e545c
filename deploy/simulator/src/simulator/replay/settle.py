"""Waiting until everything that was sent has gone all the way into the feed."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from simulator.client import Api
from simulator.replay.feed import Feed, read_feed

# What waits is told by heartbeats, about one a second: looks closer together would see the same one twice.
LOOK_EVERY_SECONDS = 1.2
QUIET_LOOKS = 2

# On the way of a fact: capacity sends what is in its outbox, reporting reads it and restates the feed.
STATIONS = (("capacity", "waiting"), ("capacity", "unsent"), ("reporting", "waiting"), ("reporting", "unsent"))

# A feed that says what was wanted is believed at once; before we say that it does not, it gets this long.
STILL_SECONDS_BEFORE_DOUBT = 8.0
# While a live day goes on something is always under way. Then each station must have been empty once since we sent, and the feed
# still for longer; and when we never happened to see a station empty, longer yet.
STILL_SECONDS_LIVE = 3.0
STILL_SECONDS_LIVE_BEFORE_DOUBT = 12.0
STILL_SECONDS_AT_LAST = 30.0


class NotSettled(Exception):  # noqa: N818 - it names what happened
    """The system did not come to rest in time."""


@dataclass(frozen=True, slots=True)
class Stations:
    """How much waits at each station; None where that cannot be told."""

    waiting: tuple[int | None, ...]
    not_ready: tuple[str, ...] = ()
    """Services whose workers do not live or move: their numbers are old."""

    def __str__(self) -> str:
        told = [f"{service} is not ready" for service in self.not_ready]
        for (service, name), number in zip(STATIONS, self.waiting, strict=True):
            if number != 0:
                told.append(f"{service} {name} {'unknown' if number is None else number}")
        return ", ".join(told) or "the feed keeps changing"


@dataclass(slots=True)
class Watch:
    """Takes look after look and says when the system has settled. Pure: time comes in."""

    is_wanted: Callable[[Feed], bool]
    _feed: Feed | None = None
    _still_since: float = 0.0
    _looks_quiet: int = 0
    _passed: int = 0

    def is_settled(self, stations: Stations, feed: Feed, now: float) -> bool:
        """Take a look: how much waits, and what the feed says."""
        if feed != self._feed or stations.not_ready:
            self._feed, self._still_since, self._looks_quiet = feed, now, 0
        if stations.not_ready:
            return False
        waiting = stations.waiting
        # Stations empty one after another, in the order of the way: what was sent before lies behind each.
        while self._passed < len(waiting) and waiting[self._passed] == 0:
            self._passed += 1
        self._looks_quiet = self._looks_quiet + 1 if all(number == 0 for number in waiting) else 0
        is_wanted, still = self.is_wanted(feed), now - self._still_since
        if self._looks_quiet >= QUIET_LOOKS:
            return is_wanted or still >= STILL_SECONDS_BEFORE_DOUBT
        if self._passed == len(waiting):
            return still >= (STILL_SECONDS_LIVE if is_wanted else STILL_SECONDS_LIVE_BEFORE_DOUBT)
        return None not in waiting and still >= STILL_SECONDS_AT_LAST


async def settled(
    api: Api, days: frozenset[date], is_wanted: Callable[[Feed], bool], *, within_seconds: float, look_every_seconds: float
) -> Feed:
    """Wait until the system has settled; gives the feed on these days.

    Raises:
        NotSettled: it did not in time.
        Refused: the system will not tell.
        Unreachable: it does not answer.
    """
    watch = Watch(is_wanted)
    until = time.monotonic() + within_seconds
    while True:
        # Before the first look too: the heartbeats that lie there are from before the last fact was sent.
        await asyncio.sleep(look_every_seconds)
        stations = await _stations(api)
        feed = await read_feed(api, days)
        if watch.is_settled(stations, feed, time.monotonic()):
            return feed
        if time.monotonic() > until:
            raise NotSettled(f"not settled within {within_seconds:.0f} s: {stations}")


async def _stations(api: Api) -> Stations:
    bodies: dict[str, dict[str, object]] = {}
    for service in ("capacity", "reporting"):
        # `ready` answers 503 with the same body while a worker is behind, which is what we wait for.
        response = await api.look(f"/{service}/health/ready")
        try:
            body = response.json()
        except ValueError:
            body = None
        bodies[service] = body if isinstance(body, dict) else {}
    numbers = (bodies[service].get(name) for service, name in STATIONS)
    return Stations(
        waiting=tuple(number if isinstance(number, int) else None for number in numbers),
        not_ready=tuple(service for service, body in bodies.items() if body.get("ready") is not True),
    )
