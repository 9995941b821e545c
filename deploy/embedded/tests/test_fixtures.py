"""The fixtures that every other test leans on."""

from functools import partial

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from chassis.testing.databases import SchemaDatabase
from chassis.testing.fixtures import MakeTopics
from chassis.testing.processes import Processes
from chassis.testing.servers import Broker
from chassis.testing.waiting import eventually
from embedded.kafka_distribution import cache_folder


async def a_table(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create table facts (id int primary key)")
    await connection.close()


async def topic_names(broker: Broker) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def test_what_one_test_writes_another_does_not_see(schema_database: SchemaDatabase) -> None:
    mine, yours = await schema_database("facts", a_table), await schema_database("facts", a_table)
    connection = await asyncpg.connect(mine)
    await connection.execute("insert into facts values (1)")
    await connection.close()

    connection = await asyncpg.connect(yours)
    assert await connection.fetchval("select count(*) from facts") == 0
    # As in production, a service is no superuser.
    assert not await connection.fetchval("select usesuper from pg_user where usename = current_user")
    await connection.close()


_namespaces: list[str] = []


async def test_a_test_has_the_topics_of_its_namespace(broker: Broker, topics: MakeTopics, namespace: str) -> None:
    await topics(partitions=1)
    _namespaces.append(namespace)

    assert f"{namespace}.capacity.units.v1" in await topic_names(broker)


async def test_which_are_gone_after_it(broker: Broker) -> None:
    for namespace in _namespaces:
        await eventually(partial(no_topic_of, namespace, broker))


async def no_topic_of(namespace: str, broker: Broker) -> bool:
    return not any(name.startswith(namespace) for name in await topic_names(broker))


async def test_a_process_that_ends_before_it_says_what_is_waited_for_fails_the_test_with_its_log(processes: Processes) -> None:
    process = processes.start_command("broken", ("bash", "-c", "echo no database; exit 3"))

    with pytest.raises(RuntimeError, match="no database"):
        await process.said("ready")


async def test_a_paused_process_is_no_longer_heard_of_until_it_is_resumed(processes: Processes) -> None:
    process = processes.start_command("clock", ("bash", "-c", "trap 'echo stopping; exit 0' TERM; echo up; while :; do sleep 0.02; done"))
    await process.said("up")
    process.pause()
    process.terminate()

    with pytest.raises(TimeoutError):
        await process.wait_exit(0.3)
    process.resume()
    assert await process.wait_exit(5) == 0


async def test_an_assertion_that_never_holds_is_what_the_test_fails_with() -> None:
    beds = ["taken"]

    def never() -> bool:
        assert beds == ["free"]
        return True

    with pytest.raises(AssertionError, match="free"):
        await eventually(never, timeout=0.1)


def test_what_is_fetched_stays_out_of_version_control() -> None:
    assert (cache_folder() / ".gitignore").read_text() == "*\n"
