"""The system of docker-compose.yml: spoken to through its gateway alone, looked into with `docker compose`."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson

from chassis.security.keys import Issuer, issuer_key
from chassis.testing.waiting import eventually
from simulator.client import Api
from simulator.tokens import Tokens
from tests.e2e.kafka_log import Seen
from tests.e2e.oracle import AMSTERDAM
from tests.e2e.running import Running

from .commands import compose
from .intake import Intake, Noted

SERVICES = ("triage", "capacity", "placement", "reporting")
_INSIDE = Path(__file__).with_name("topics_inside.py")
# A heartbeat tells about once a second how much waits: looks closer together would see the same one twice.
_LOOK_EVERY_SECONDS = 1.2
_QUIET_LOOKS = 3


class Deployment(Running):
    """One that may have been used before: of topics only what came since `begin` counts."""

    def __init__(self, url: str, secrets: Path) -> None:
        # In a deployment with keys of its own this file is in a folder that its `issuer` signs for; without it nobody here can be anybody.
        key = issuer_key(secrets / "keys" / "issuer")
        assert key is not None, f"{secrets}/keys/issuer has no issuer: who are we to be?"
        self.secrets = secrets
        self.intake = Intake()
        self._trusted = ssl.create_default_context(cafile=secrets / "gateway" / "ca.pem")
        self.feed_before: dict[str, dict[str, str]] = {}
        """What LCPS was told of these days before."""
        self._begin: dict[str, int] = {}
        self._on_topics: dict[str, list[Seen]] = defaultdict(list)
        super().__init__(url, Issuer(key, "urn:nl:zorgcoordinatie:local", "schakel"))

    def speaker(self, token: str, *, timeout_seconds: float, connections: int) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=connections)
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"authorization": f"Bearer {token}"},
            timeout=timeout_seconds,
            transport=Noted(httpx.AsyncHTTPTransport(verify=self._trusted, limits=limits), self.intake),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """As the simulator speaks: with patience, in batches, and to live streams."""
        async with self.speaker(self.token("admin"), timeout_seconds=60, connections=40) as client:
            yield Api(client, Tokens(self.secrets, self.token("admin")), patience_seconds=60)

    async def begin(self) -> None:
        """From here on."""
        await self.settled()
        [self._begin] = await self._inside("ends")
        self.feed_before = await self.feed_now()

    async def feed_now(self) -> dict[str, dict[str, str]]:
        """Of the days that a test may reach."""
        today = datetime.now(AMSTERDAM).date()
        return await self.feed((today - timedelta(days=1)).isoformat(), today.isoformat())

    async def read_topics(self) -> None:
        """What came on all topics so far."""
        self._on_topics = defaultdict(list)
        for said in await self._inside("read", self._begin):
            topic = said.pop("topic")
            if "topic_id" not in said["headers"]:
                self._on_topics[topic].append(Seen(**{**said, "body": said["body"].encode()}))
        for records in self._on_topics.values():
            records.sort(key=lambda seen: (seen.partition, seen.offset))

    async def records(self, topic: str) -> list[Seen]:
        """What was on the topic when it was last read."""
        return self._on_topics[topic]

    async def rows(self, service: str, query: str) -> list[dict[str, Any]]:
        wanted = f"select coalesce(json_agg(found), '[]') from ({query}) as found"
        said = await compose(
            *("exec", "--no-TTY", "postgres", "psql", "--username=postgres", f"--dbname={service}"), "--no-psqlrc", "-qAt", "-c", wanted
        )
        return [{name: _typed(name, value) for name, value in row.items()} for row in orjson.loads(said)]

    async def ready(self) -> dict[str, Any]:
        """What every service says of itself."""
        answers = await asyncio.gather(*(self.client.get(f"/{service}/health/ready") for service in SERVICES), return_exceptions=True)
        said: dict[str, Any] = {}
        for service, answer in zip(SERVICES, answers, strict=True):
            is_said = isinstance(answer, httpx.Response) and answer.headers["content-type"].startswith("application/json")
            said[service] = answer.json() if isinstance(answer, httpx.Response) and is_said else {"ready": False, "checks": repr(answer)}
        return said

    async def is_well(self) -> bool:
        """Whether every service says that it is ready."""
        for service, said in (await self.ready()).items():
            assert said["ready"], f"{service} is not ready: {said['checks']}"
        return True

    async def settled(self, timeout: float = 180) -> None:  # noqa: ASYNC109 - as the other waits of the test fixtures
        """Wait until nothing is unsent and nothing unread."""
        quiet = 0

        async def is_quiet() -> bool:
            nonlocal quiet
            waiting = {service: (said.get("unsent"), said.get("waiting")) for service, said in (await self.ready()).items()}
            quiet = quiet + 1 if set(waiting.values()) == {(0, 0)} else 0
            assert quiet, f"unsent and unread: {waiting}"
            return quiet == _QUIET_LOOKS

        await eventually(is_quiet, timeout=timeout, every=_LOOK_EVERY_SECONDS, what="everything to have gone through")

    async def all_in_sync(self) -> bool:
        """Whether every broker has every record."""
        [said] = await self._inside("in-sync")
        assert not said["behind"], f"{said['behind']} partitions lack a replica"
        return True

    async def _inside(self, *arguments: object) -> list[Any]:
        source, told = _INSIDE.read_text(), [each if isinstance(each, str) else orjson.dumps(each).decode() for each in arguments]
        # The job that makes the topics may read them all; nobody else may.
        said = await compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "python", "topics", "-c", source, *told)
        return [orjson.loads(line) for line in said.splitlines()]


def _typed(name: str, value: Any) -> Any:
    """What JSON has no form for, by the names that our columns have."""
    if isinstance(value, list):
        return [UUID(each) for each in value] if name == "includes_holds" else value
    if isinstance(value, str) and name.endswith("_id"):
        return UUID(value)
    if isinstance(value, str) and (name.endswith("_at") or name == "now"):
        return datetime.fromisoformat(value)
    return value
