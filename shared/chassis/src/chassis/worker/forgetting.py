"""What is kept for a time only is forgotten by the worker."""

import asyncio
from collections.abc import Awaitable, Callable

from chassis.database.sql import Connection, Database
from chassis.worker.process import Task

_EVERY_SECONDS = 600.0

Forget = Callable[[Connection], Awaitable[None]]


def forgetting(database: Database, *forgets: Forget) -> Task:
    """Forget all of these at once, and then again every ten minutes."""

    async def run() -> None:
        while True:
            async with database.connection() as connection:
                for forget in forgets:
                    await forget(connection)
            await asyncio.sleep(_EVERY_SECONDS)

    return run
