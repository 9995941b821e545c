"""The worst moment, held still at the database until a test has seen it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from .system import System


@asynccontextmanager
async def committing_takes_long(system: System, service: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Every commit of the service that sends an event waits until the test lets it go."""
    async with system.database(service) as owner, system.database(service) as holder:
        await owner.execute(
            """
            create function wait_for_the_test() returns trigger language plpgsql as
            $$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$;
            create constraint trigger wait_for_the_test after insert on outbox deferrable initially deferred
            for each row when (new.aggregateid not like 'heartbeat/%') execute function wait_for_the_test();
            """
        )
        await holder.execute("select pg_advisory_lock(1)")

        async def let_go() -> None:
            await holder.execute("select pg_advisory_unlock(1)")

        try:
            yield let_go
        finally:
            await owner.execute("drop trigger wait_for_the_test on outbox; drop function wait_for_the_test()")


def waits_for_a_lock(system: System, service: str, application_name: str) -> Callable[[], Awaitable[bool]]:
    """Whether a process of that name is waiting for a lock in the service's database."""

    async def waits() -> bool:
        async with system.database(service) as connection:
            found = await connection.fetchval(
                """
                select count(*) from pg_stat_activity
                where application_name = $1 and datname = current_database() and wait_event_type = 'Lock' and state = 'active'
                """,
                application_name,
            )
            return bool(found)

    return waits
