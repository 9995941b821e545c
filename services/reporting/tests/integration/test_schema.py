import asyncio

from chassis.migrations.running import check


async def test_the_migrations_make_the_tables_that_the_code_speaks_of(service_database) -> None:
    url = await service_database("reporting")

    await asyncio.to_thread(check, "reporting", url)
