"""Live lists out of the service's own database: everything that matches, then every change, exactly once, on any process.

A position is what a snapshot of PostgreSQL could see. What was committed since is exactly what carries the number of a transaction that
the snapshot could not see, in whatever order transactions commit; a counter or a time would lose those that began earlier and committed
later. One task a process and list reads the changed rows once and hands them to all its readers.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Annotated, Any, Final, Self
from uuid import UUID
from weakref import WeakSet

import asyncpg
import structlog
from fastapi import Header, Request

from chassis.database.connection import Connection
from chassis.database.sql import PASSING, Database
from chassis.errors import Unavailable
from chassis.http.answers import json_bytes
from chassis.http.sse import EventStream, event, sse_response
from chassis.observability.logging import retold
from chassis.observability.telemetry import live_age_seconds

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 5.0

# In case a notification was lost, with the connection or in a pooler.
_POLL_SECONDS = 1.0
# The first change is read at once; what changes in so short a time after it is read together.
_REST_SECONDS = 0.02
_AGAIN_SECONDS = 0.5
_LONGEST_START_SECONDS = 3.0
# When a process comes back, all its readers do: they read one after the other, and leave connections to those who do something.
_READ_AT_A_TIME = 2
_LONGEST_QUEUE_SECONDS = 20.0
# So many rows are written at a time: a whole country in one piece would keep everyone else waiting.
_ROWS_A_PIECE = 200
_LONGEST_ID = 8_000
_LARGEST_XID = 2**63

Row = asyncpg.Record
"""A row of the list's query; `row["status"]`."""

# Only for the documentation of a route: `live_answer` reads the header itself.
LastEventId = Annotated[str | None, Header(description="Go on from here, at any process.")]

STREAM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: unnamed ones carry an item each as it is now, `gone` the `id` and `version` of one that no "
        "longer belongs here, `tick` the time every 5 s, `reset` that all begins anew. Of one item, an older `version` is to be dropped.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
"""For `@router.get(…, response_class=Response, responses=STREAM_RESPONSES)`."""

# Which database this is: a restored dump and a copy carry the epoch with them, but their transactions count differently.
_DATABASE = """
(select (pg_control_system()).system_identifier || '/' || oid from pg_database where datname = current_database())
"""
_NEW_EPOCH = f"insert into live_epochs (database) values ({_DATABASE}) on conflict do nothing"
# Rows and position of one statement are of one snapshot, so that nothing falls between them.
_READ = f"""
select (select epoch from live_epochs where database = {_DATABASE}) as live_epoch, pg_current_snapshot()::text as live_snapshot, q.*
from (values (1)) as one left join lateral ({{rows}}) as q on true
"""
# The last condition only matters after a dump was restored: its rows carry numbers that this database has yet to give out.
_SINCE = """
r.changed_xid >= pg_snapshot_xmin({since}::text::pg_snapshot)
and not pg_visible_in_snapshot(r.changed_xid, {since}::text::pg_snapshot)
and r.changed_xid < pg_snapshot_xmax(pg_current_snapshot())
"""


@dataclass(frozen=True, slots=True)
class LivePosition:
    """What a snapshot of this database could see: every transaction below `below`, but those that were still open."""

    epoch: UUID
    oldest_open: int
    below: int
    still_open: tuple[int, ...]

    @classmethod
    def of(cls, epoch: UUID, snapshot: str) -> Self:
        """Read PostgreSQL's form of a snapshot.

        Raises:
            ValueError: when it is none.
        """
        found = re.fullmatch(r"(\d{1,19}):(\d{1,19}):((?:\d{1,19},)*\d{1,19})?", snapshot, re.ASCII)
        if found is None:
            raise ValueError("this is not a snapshot")
        oldest_open, below = int(found[1]), int(found[2])
        still_open = tuple(int(one) for one in found[3].split(",")) if found[3] else ()
        # PostgreSQL refuses what is not in order, and this must not reach it.
        is_in_order = all(one < following for one, following in pairwise((*still_open, below)))
        if not 0 < oldest_open <= min(still_open, default=below) or not is_in_order or not oldest_open <= below < _LARGEST_XID:
            raise ValueError("this is not a snapshot")
        return cls(epoch, oldest_open, below, still_open)

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read what a reader was given as an id; None when it is not one of ours."""
        if text is None or len(text) > _LONGEST_ID:
            return None
        epoch, _, snapshot = text.partition(":")
        try:
            return cls.of(UUID(hex=epoch), snapshot)
        except ValueError:
            return None

    @property
    def snapshot(self) -> str:
        """PostgreSQL's form."""
        return f"{self.oldest_open}:{self.below}:{','.join(map(str, self.still_open))}"

    @property
    def order(self) -> tuple[int, int]:
        """Later ones are greater: snapshots of one database only ever see more."""
        return self.below, -len(self.still_open)

    def sees(self, xid: int) -> bool:
        """Whether what this transaction did was visible."""
        return xid < self.below and xid not in self.still_open

    def __str__(self) -> str:
        return f"{self.epoch.hex}:{self.snapshot}"


