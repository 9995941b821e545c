"""What the routes work with: transactions on the service's database, the vault's keys, and the live queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request

from chassis.database.sql import Database, Transaction
from chassis.http.etag import if_match
from chassis.live import Live
from chassis.security.auth import Caller, Requires
from chassis.security.auth import caller as with_token
from chassis.security.roles import ASSESSORS, CASE_READERS, CASE_REGISTRARS, IDENTITY_READERS, PLACE_ASKERS
from triage.adapters.sealing import Sealing
from triage.adapters.sql.queries import Queries
from triage.adapters.sql.work import SqlVaultWork
from triage.application.assess_case import Packs


@dataclass(frozen=True, slots=True)
class Triage:
    """What this process serves."""

    database: Database
    sealing: Sealing
    packs: Packs
    live_cases: Live
    second_contact_within: timedelta
    silence_limit: timedelta

    @property
    def queries(self) -> Queries:
        return Queries(self.database)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Transaction, SqlVaultWork]]:
        """One transaction."""
        async with self.database.begin() as tx:
            yield tx, SqlVaultWork(tx, self.sealing)


async def triage(request: Request) -> Triage:
    """What this process serves; a coroutine, because FastAPI calls plain functions in a thread."""
    served: Triage = request.app.state.triage
    return served


Served = Annotated[Triage, Depends(triage)]
AnyCaller = Annotated[Caller, Depends(with_token)]
Registrar = Annotated[Caller, Depends(Requires(CASE_REGISTRARS))]
Reader = Annotated[Caller, Depends(Requires(CASE_READERS))]
Assessor = Annotated[Caller, Depends(Requires(ASSESSORS))]
PlaceAsker = Annotated[Caller, Depends(Requires(PLACE_ASKERS))]
IdentityReader = Annotated[Caller, Depends(Requires(IDENTITY_READERS))]
Seen = Annotated[str, Depends(if_match)]
