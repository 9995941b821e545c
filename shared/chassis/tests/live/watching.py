"""A ward's beds on a real database, and people who watch them as a browser would."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Self
from uuid import UUID, uuid4

from alembic import op
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database.sql import Connection
from chassis.live import Live, Row, Watched
from chassis.migrations import chassis_0001, chassis_0002
from chassis.testing.waiting import eventually

MakeLive = Callable[[], Awaitable[Live]]

CHANNEL = "beds"
ROWS = "select bed_id as id, version, changed_xid, status <> 'CLOSED' as is_listed, region, status from beds"


async def create_schema(url: str) -> None:
    """What a service's migration does."""

    def create(connection: Any) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            chassis_0001.upgrade()
            chassis_0002.upgrade()
            op.execute(
                "create table beds (bed_id uuid primary key, version int not null default 1, region text not null,"
                " status text not null default 'FREE', changed_xid xid8 not null default pg_current_xact_id())"
            )
            chassis_0002.make_live("beds", CHANNEL)

    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(create)
    await engine.dispose()


async def add(connection: Connection, region: str = "VR03") -> UUID:
    bed_id = uuid4()
    await connection.execute("insert into beds (bed_id, region) values ($1, $2)", bed_id, region)
    return bed_id


async def change(connection: Connection, bed_id: UUID, **changes: str) -> None:
    """Say something new of a bed, or only that it changed."""
    said = "".join(f", {name} = ${number}" for number, name in enumerate(changes, start=2))
    await connection.execute(f"update beds set version = version + 1{said} where bed_id = $1", bed_id, *changes.values())


class Watcher:
    """A browser: keeps the newest of each bed, drops what is gone, and comes back with the last id that it was given."""

    def __init__(self, region: str | None = None, *, own_only: bool = False, status: str | None = None) -> None:
        self.region, self.own_only, self.status = region, own_only, status
        self.shown: dict[UUID, int] = {}
        self.told: list[tuple[UUID, int]] = []
        self.events: list[tuple[str, Any]] = []
        self.last_id: str | None = None
        self.is_ended = False
        self._task: asyncio.Task[None] | None = None

    @property
    def watched(self) -> Watched:
        return Watched(
            matches=lambda row: self._is_ours(row) and self.status in (None, row["status"]),
            view=lambda row: {"id": row["id"], "version": row["version"], "status": row["status"]},
            may_know=self._is_ours if self.own_only else lambda _: True,
            where="" if self.region is None else "r.region = $1",
            args=() if self.region is None else (self.region,),
        )

    async def joins(self, live: Live) -> Self:
        stream = await live.join(self.last_id, self.watched)
        self.is_ended = False
        self._task = asyncio.create_task(self._listen(stream))
        return self

    async def leaves(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def is_up_to_date(self) -> None:
        """Wait until it has been told everything it was connected for: the tick comes after the picture."""
        ticks = len(self.names("tick"))
        await eventually(lambda: len(self.names("tick")) > ticks)

    def names(self, name: str) -> list[Any]:
        return [data for found, data in self.events if found == name]

    def _is_ours(self, row: Row) -> bool:
        return self.region in (None, row["region"])

    async def _listen(self, stream: AsyncIterator[bytes]) -> None:
        try:
            async for chunk in stream:
                for written in chunk.decode().split("\n\n"):
                    self._hears(dict(line.split(": ", 1) for line in written.split("\n") if line and not line.startswith(":")))
            self.is_ended = True
        finally:
            await stream.aclose()  # type: ignore[attr-defined] # as the answer does

    def _hears(self, fields: dict[str, str]) -> None:
        if "data" not in fields:
            return
        name, data = fields.get("event", "message"), json.loads(fields["data"])
        self.events.append((name, data))
        self.last_id = fields.get("id", self.last_id)
        if name == "reset":
            self.shown.clear()
        elif name in {"message", "gone"}:
            self.told.append((UUID(data["id"]), data["version"]))
            if name == "message":
                self.shown[UUID(data["id"])] = max(data["version"], self.shown.get(UUID(data["id"]), 0))
            else:
                self.shown.pop(UUID(data["id"]), None)