def _anyone(_: Row) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Watched:
    """What one reader wants to see of a list, and may."""

    matches: Callable[[Row], bool]
    """The reader's rights and filters: whether this row, as it is now, is to be shown."""
    view: Callable[[Row], Any]
    """What is shown of it: JSON with `id` and `version`."""
    may_know: Callable[[Row], bool] = _anyone
    """The rights alone. Who comes back is told of changed rows that do not match that they are gone, but only of those."""
    where: str = ""
    """The same filter as a condition on the row `r` in SQL, or a wider one, so that a whole list is not read for a part of it."""
    args: Sequence[object] = ()


class Live:
    """A list that is watched; one a process, running in the lifespan of its API.

    The query gives a row an item with at least `id`, `version` (raised by each change), `changed_xid`, and `is_listed`: false once it no
    longer belongs on the list, for anyone. It must give those too, or nobody is told that they left.
    """

    def __init__(self, database: Database, *, channel: str, rows: str, tick_seconds: float = TICK_SECONDS) -> None:
        """Nothing is read before `run`.

        Args:
            database: the service's own.
            channel: of the notifications of those who change the rows.
            rows: the query, a `select` on its own.
            tick_seconds: how often readers are told the time.
        """
        self._database = database
        self._channel = channel
        self._tick_seconds = tick_seconds
        self._rows = rows
        self._changes = _READ.format(rows=f"select * from ({rows}) as r where {_SINCE.format(since='$1')}")
        self._position: LivePosition | None = None
        self._read_at: datetime | None = None
        self._woken = asyncio.Event()
        self._begun = asyncio.Event()
        self._reading = asyncio.Semaphore(_READ_AT_A_TIME)
        # Weak, so that an answer that never began to be written is forgotten with its request.
        self._readers: WeakSet[_Reader] = WeakSet()
        live_age_seconds.labels(channel).set_function(self._age_seconds)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Follow the list while the block lasts, and end its readers after it."""
        task = asyncio.create_task(self.run())
        task.add_done_callback(self._ended)
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def run(self) -> None:
        """Follow until cancelled; while the database is away, readers keep what they have and the time goes on."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._tick())
            both.create_task(self._follow())

    async def join(self, last_id: str | None, watched: Watched) -> AsyncIterator[bytes]:
        """Everything that matches, or what has changed since that id, and from then on every change.

        Raises:
            Unavailable: when the database cannot be read just now.
        """
        last = LivePosition.parse(last_id)
        reader = _Reader(watched, self._readers.discard)
        self._readers.add(reader)
        # From here on the follower keeps for this reader what it reads; what we read ourselves must not be older than where it began.
        self._woken.set()
        try:
            await asyncio.wait_for(self._begun.wait(), _LONGEST_START_SECONDS)
            await asyncio.wait_for(self._reading.acquire(), _LONGEST_QUEUE_SECONDS)
        except TimeoutError:
            raise Unavailable from None
        try:
            async with self._database.connection() as connection:
                position, rows = await self._read(connection, *self._whole(watched, last))
        finally:
            self._reading.release()
        goes_on = last is not None and last.epoch == position.epoch
        reader.begin(position, rows, since=last if goes_on else None, is_reset=last_id is not None and not goes_on)
        reader.tick(self._read_at)
        return reader

    def _whole(self, watched: Watched, last: LivePosition | None) -> tuple[str, Sequence[object]]:
        narrowed = f" and ({watched.where})" if watched.where else ""
        rows = f"select * from ({self._rows}) as r where r.is_listed{narrowed}"
        if last is None:
            return _READ.format(rows=rows), watched.args
        since = _SINCE.format(since=f"${len(watched.args) + 1}")
        changed = f"select * from ({self._rows}) as r where {since}"
        return _READ.format(rows=f"{rows} union all {changed}"), (*watched.args, last.snapshot)

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_on_one_connection()
            except (*PASSING, Unavailable, asyncpg.ObjectNotInPrerequisiteStateError) as trouble:
                log.warning("database away, live list waits", channel=self._channel, kind=type(trouble).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _follow_on_one_connection(self) -> None:
        async with self._database.own_connection() as connection:
            connection.add_termination_listener(lambda _: self._woken.set())
            await connection.add_listener(self._channel, lambda *_: self._woken.set())
            # What was notified before we listened.
            self._woken.set()
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), _POLL_SECONDS)
                # Cleared before the look: what commits during it wakes us again.
                self._woken.clear()
                await self._look(connection)
                await asyncio.sleep(_REST_SECONDS)

    async def _look(self, connection: Connection) -> None:
        if not self._readers:
            # Nobody watches, so nobody is told: whoever comes next reads the whole.
            self._position = None
            self._begun.clear()
            return
        if self._position is None:
            self._position, _ = await self._read(connection, _READ.format(rows="select where false"), ())
        else:
            position, rows = await self._read(connection, self._changes, (self._position.snapshot,))
            if position.epoch != self._position.epoch:
                # The server came back from a crash: what readers were told up to means nothing any more, and they begin anew.
                log.warning("live list begins anew", channel=self._channel)
                self._end_readers()
            else:
                for reader in self._readers:
                    reader.put(rows, position)
            self._position = position
        self._read_at = datetime.now(UTC)
        self._begun.set()

    async def _read(self, connection: Connection, statement: str, args: Sequence[object]) -> tuple[LivePosition, list[Row]]:
        found = await connection.fetch(statement, *args)
        if found[0]["live_epoch"] is None:
            await connection.execute(_NEW_EPOCH)
            found = await connection.fetch(statement, *args)
        position = LivePosition.of(found[0]["live_epoch"], found[0]["live_snapshot"])
        return position, [row for row in found if row.get("id") is not None]

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._tick_seconds)
            for reader in list(self._readers):
                reader.tick(self._read_at)

    def _age_seconds(self) -> float:
        # Nobody watches: then nothing is read, and nobody is misled.
        if not self._readers or self._read_at is None:
            return 0.0
        return (datetime.now(UTC) - self._read_at).total_seconds()

    def _end_readers(self) -> None:
        for reader in list(self._readers):
            reader.end()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        # Nobody is told anything from here on: readers must not take that for "nothing happens".
        self._position = None
        self._begun.clear()
        self._end_readers()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("live list has ended", channel=self._channel, exception=retold(error))


