"""A worker of its own: from a command to its effect, over real Kafka and PostgreSQL."""

from pathlib import Path

import probe
from playground import Playground

from chassis.testing.waiting import eventually


async def test_what_is_published_in_a_transaction_is_applied_by_the_reader_once_and_in_order(
    playground: Playground, probe_topics: None
) -> None:
    worker = playground.start("worker")
    await playground.publish("a", 1, 2, 3)
    await playground.publish("b", 1)
    await playground.publish("a", 7, topic=probe.STATES)

    async def has_arrived() -> bool:
        return await playground.applied() == {"a": [1, 2, 3], "b": [1]} and await playground.applied(probe.STATES) == {"a": [7]}

    await eventually(has_arrived, timeout=20)
    worker.terminate()
    assert await worker.wait_exit(10) == 0
    assert not list(Path.cwd().glob(f"{playground.settings.namespace}*")), "Faust keeps no files of its own"
