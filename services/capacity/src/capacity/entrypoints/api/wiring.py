"""What the routes work with: transactions on the service's database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from capacity.adapters.sql.queries import Queries
from capacity.adapters.sql.work import SqlWork
from capacity.domain.age_limits import AgeLimits
from chassis.auth import Caller, Requires
from chassis.auth import caller as with_token
from chassis.http.etag import if_match
from chassis.roles import PROVIDERS, REPORTERS
from chassis.sql import Database, Transaction


@dataclass(frozen=True, slots=True)
class Capacity:
    """The service's database, and the settings that decide."""

    database: Database
    ages: AgeLimits

    @property
    def queries(self) -> Queries:
        return Queries(self.database)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Transaction, SqlWork]]:
        """One transaction."""
        async with self.database.begin() as tx:
            yield tx, SqlWork(tx, self.ages)


async def capacity(request: Request) -> Capacity:
    """What this process serves; a coroutine, because FastAPI calls plain functions in a thread."""
    served: Capacity = request.app.state.capacity
    return served


Served = Annotated[Capacity, Depends(capacity)]
AnyCaller = Annotated[Caller, Depends(with_token)]
Registrar = Annotated[Caller, Depends(Requires(PROVIDERS))]
Reporter = Annotated[Caller, Depends(Requires(REPORTERS))]
Seen = Annotated[str, Depends(if_match)]
