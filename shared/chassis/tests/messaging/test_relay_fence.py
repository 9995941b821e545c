"""Two relays: the broker refuses what the earlier one still sends, so that the newest value stays the last of its key."""

import asyncio

import asyncpg
import probe
import pytest
from playground import Playground
from prometheus_client import REGISTRY

from chassis.errors import MustStop
from chassis.messaging.relay import _LOCK, Relay
from chassis.settings import ServiceSettings
from chassis.standing.health import Health
from chassis.standing.metrics import Standing
from chassis.testing.waiting import eventually
from contracts.event import FIRST_VERSION


async def all_sent(playground: Playground) -> bool:
    return await playground.value("select count(*) from outbox where published_at is null") == 0


@pytest.mark.usefixtures("probe_topics")
async def test_an_earlier_relay_that_lost_its_lock_without_knowing_is_refused(
    playground: Playground, settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It believes that it has the lock: as one does whose session the server ended while it slept.
    monkeypatch.setattr("chassis.messaging.relay._LOCK", 1)
    earlier = asyncio.create_task(Relay(settings, probe.NAME).run())
    await playground.publish("a", 1)
    await eventually(lambda: all_sent(playground))
    monkeypatch.setattr("chassis.messaging.relay._LOCK", 2)
    later = asyncio.create_task(Relay(settings, probe.NAME).run())
    await eventually(lambda: playground.value("select count(*) = 2 from pg_locks where locktype = 'advisory'"))

    async def sends_until_refused() -> bool:
        await playground.publish("a", 2)
        return earlier.done()

    await eventually(sends_until_refused, timeout=20)
    with pytest.raises(MustStop, match="later relay"):
        await earlier
    await eventually(lambda: all_sent(playground))
    assert not later.done()
    later.cancel()

    # Its process is gone before anybody could have asked it.
    await Standing(probe.NAME, Health(playground.database)).show()
    assert REGISTRY.get_sample_value("schakel_relay_fenced", {"service": probe.NAME}) == 1


@pytest.mark.usefixtures("probe_topics")
async def test_a_relay_paused_longer_than_its_session_is_overtaken_and_never_has_the_last_word(playground: Playground) -> None:
    paused = playground.start("relay")
    await playground.publish("a", 1, topic=probe.STATES)
    await eventually(lambda: all_sent(playground), timeout=60)
    paused.pause()
    paused_at = asyncio.get_running_loop().time()
    await playground.publish("a", 2, 3, topic=probe.STATES)
    async with playground.relaying():
        await eventually(lambda: all_sent(playground), timeout=20)
        taken_over_after = asyncio.get_running_loop().time() - paused_at
        await playground.publish("a", 4, topic=probe.STATES)
        await eventually(lambda: all_sent(playground))
        paused.resume()

        # It woke without its session: it waits for the lock, or was refused; either way the last value is the newest.
        await playground.publish("a", 5, topic=probe.STATES)
        await eventually(lambda: all_sent(playground))
    log = await playground.log(probe.STATES)
    assert int(dict(log[-1].headers)["ce_sequence"]) == FIRST_VERSION + 4
    assert taken_over_after < 18


@pytest.mark.usefixtures("probe_topics")
async def test_a_relay_stopped_in_the_middle_of_a_conversation_loses_its_lock_too(
    playground: Playground, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server does not call it idle, so its own limit never ends it; here it has none.
    monkeypatch.setattr("chassis.messaging.relay._SILENT_SECONDS", 1)
    stopped = await asyncpg.connect(database_url)
    await stopped.execute("select pg_advisory_lock($1)", _LOCK)
    await playground.publish("a", 1)

    async with playground.relaying():
        await eventually(lambda: all_sent(playground))

    assert stopped.is_closed()
