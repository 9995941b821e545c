"""The chassis' migrations make what its tables in the code say."""

from typing import Any

import probe_schema
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.testing.databases import SchemaDatabase


async def test_the_migrations_make_the_tables_of_the_code(schema_database: SchemaDatabase) -> None:
    url = await schema_database("probe", probe_schema.create_schema)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))

    def differences(connection: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, probe_schema.metadata))

    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()

    assert found == []
