"""What the routes work with: transactions on the service's database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from capacity.adapters.sql.queries import Queries
from capacity.adapters.sql.work import SqlWork
from capacity.application.take_reports import Submission, Verdict, take_reports
from capacity.application.take_together import TakeTogether
from capacity.domain.age_limits import AgeLimits
from chassis.database.sql import Database, Transaction
from chassis.http.etag import if_match
from chassis.observability.trace_context import going_on
from chassis.security.auth import Caller, Requires
from chassis.security.auth import caller as with_token
from chassis.security.roles import PROVIDERS, REPORTERS


@dataclass(frozen=True, slots=True)
class Capacity:
    """The service's database, and the settings that decide."""

    database: Database
    ages: AgeLimits
    take_together: TakeTogether = field(init=False)

    def __post_init__(self) -> None:
        """Single reports share transactions."""
        object.__setattr__(self, "take_together", TakeTogether(self._take_all))

    @property
    def queries(self) -> Queries:
        return Queries(self.database)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[tuple[Transaction, SqlWork]]:
        """One transaction."""
        async with self.database.begin() as tx:
            yield tx, SqlWork(tx, self.ages)

    async def _take_all(self, submissions: Sequence[Submission]) -> Sequence[Verdict]:
        with going_on({str(submission.report.unit_id): submission.traceparent for submission in submissions}):
            async with self.begin() as (_, work):
                return await take_reports(work, submissions)


async def capacity(request: Request) -> Capacity:
    """What this process serves; a coroutine, because FastAPI calls plain functions in a thread."""
    served: Capacity = request.app.state.capacity
    return served


Served = Annotated[Capacity, Depends(capacity)]
AnyCaller = Annotated[Caller, Depends(with_token)]
Registrar = Annotated[Caller, Depends(Requires(PROVIDERS))]
Reporter = Annotated[Caller, Depends(Requires(REPORTERS))]
Seen = Annotated[str, Depends(if_match)]
