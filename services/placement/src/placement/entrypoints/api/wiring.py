"""What the routes work with: transactions and reads on the service's database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from chassis.database.sql import Database, Transaction
from chassis.http.etag import if_match
from chassis.live import Live
from chassis.security.auth import Caller, Requires
from chassis.security.auth import caller as with_token
from chassis.security.roles import ANSWERERS, CANCELLERS, JOURNEY_TAKERS, OFFER_READERS, OFFERERS, REQUEST_READERS
from placement.adapters.sealing import SecretSeal
from placement.adapters.sql.candidates import Census
from placement.adapters.sql.moving import CHANNELS
from placement.adapters.sql.queries import OFFER_ROWS, REQUEST_ROWS, Queries
from placement.adapters.sql.work import SqlWork
from placement.config import PlacementSettings
from placement.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Placement:
    """The service's database, the settings that decide, and the lists that are watched."""

    database: Database
    policy: Policy
    requests: Live
    offers: Live
    census: Census
    seal: SecretSeal
    """Closes the secrets of webhooks."""
    allow_http: bool
    """Whether webhooks may be on the loopback address, as in a local system."""

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Transaction, SqlWork]]:
        """One transaction."""
        async with self.database.begin() as tx:
            yield tx, SqlWork(tx, self.policy)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Queries]:
        """Reads, on one connection."""
        async with self.database.connection() as connection:
            yield Queries(connection)


@asynccontextmanager
async def serving(database: Database, settings: PlacementSettings) -> AsyncIterator[Placement]:
    """What the routes need, while the API runs."""
    requests = Live(database, channel=CHANNELS["requests"], rows=REQUEST_ROWS)
    offers = Live(database, channel=CHANNELS["offers"], rows=OFFER_ROWS)
    async with requests.running(), offers.running():
        seal = SecretSeal.of(settings.keys_dir)
        yield Placement(database, settings.policy, requests, offers, Census(), seal, settings.webhook_allow_http)


async def placement(request: Request) -> Placement:
    """What this process serves; a coroutine, because FastAPI calls plain functions in a thread."""
    served: Placement = request.app.state.placement
    return served


Served = Annotated[Placement, Depends(placement)]
AnyCaller = Annotated[Caller, Depends(with_token)]
RequestReader = Annotated[Caller, Depends(Requires(REQUEST_READERS))]
OfferReader = Annotated[Caller, Depends(Requires(OFFER_READERS))]
Offerer = Annotated[Caller, Depends(Requires(OFFERERS))]
Answerer = Annotated[Caller, Depends(Requires(ANSWERERS))]
JourneyTaker = Annotated[Caller, Depends(Requires(JOURNEY_TAKERS))]
Canceller = Annotated[Caller, Depends(Requires(CANCELLERS))]
Seen = Annotated[str, Depends(if_match)]
