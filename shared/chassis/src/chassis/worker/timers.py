"""Timers: rows with a due time, so that what must happen later happens once, whatever stopped in between."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from chassis.database.sql import Connection, Database, Transaction
from chassis.errors import Unavailable
from chassis.observability import telemetry
from chassis.observability.trace_context import id_of, traceparent_of
from chassis.observability.tracing import firing, spans

log = structlog.get_logger()

_BATCH = 200
_LOOK_EVERY_SECONDS = 0.25
_LARGEST_CLOCK_DIFFERENCE = timedelta(seconds=5)

_SET = """
insert into timers (kind, subject, due_at, traceparent)
select $1, subject, due_at, traceparent
from unnest($2::text[], $3::timestamptz[], $4::text[]) as t (subject, due_at, traceparent) order by subject
on conflict (kind, subject) do update set due_at = excluded.due_at, traceparent = excluded.traceparent
where timers.due_at is distinct from excluded.due_at
"""
# What is due goes by the clock that tests can shift; whether it can be trusted, by the clock itself.
_LOOK = """
with clock as materialized (select db_clock() as now)
select now, clock_timestamp() as clock, array(
    select kind from unnest($1::text[]) as k (kind)
    where exists (select from timers t where t.kind = k.kind and t.due_at <= (select now from clock))
) as due
from clock
"""
_CLEAR = "delete from timers where kind = $1 and subject = any($2::text[])"
# Two workers take different rows; a timer whose subject is being changed by another transaction is looked at in the next round.
_TAKE = """
delete from timers t using (
    select kind, subject from timers where kind = $1 and due_at <= $2 order by due_at limit $3 for update skip locked
) as due
where t.kind = due.kind and t.subject = due.subject
returning t.kind, t.subject, t.due_at, t.traceparent
"""


@dataclass(frozen=True, slots=True)
class Timer:
    """What is due, for whom, since when."""

    kind: str
    subject: str
    """An id; what stands behind a slash only makes the timer one of its own."""
    due_at: datetime
    traceparent: str | None = None


OnDue = Callable[[Transaction, Sequence[Timer], datetime], Awaitable[None]]
"""Acts on what is due, in the transaction that takes the timers off; gets the database's time. It locks the subject and looks again."""


async def set_timers(connection: Connection, kind: str, due: Sequence[tuple[str, datetime]]) -> None:
    """Set or move the timer of each subject, in the transaction of what it guards."""
    if due:
        # A row less wide where nobody follows it.
        traceparents = [traceparent_of(id_of(subject)) for subject, _ in due] if spans() is not None else None
        await connection.execute(_SET, kind, [subject for subject, _ in due], [due_at for _, due_at in due], traceparents)


async def clear_timers(connection: Connection, kind: str, subjects: Sequence[str]) -> None:
    """Take the timers of these subjects off."""
    if subjects:
        await connection.execute(_CLEAR, kind, subjects)


class TimerLoop:
    """Fires what is due, by the database's clock."""

    def __init__(
        self, database: Database, service: str, handlers: Mapping[str, OnDue], clock: Callable[[], datetime] | None = None
    ) -> None:
        """Take the handler of each kind of timer; our own clock is only compared with the database's."""
        self._database = database
        self._service = service
        self._handlers = handlers
        self._clocks = _ClockWatch(clock or (lambda: datetime.now(UTC)))

    async def run(self) -> None:
        """Look four times a second until cancelled; while the database is away, timers wait."""
        while True:
            try:
                is_more = await self.fire_due()
            except Unavailable:
                log.warning("database away, timers wait")
                is_more = False
            if not is_more:
                await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def fire_due(self) -> bool:
        """Fire one batch of each kind; gives whether there may be more."""
        async with self._database.connection() as connection:
            seen = await connection.fetchrow(_LOOK, list(self._handlers))
        assert seen is not None
        is_sound = self._clocks.are_sound(seen["clock"])
        telemetry.timers_waiting_for_clocks.labels(self._service).set(not is_sound)
        is_more = False
        for kind in seen["due"] if is_sound else ():
            async with self._database.begin() as tx:
                rows = await tx.connection.fetch(_TAKE, kind, seen["now"], _BATCH)
                if timers := [Timer(**row) for row in rows]:
                    with firing(kind, timers):
                        await self._handlers[kind](tx, timers, seen["now"])
            telemetry.timers_fired.labels(self._service, kind).inc(len(rows))
            is_more = is_more or len(rows) == _BATCH
        return is_more


class _ClockWatch:
    """Tells when the database's clock cannot be trusted: it differs from ours, or it jumped beside one of ours that cannot."""

    def __init__(self, ours: Callable[[], datetime]) -> None:
        self._ours = ours
        self._last: tuple[datetime, float] | None = None
        self._wait_until = 0.0

    def are_sound(self, theirs: datetime) -> bool:
        now = monotonic()
        last, self._last = self._last, (theirs, now)
        is_jump = last is not None and abs(theirs - last[0] - timedelta(seconds=now - last[1])) > _LARGEST_CLOCK_DIFFERENCE
        if is_jump or abs(theirs - self._ours()) > _LARGEST_CLOCK_DIFFERENCE:
            if now >= self._wait_until:
                log.error("the clocks differ or jumped, timers wait")
            # A clock that is being set may move more than once.
            self._wait_until = now + _LARGEST_CLOCK_DIFFERENCE.total_seconds()
        return now >= self._wait_until
