"""Providers that put their reports on Kafka themselves, each with its own token."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from contracts.capacity import REPORTS, ReportV1
from contracts.event import SPEC_VERSION
from simulator.brief import say
from simulator.day import Sitting, addressed
from simulator.settings import KafkaLogin
from simulator.tokens import NoToken, Tokens, Who

# More than this and the newest are left out: a later report of the same unit says it anyway.
WAITING_SITTINGS = 500
START_SECONDS = 20.0
SEND_SECONDS = 30.0
AGAIN_SECONDS = 3.0


class ProvidersOnKafka:
    """Takes sittings and puts their reports on `capacity.reports.v1`; a broker that is away is waited for."""

    def __init__(self, bootstrap_servers: str, login: KafkaLogin, namespace: str, tokens: Tokens, ids: Mapping[str, UUID]) -> None:
        self._connection = {"bootstrap_servers": bootstrap_servers, **login.credentials()}
        self._topic = f"{namespace}.{REPORTS.name}" if namespace else REPORTS.name
        self._tokens = tokens
        self._ids = ids
        self._waiting: asyncio.Queue[Sitting] = asyncio.Queue(WAITING_SITTINGS)
        self.sent = 0
        self.left_out = 0

    def take(self, sitting: Sitting) -> None:
        """Queue a sitting; never waits, because the API's senders must not stand still for the broker."""
        if self._waiting.full():
            self.left_out += len(sitting.reports)
            return
        self._waiting.put_nowait(sitting)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                await self._run_connected()
            except (KafkaError, TimeoutError, NoToken) as error:
                say("kafka away", because=type(error).__name__)
                await asyncio.sleep(AGAIN_SECONDS)

    async def _run_connected(self) -> None:
        producer = AIOKafkaProducer(**self._connection, acks="all", enable_idempotence=True)
        try:
            # aiokafka waits for ever for a broker that answers half.
            await asyncio.wait_for(producer.start(), START_SECONDS)
            while True:
                sitting = await self._waiting.get()
                await asyncio.wait_for(self._send(producer, sitting), SEND_SECONDS)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, sitting: Sitting) -> None:
        organisation = sitting.location.organisation
        token = await self._tokens.get(Who("provider", organisation))
        for report in (*sitting.reports, *(lone for lone in sitting.lone if "observed_at" in lone)):
            event = ReportV1.model_validate(addressed(report, self._ids))
            await producer.send_and_wait(
                self._topic, event.body(), key=str(event.unit_id).encode(), headers=headers(event, organisation, token)
            )
            self.sent += 1


def headers(event: ReportV1, organisation: str, token: str) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 in binary mode, as an outsider writes them: without a sequence, with a token."""
    named = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": str(uuid4()),
        "ce_type": event.ce_type,
        "ce_source": f"urn:nl:zorgcoordinatie:provider:{organisation}",
        "ce_subject": event.subject,
        "ce_time": datetime.now(UTC).isoformat(),
        "content-type": "application/json",
        "authorization": f"Bearer {token}",
    }
    return [(name, value.encode()) for name, value in named.items()]
