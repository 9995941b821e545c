"""The tables in the code are the tables that the migrations make."""

import asyncio

from chassis.migrations.running import check


async def test_no_migration_is_missing(service_database):
    await asyncio.to_thread(check, "placement", await service_database("placement"))
