"""One Kafka broker on the loopback address: a controller and a broker in one process, its data kept over restarts."""

import asyncio
import base64
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from embedded.errors import CannotStartError
from embedded.kafka_distribution import Distribution, distribution, libs_folder
from embedded.ports import kept_ports
from embedded.process import Process, Program, last_lines

_READY_LIMIT_SECONDS = 60.0
_ATTEMPTS = 5
_OFFSETS_KEPT_DAYS = 45


class Kafka:
    """A broker in its own folder. ``start`` after ``stop``, ``kill`` or the end of the machine goes on with the same data."""

    name = "kafka"
    _port_names: tuple[str, ...] = ("broker", "controller")

    def __init__(
        self,
        folder: Path,
        *,
        log: Path | None = None,
        heap_megabytes: int = 256,
        settings: Mapping[str, object] | None = None,
        of: Distribution | None = None,
        options: tuple[str, ...] | None = None,
    ) -> None:
        self._folder = folder.resolve()
        self._log = log or self._folder / "kafka.log"
        self._heap_megabytes = heap_megabytes
        self._settings = dict(settings or {})
        self._distribution = of
        self._options = options
        self._ports: dict[str, int] = {}
        self._is_announced = False
        self._process: Process | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address of the broker; it stays the same once it has been ready."""
        return f"127.0.0.1:{self._ports['broker']}"

    @property
    def process(self) -> Process:
        if self._process is None:
            raise CannotStartError("Kafka has not been started")
        return self._process

    def is_installed(self) -> bool:
        """Whether Kafka itself has been fetched."""
        return self._distribution is not None or libs_folder().exists()

    async def install(self) -> Distribution:
        """Fetch Kafka if it is not there yet; that takes seconds, or minutes on a slow line."""
        if self._distribution is None:
            self._distribution = await distribution(_build_archive)
        return self._distribution

    async def prepare(self) -> Program:
        """Everything up to the start itself: jars, ports, settings, an empty log where there is none."""
        kafka = await self.install()
        self._folder.mkdir(parents=True, exist_ok=True)
        # Who knows the address relies on it: from then on a taken port is waited for, not replaced.
        if not self._is_announced:
            self._ports = kept_ports(self._folder / "ports.json", self._port_names)
        properties = self._folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        await self._format(kafka, properties)
        options = kafka.with_archive() if self._options is None else self._options
        return Program(
            name=self.name,
            command=kafka.command("kafka.Kafka", str(properties), heap_megabytes=self._heap_megabytes, options=options),
            log=self._log,
            directory=self._folder,
            # glibc gives every thread its own arena, which costs more resident memory than the broker's threads ever use.
            environment={"MALLOC_ARENA_MAX": "2"},
            stop_limit_seconds=20,
        )

    async def is_ready(self) -> bool:
        """Whether the broker has joined its own cluster and answers."""
        is_ready = await broker_answers(self.bootstrap_servers)
        self._is_announced = self._is_announced or is_ready
        return is_ready

    async def start(self) -> None:
        """Start and wait until it answers. A port that somebody else was quicker to take is replaced at the first start."""
        for attempt in range(_ATTEMPTS):
            self._process = Process(await self.prepare())
            if await self._process.becomes_ready(self.is_ready, within_seconds=_READY_LIMIT_SECONDS):
                return
            await asyncio.sleep(0.2 * attempt)
        raise CannotStartError(f"Kafka does not start; the end of {self._log}:\n{last_lines(self._log)}")

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        self.process.kill()

    def pause(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.signal(signal.SIGCONT)

    def _properties(self) -> dict[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"PLAINTEXT://127.0.0.1:{self._ports['broker']},CONTROLLER://127.0.0.1:{self._ports['controller']}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": f"1@127.0.0.1:{self._ports['controller']}",
            "log.dirs": self._folder / "data",
            # One node: without these a consumer's start waits for ever for a second replica.
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "default.replication.factor": 1,
            # A mistyped topic is an error, not a new topic.
            "auto.create.topics.enable": "false",
            # A reader that was away for its whole retention still finds its position.
            "offsets.retention.minutes": _OFFSETS_KEPT_DAYS * 24 * 60,
            # Else every join waits three seconds for members that may come.
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # After a kill -9 the controller lets the broker in again when its former session has ended: 4 s instead of 11.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            # A small heap dies of the default buffer of 128 MB.
            "log.cleaner.dedupe.buffer.size": 2 * 2**20,
            "offsets.topic.num.partitions": 3,
            "transaction.state.log.num.partitions": 3,
            "share.coordinator.state.topic.num.partitions": 1,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "background.threads": 2,
            **self._settings,
        }

    async def _format(self, kafka: Distribution, properties: Path) -> None:
        data = self._folder / "data"
        if (data / "meta.properties").exists():
            return
        # What a formatting that was killed halfway left behind holds no record yet.
        shutil.rmtree(data, ignore_errors=True)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = kafka.command(
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster}",  # with "=", because an id may begin with a dash
            "--config",
            str(properties),
            heap_megabytes=128,
            options=kafka.with_archive(),
        )
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise CannotStartError(f"Kafka's log could not be laid out: {(done.stderr or done.stdout).strip()[-500:]}")


async def broker_answers(bootstrap_servers: str, **credentials: str) -> bool:
    """Whether a broker of this list of addresses answers, to whoever these credentials show, and knows of brokers in its cluster."""
    host, _, port = bootstrap_servers.split(",", maxsplit=1)[0].rpartition(":")
    try:
        # First without the client, which logs an error for every connection that is refused.
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 5)
        writer.close()
    except (OSError, TimeoutError):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=2000, **credentials)
    try:
        await asyncio.wait_for(admin.start(), 5)
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()


async def _build_archive(kafka: Distribution, archive: Path) -> None:
    """Write down the classes of a broker that was used once for everything, which the JVM does when that broker stops."""
    with tempfile.TemporaryDirectory(prefix="schakel-kafka-") as folder:
        broker = Kafka(Path(folder), of=kafka, options=(f"-XX:ArchiveClassesAtExit={archive}",))
        try:
            await broker.start()
            await _use_once(broker.bootstrap_servers)
        except (KafkaError, TimeoutError) as error:
            raise CannotStartError(f"Kafka starts, but cannot be used ({type(error).__name__})") from error
        finally:
            await broker.stop()


async def _use_once(bootstrap_servers: str) -> None:
    """Produce, consume, commit and take a transactional id, so that those classes are in the archive as well."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("warm-up", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id="warm-up")
    await asyncio.wait_for(producer.start(), 30)
    async with producer.transaction():
        await producer.send_and_wait("warm-up", b"1")
    await producer.stop()
    consumer = AIOKafkaConsumer("warm-up", bootstrap_servers=bootstrap_servers, group_id="warm-up", auto_offset_reset="earliest")
    await asyncio.wait_for(consumer.start(), 30)
    await asyncio.wait_for(consumer.getone(), 30)
    await consumer.commit()
    await consumer.stop()
