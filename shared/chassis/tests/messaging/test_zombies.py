"""Two workers that both believe a partition is theirs: every event still counts once, in order."""

import asyncio
import random
from itertools import accumulate, pairwise

import probe
import pytest
from playground import Log, Playground, a_delivery, deliver, someone_waits

from chassis.database.sql import Database
from chassis.kafka.record import Record
from chassis.settings import ServiceSettings


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("topic", [probe.EVENTS, probe.STATES], ids=["events", "states"])
async def test_owners_that_race_over_one_log_apply_every_event_once_and_in_order(
    playground: Playground, settings: ServiceSettings, database: Database, seed: int, topic: probe.Topic
) -> None:
    chance = random.Random(seed)
    log, counts = Log(topic), {}
    for _ in range(120):
        key = chance.choice("abcd")
        counts[key] = counts.get(key, 0) + 1
        log.append(key, counts[key])

    async def own(start: int, largest: int) -> None:
        delivery = a_delivery(settings, database)
        for batch in _batches(log.records[start:], largest, random.Random(seed + largest)):
            await deliver(delivery, topic, batch)

    # One begins at the front, the others take over somewhere behind what was applied: as after a rebalance, in batches of their own.
    await asyncio.gather(own(0, 7), own(0, 31), own(0, 3))

    assert await playground.applied(topic) == {key: list(range(1, count + 1)) for key, count in counts.items()}
    assert await playground.value("select next_offset from reader_positions") == 121


async def test_a_successor_that_waited_for_the_former_owner_goes_on_from_what_it_committed(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    log = Log()
    records = [log.append("a", n) for n in range(1, 5)]
    async with database.begin() as former:
        # The former owner has locked and applied the first two, and not committed yet.
        await former.connection.execute("insert into reader_versions values ('probe', 'probe.events.v1', 'a', $1)", 2**40 + 2)
        successor = asyncio.create_task(deliver(a_delivery(settings, database), probe.EVENTS, records))
        await someone_waits(playground)

    await successor

    assert await playground.applied() == {"a": [3, 4]}


def _batches(records: list[Record], largest: int, chance: random.Random) -> list[list[Record]]:
    ends = [0, *accumulate(chance.randint(1, largest) for _ in records)]
    return [records[start:end] for start, end in pairwise(ends) if records[start:end]]