class _Reader(AsyncIterator[bytes]):
    """One reader's events; of rows not yet sent it keeps the newest only, so that a slow one costs at most one picture."""

    def __init__(self, watched: Watched, leave: "Callable[[_Reader], None]") -> None:
        self._watched = watched
        self._leave = leave
        self._waiting: dict[UUID, Row] = {}
        self._told: set[UUID] = set()
        self._filled = asyncio.Event()
        # What was read at the beginning, as far as it is not sent yet; what it is told against; and how far it reaches.
        self._first: Iterator[Row] | None = None
        self._since: LivePosition | None = None
        self._is_reset = False
        self._begun_at: LivePosition | None = None
        self._reaches: LivePosition | None = None
        self._tick: datetime | None = None
        self._read_at: datetime | None = None
        self._is_ended = False

    def begin(self, position: LivePosition, rows: Iterable[Row], *, since: LivePosition | None, is_reset: bool) -> None:
        """Send these first: all of them, or those that have changed since then."""
        self._begun_at = position
        self._reach(position)
        # A row that is listed and has changed stands there twice.
        self._first = iter({row["id"]: row for row in rows}.values())
        self._since = since
        self._is_reset = is_reset
        self._filled.set()

    def put(self, rows: Iterable[Row], position: LivePosition) -> None:
        """These have changed."""
        for row in rows:
            # Back to the end, so that the order of arrival holds for what is left.
            self._waiting.pop(row["id"], None)
            self._waiting[row["id"]] = row
        self._reach(position)
        if self._waiting:
            self._filled.set()

    def tick(self, read_at: datetime | None) -> None:
        """Tell the time, and when the database was last read."""
        self._tick, self._read_at = datetime.now(UTC), read_at
        self._filled.set()

    def end(self) -> None:
        """Tell no more."""
        self._leave(self)
        self._is_ended = True
        self._first = None
        self._waiting.clear()
        self._filled.set()

    async def aclose(self) -> None:
        """The reader has left."""
        self.end()

    async def __anext__(self) -> bytes:
        while not self._is_ended:
            await self._filled.wait()
            if chunk := self._begin() if self._first is not None else self._next():
                return chunk
        raise StopAsyncIteration

    def _begin(self) -> bytes:
        assert self._first is not None
        if self._is_reset:
            self._is_reset = False
            return event(b"{}", name="reset")
        # Without an id: only the tick that follows may say that the reader has been told all of it.
        told: list[bytes] = []
        while not told and self._first is not None:
            piece = list(islice(self._first, _ROWS_A_PIECE))
            if not piece:
                self._first = None
            told = [event(data, name=name) for data, name in self._tell(piece, self._since)]
        return b"".join(told)

    def _reach(self, position: LivePosition) -> None:
        if self._reaches is None or position.order > self._reaches.order:
            self._reaches = position

    def _next(self) -> bytes:
        self._filled.clear()
        if self._begun_at is None or self._is_ended:
            return b""
        assert self._reaches is not None
        waiting, self._waiting = self._waiting, {}
        # What the follower read before our own first read may be older than that.
        told = list(self._tell(row for row in waiting.values() if not self._begun_at.sees(row["changed_xid"])))
        ticked, self._tick = self._tick, None
        if ticked is not None:
            told.append((json_bytes({"now": ticked, "heard_at": self._read_at}), "tick"))
        if not told:
            return b""
        # Only the last may say how far they reach.
        *others, (data, name) = told
        comment = b": alive\n\n" if ticked is not None else b""
        return comment + b"".join(event(data, name=name) for data, name in others) + event(data, id=str(self._reaches), name=name)

    def _tell(self, rows: Iterable[Row], since: LivePosition | None = None) -> Iterable[tuple[bytes, str | None]]:
        for row in rows:
            # Who comes back has been told of what has not changed since, and nobody knows any more of what else.
            is_known = since is not None and since.sees(row["changed_xid"])
            if row["is_listed"] and self._watched.may_know(row) and self._watched.matches(row):
                self._told.add(row["id"])
                if not is_known:
                    yield json_bytes(self._watched.view(row)), None
            elif row["id"] in self._told or (since is not None and not is_known and self._watched.may_know(row)):
                self._told.discard(row["id"])
                yield json_bytes({"id": row["id"], "version": row["version"]}), "gone"


async def live_answer(
    request: Request,
    live: Live,
    matches: Callable[[Row], bool],
    view: Callable[[Row], Any],
    *,
    may_know: Callable[[Row], bool] = _anyone,
    where: str = "",
    args: Sequence[object] = (),
) -> EventStream:
    """The answer of a live route; `Watched` says what the arguments mean.

    Raises:
        Unavailable: before anything is sent, when the database cannot be read just now.
    """
    watched = Watched(matches, view, may_know, where, args)
    return sse_response(await live.join(request.headers.get("last-event-id"), watched))
