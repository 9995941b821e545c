"""The probe's tables: the chassis' own, and those in which it writes down what it was told."""

from typing import Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Identity, Integer, MetaData, PrimaryKeyConstraint, Table, Text
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.schema import chassis_tables
from chassis.migrations import chassis_0001, chassis_0002, chassis_0003, chassis_0004

metadata = MetaData()
chassis_tables(metadata)
Table(
    "applied",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
)
Table("switches", metadata, Column("name", Text, primary_key=True))
Table("incomplete", metadata, Column("topic", Text), Column("key", Text), PrimaryKeyConstraint("topic", "key"))
Table("taken", metadata, Column("id", Text, primary_key=True))


async def create_schema(url: str) -> None:
    """The chassis' migrations, and the probe's own tables."""

    def create(connection: Any) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            chassis_0001.upgrade()
            chassis_0002.upgrade()
            chassis_0003.upgrade()
            chassis_0004.upgrade()
        metadata.create_all(connection)

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(create)
    await engine.dispose()
