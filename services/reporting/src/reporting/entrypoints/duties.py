"""The duties of the desk, each a use case done again and again."""

import asyncio
from contextlib import suppress

from chassis.worker.desk import Duty
from reporting.application.expire_contributions import ExpireContributions
from reporting.application.publish_figures import PublishFigures
from reporting.application.restate_feed import RestateFeed
from reporting.domain.pace import pause_after_seconds

_POLL_SECONDS = 1.0
_LOOK_AT_DAYS_SECONDS = 0.25


def publishing(publish: PublishFigures) -> Duty:
    """At once when figures are touched; while a backlog is worked off, after a pause; those that rest as soon as they have rested.

    And every second, in case a notification was lost.
    """

    async def run(touched: asyncio.Event) -> None:
        while True:
            # Cleared before the look: what is touched during it wakes us again.
            touched.clear()
            # Only what rests now can be left behind by this look.
            rested_in = publish.pace.next_in_seconds(publish.clock())
            done = await publish()
            if pause := pause_after_seconds(done.figures, done.behind_seconds):
                await asyncio.sleep(pause)
                continue
            look_again_in = rested_in if done.leaves_some and rested_in is not None else _POLL_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(touched.wait(), timeout=look_again_in)

    return run


def expiring(expire: ExpireContributions) -> Duty:
    """As soon as the next figure becomes too old, and every second because fresh ones come and clocks are shifted."""

    async def run(_: asyncio.Event) -> None:
        while True:
            due_in = await expire()
            await asyncio.sleep(_POLL_SECONDS if due_in is None else min(due_in, _POLL_SECONDS))

    return run


def restating(restate: RestateFeed) -> Duty:
    """Four times a second."""

    async def run(_: asyncio.Event) -> None:
        while True:
            await restate()
            await asyncio.sleep(_LOOK_AT_DAYS_SECONDS)

    return run
