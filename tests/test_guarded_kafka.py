"""A Kafka that asks who one is: with exactly the rights of the registry every service does its work, and nobody does anything else.

The broker has the settings of the deployment's brokers, and its users and rights come from the deployment's own job.
"""

import asyncio
import json
import logging
import secrets
import shutil
import traceback
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.structs import OffsetAndMetadata
from kafka.admin import (  # type: ignore[import-untyped]  # it brings no types
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from chassis.database.sql import Database
from chassis.errors import MustStop
from chassis.kafka.access import ADMIN, users
from chassis.kafka.guard import bring_in_line
from chassis.kafka.partitions import partitions_of
from chassis.kafka.topics import create_topics
from chassis.settings import ServiceSettings
from chassis.testing.databases import ServiceDatabase
from chassis.testing.processes import Processes
from chassis.testing.servers import TEST_BROKER_SETTINGS, temporary_folder
from chassis.testing.waiting import eventually
from contracts.capacity import REPORTS
from contracts.registry import SERVICES, TOPICS
from contracts.reporting import NATIONAL
from contracts.topic import Topic
from embedded.guarded_kafka import GuardedKafka
from reporting.adapters.kafka.national_log import NationalLog
from reporting.application.live_picture import LivePicture
from simulator.day import Sitting
from simulator.providers_on_kafka import ProvidersOnKafka
from simulator.settings import KafkaLogin
from simulator.tokens import Tokens

SAMPLES = Path(__file__).parents[1] / "shared" / "contracts" / "tests" / "samples"
OUTSIDERS = sorted(users() - {*SERVICES})
ANYTHING = ACLFilter(
    None,
    None,
    ACLOperation.ANY,
    ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)


@dataclass(frozen=True)
class Guarded:
    """A namespace on the guarded broker, where the jobs have run."""

    kafka: GuardedKafka
    passwords: Path
    namespace: str

    def settings(self, user: str, **others: Any) -> ServiceSettings:
        return ServiceSettings(
            kafka_bootstrap_servers=self.kafka.bootstrap_servers,
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_username=user if user == ADMIN else f"{self.namespace}.{user}",
            kafka_sasl_password_file=self.passwords / user,
            namespace=self.namespace,
            **others,
        )

    def environment(self, user: str) -> dict[str, str]:
        """The same for a process."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_USERNAME": f"{self.namespace}.{user}",
            "KAFKA_SASL_PASSWORD_FILE": str(self.passwords / user),
            "NAMESPACE": self.namespace,
        }

    def of_the_brokers(self) -> ServiceSettings:
        """What the access job runs with."""
        return ServiceSettings(
            kafka_bootstrap_servers=self.kafka.brokers_bootstrap_servers,
            kafka_security_protocol="SASL_PLAINTEXT",
            kafka_sasl_username="broker",
            kafka_sasl_password_file=self.passwords / "broker",
            namespace=self.namespace,
        )

    async def run_access_job(self) -> None:
        await asyncio.to_thread(bring_in_line, self.of_the_brokers(), self.passwords)

    @contextmanager
    def administrator(self) -> Iterator[Any]:
        with KafkaAdminClient(**self.of_the_brokers().kafka() | {"sasl_mechanism": "PLAIN"}) as admin:
            yield admin

    def right(self, user: str, topic: str, permission: ACLPermissionType = ACLPermissionType.ALLOW) -> ACL:
        name = f"{self.namespace}.{topic}"
        return ACL(f"User:{self.namespace}.{user}", "*", ACLOperation.READ, permission, ResourcePattern(ResourceType.TOPIC, name))

    async def may_write(self, user: str, topic: str) -> bool:
        settings = self.settings(user)
        producer = AIOKafkaProducer(**settings.kafka(), acks="all")
        await asyncio.wait_for(producer.start(), 20)
        try:
            await asyncio.wait_for(producer.send_and_wait(settings.named(topic), b"{}", key=b"a"), 20)
        except TopicAuthorizationFailedError:
            return False
        else:
            return True
        finally:
            await producer.stop()

    async def may_read(self, user: str, topic: str) -> bool:
        settings = self.settings(user)
        name = settings.named(topic)
        try:
            await partitions_of(settings, [name])
        except MustStop:
            return False
        consumer = AIOKafkaConsumer(**settings.kafka())
        await asyncio.wait_for(consumer.start(), 20)
        try:
            consumer.assign([TopicPartition(name, 0)])
            consumer.seek(TopicPartition(name, 0), 0)
            # Every topic begins with the record that says its id.
            return bool(await asyncio.wait_for(consumer.getone(), 20))
        except TopicAuthorizationFailedError:
            return False
        finally:
            await consumer.stop()


@pytest_asyncio.fixture(scope="module")
async def kafka() -> AsyncIterator[tuple[GuardedKafka, Path]]:
    with temporary_folder() as folder:
        passwords = folder / "passwords"
        passwords.mkdir()
        for user in ("broker", ADMIN, *users()):
            (passwords / user).write_text(secrets.token_hex(24))
        broker = GuardedKafka(folder / "kafka", passwords=passwords, settings=TEST_BROKER_SETTINGS)
        try:
            await broker.start()
            yield broker, passwords
        finally:
            await broker.stop()


async def a_system_on(kafka: GuardedKafka, passwords: Path) -> Guarded:
    guarded = Guarded(kafka, passwords, f"g{secrets.token_hex(4)}")
    await guarded.run_access_job()
    await create_topics(guarded.settings(ADMIN), partitions=1)
    return guarded


@pytest_asyncio.fixture(scope="module")
async def guarded(kafka: tuple[GuardedKafka, Path]) -> Guarded:
    """One for all tests that only ask what is refused."""
    return await a_system_on(*kafka)


@pytest.mark.parametrize("user", sorted(users() - {"lcps", "provider"}))
async def test_a_user_writes_and_reads_the_topics_that_the_registry_gives_it_and_no_other(guarded: Guarded, user: str) -> None:
    def writes(topic: Topic) -> bool:
        return user == topic.writer

    def reads(topic: Topic) -> bool:
        # A service also looks up what it told itself.
        return user in topic.readers or (user == topic.writer and user in SERVICES)

    written = {topic.name for topic in TOPICS if await guarded.may_write(user, topic.name)}
    read = {topic.name for topic in TOPICS if await guarded.may_read(user, topic.name)}

    assert written == {topic.name for topic in TOPICS if writes(topic)}
    assert read == {topic.name for topic in TOPICS if reads(topic)}


async def test_lcps_reads_the_national_stream_and_nothing_else(guarded: Guarded) -> None:
    assert [topic.name for topic in TOPICS if await guarded.may_read("lcps", topic.name)] == ["reporting.national.v1"]
    assert not [topic.name for topic in TOPICS if await guarded.may_write("lcps", topic.name)]


async def test_a_provider_writes_reports_and_reads_nothing_not_even_its_own(guarded: Guarded) -> None:
    assert [topic.name for topic in TOPICS if await guarded.may_write("provider", topic.name)] == ["capacity.reports.v1"]
    assert not [topic.name for topic in TOPICS if await guarded.may_read("provider", topic.name)]


@pytest.mark.parametrize(("service", "other"), [pair for pair in product(SERVICES, SERVICES) if pair[0] != pair[1]])
async def test_a_service_cannot_fence_off_the_relay_of_another(guarded: Guarded, service: str, other: str) -> None:
    settings = guarded.settings(service)
    producer = AIOKafkaProducer(**settings.kafka(), transactional_id=settings.named(f"{other}.relay"))

    with pytest.raises(TransactionalIdAuthorizationFailed):
        await asyncio.wait_for(producer.start(), 20)

    await producer.stop()


@pytest.mark.parametrize("user", [*SERVICES, *OUTSIDERS])
async def test_nobody_moves_the_position_of_another_reader(guarded: Guarded, user: str) -> None:
    other = "capacity" if user != "capacity" else "reporting"
    settings = guarded.settings(user)
    consumer = AIOKafkaConsumer(**settings.kafka(), group_id=settings.named(other), enable_auto_commit=False)
    await asyncio.wait_for(consumer.start(), 20)
    try:
        readable = TopicPartition(settings.named(NATIONAL.name), 0)
        consumer.assign([readable])
        with pytest.raises(GroupAuthorizationFailedError):
            await asyncio.wait_for(consumer.commit({readable: OffsetAndMetadata(1, "")}), 20)
    finally:
        await consumer.stop()


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN", "sasl_plain_username": "admin", "sasl_plain_password": "admin"},
    ],
    ids=["nobody", "somebody who shows a password in the clear"],
)
async def test_who_does_not_show_who_he_is_is_refused(guarded: Guarded, credentials: dict[str, str]) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=guarded.kafka.bootstrap_servers, request_timeout_ms=2000, **credentials)

    with pytest.raises(KafkaConnectionError):
        await asyncio.wait_for(consumer.start(), 20)

    await consumer.stop()


async def test_a_wrong_password_is_refused_and_said_without_a_word_of_it(
    guarded: Guarded, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wrong").write_text("a-password-that-nobody-has")
    settings = guarded.settings("triage").model_copy(update={"kafka_sasl_password_file": tmp_path / "wrong"})

    with caplog.at_level(logging.DEBUG), pytest.raises(KafkaConnectionError) as refused:
        await partitions_of(settings, [settings.named(NATIONAL.name)])

    assert "SaslAuthenticationFailed" in caplog.text
    assert "a-password-that-nobody-has" not in f"{caplog.text} {settings!r} {traceback.format_exception(refused.value)}"


async def test_every_service_does_its_work_with_these_rights_and_no_others(
    kafka: tuple[GuardedKafka, Path], service_database: ServiceDatabase, processes: Processes, tmp_path: Path
) -> None:
    guarded = await a_system_on(*kafka)
    urls = {service: await service_database(service) for service in SERVICES}
    for service, url in urls.items():
        environment = guarded.environment(service) | {"KEYS_DIR": str(tmp_path / "keys"), "DATABASE_URL": url}
        processes.start(service, "worker", env=environment)

    async with AsyncExitStack() as open_databases:
        databases = {service: Database(url, pool_size=1) for service, url in urls.items()}
        for database in databases.values():
            await database.open()
            open_databases.push_async_callback(database.close)
        await every_owner_says_everything(databases)
        await a_provider_reports(guarded)
        for service, database in databases.items():
            await eventually(partial(everything_is_sent, database), timeout=120, every=0.3, what=f"{service}'s relay")
            await eventually(partial(everything_is_read, guarded, service, database), timeout=120, every=0.3, what=f"{service}'s reader")

    # Every API process of reporting reads the live picture from Kafka by itself.
    picture = LivePicture()
    reading = asyncio.create_task(NationalLog(guarded.settings("reporting"), picture).run())
    await eventually(picture.figures, timeout=20, what="a figure in the live picture")
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


async def every_owner_says_everything(databases: Mapping[str, Database]) -> None:
    """One event of every kind on every topic."""
    for topic in TOPICS:
        for event_type in topic.events if topic.writer in SERVICES else ():
            event = event_type.parse((SAMPLES / event_type.ce_type / "full.json").read_bytes())
            async with databases[topic.writer].begin() as tx:
                tx.publish(topic, event, key=event.subject)


async def a_provider_reports(guarded: Guarded) -> None:
    """Through the simulator's own client."""
    report = json.loads((SAMPLES / REPORTS.events[0].ce_type / "full.json").read_bytes())
    login = KafkaLogin(f"{guarded.namespace}.provider", (guarded.passwords / "provider").read_text())
    providers = ProvidersOnKafka(guarded.kafka.bootstrap_servers, login, guarded.namespace, Tokens(Path(), "a-token"), {})
    location: Any = SimpleNamespace(organisation="a-home")
    providers.take(Sitting(datetime.now(UTC), location, (report,), (), (), is_twice=False))
    running = asyncio.create_task(providers.run())
    await eventually(lambda: providers.sent == 1, timeout=20, what="a provider's report")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def everything_is_sent(database: Database) -> bool:
    async with database.connection() as connection:
        sent = await connection.fetchval("select count(*) filter (where published_at is not null) > 0 from outbox")
        return bool(sent) and not await connection.fetchval("select count(*) from outbox where published_at is null")


async def everything_is_read(guarded: Guarded, service: str, database: Database) -> bool:
    """Read, and committed in the reader's own group."""
    settings = guarded.settings(service)
    async with database.connection() as connection:
        topics = await connection.fetch("select distinct topic from heartbeats where reader = $1", service)
    partitions = [TopicPartition(settings.named(row["topic"]), 0) for row in topics]
    if not partitions:
        return False
    consumer = AIOKafkaConsumer(**settings.kafka(), group_id=settings.named(service), enable_auto_commit=False)
    await asyncio.wait_for(consumer.start(), 20)
    try:
        ends = await consumer.end_offsets(partitions)
        return all([await consumer.committed(partition) == ends[partition] for partition in partitions])
    finally:
        await consumer.stop()


async def test_the_job_takes_away_what_the_registry_does_not_give_and_leaves_what_somebody_refused(
    kafka: tuple[GuardedKafka, Path],
) -> None:
    guarded, neighbour = await a_system_on(*kafka), await a_system_on(*kafka)
    stray = guarded.right("provider", "triage.cases.v1")
    refusal = guarded.right("lcps", "reporting.national.v1", ACLPermissionType.DENY)
    with guarded.administrator() as admin:
        before = {*admin.describe_acls(ANYTHING)[0]}
        admin.create_acls([stray, refusal])
    assert await guarded.may_read("provider", "triage.cases.v1")

    await guarded.run_access_job()

    assert not await guarded.may_read("provider", "triage.cases.v1")
    assert not await guarded.may_read("lcps", "reporting.national.v1")
    assert await neighbour.may_read("lcps", "reporting.national.v1")
    with guarded.administrator() as admin:
        assert {*admin.describe_acls(ANYTHING)[0]} == before | {refusal}


async def test_a_new_password_is_a_new_file_and_an_outsider_without_one_is_out(kafka: tuple[GuardedKafka, Path], tmp_path: Path) -> None:
    passwords = Path(shutil.copytree(kafka[1], tmp_path / "passwords"))
    guarded = await a_system_on(kafka[0], passwords)
    (tmp_path / "old").write_text((passwords / "capacity").read_text())
    old = guarded.settings("capacity").model_copy(update={"kafka_sasl_password_file": tmp_path / "old"})
    lcps = guarded.settings("lcps").model_copy(update={"kafka_sasl_password_file": kafka[1] / "lcps"})
    assert await logs_in(old)
    assert await logs_in(lcps)

    (passwords / "capacity").write_text(secrets.token_hex(24))
    (passwords / "lcps").unlink()
    await guarded.run_access_job()

    assert await logs_in(guarded.settings("capacity"))
    assert not await logs_in(old)
    assert not await logs_in(lcps)


async def test_the_job_shows_no_password_and_names_the_user_who_has_none(
    kafka: tuple[GuardedKafka, Path], processes: Processes, tmp_path: Path
) -> None:
    passwords = Path(shutil.copytree(kafka[1], tmp_path / "passwords"))
    guarded = Guarded(kafka[0], passwords, f"g{secrets.token_hex(4)}")
    environment = guarded.environment("broker") | {
        "KAFKA_BOOTSTRAP_SERVERS": guarded.kafka.brokers_bootstrap_servers,
        "KAFKA_SASL_USERNAME": "broker",
        "KAFKA_PASSWORDS_DIR": str(passwords),
        "LOG_LEVEL": "debug",
    }

    job = processes.start("chassis", "access", env=environment)

    assert await job.wait_exit(60) == 0
    assert "rights are those of the registry" in job.log
    assert not [user for user in ("broker", ADMIN, *users()) if (passwords / user).read_text() in job.log]
    (passwords / "placement").write_text("")
    with pytest.raises(MustStop, match="placement"):
        await guarded.run_access_job()


async def logs_in(settings: ServiceSettings) -> bool:
    consumer = AIOKafkaConsumer(**settings.kafka())
    try:
        await asyncio.wait_for(consumer.start(), 20)
    except KafkaConnectionError:
        return False
    else:
        return True
    finally:
        await consumer.stop()
