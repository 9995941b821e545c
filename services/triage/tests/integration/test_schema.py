"""The tables in the code are the tables that the migrations make; history refuses to be rewritten."""

import asyncio

import asyncpg
import pytest

from chassis.migrations.running import check


async def test_no_migration_is_missing(service_database):
    await asyncio.to_thread(check, "triage", await service_database("triage"))


@pytest.mark.parametrize("table", ["timeline", "identity_reads"])
async def test_what_happened_and_who_looked_is_only_ever_added_to(triage, table):
    case = await triage.register()
    await triage.get(f"cases/{case.case_id}/patient")

    for statement in (f"delete from {table}", f"update {table} set case_id = case_id"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await triage.rows(statement)
    assert await triage.rows(f"select from {table}")
