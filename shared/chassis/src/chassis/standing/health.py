"""Whether a service lives, has started, and keeps up, as its own database tells: what a worker writes, an API can judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from prometheus_client import Gauge

from chassis.database.sql import Connection, Database
from chassis.errors import Unavailable

RELAY: Final = "relay"

# A reader writes every second or so; one that was silent this long, or that stands still with work before it, is frozen.
_SILENT_SECONDS: Final = 10

_HEARTBEATS: Final = """
select reader, topic, count(*) as partitions, coalesce(sum(greatest(end_offset - position, 0)), 0)::bigint as waiting,
    bool_or(at < clock_timestamp() - make_interval(secs => $1)) as is_silent,
    bool_or(position < end_offset and moved_at < clock_timestamp() - make_interval(secs => $1)) as stands_still
from heartbeats group by reader, topic
"""


@dataclass(frozen=True, slots=True)
class Reads:
    """A reader of this service and the topics (names without namespace) it must keep up with."""

    reader: str
    topics: Sequence[str]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be so for a service to be ready."""

    name: str
    problem: str | None

    def view(self) -> dict[str, Any]:
        """As it is shown."""
        return {"name": self.name, "ok": self.problem is None, "problem": self.problem}


@dataclass(frozen=True, slots=True)
class Readiness:
    """What `ready` answers; `unsent` and `waiting` are 0 when everything has gone through, null when the database cannot be asked."""

    checks: Sequence[Check]
    unsent: int | None = None
    waiting: int | None = None

    @property
    def is_ready(self) -> bool:
        """Whether every check holds."""
        return all(check.problem is None for check in self.checks)

    def view(self) -> dict[str, Any]:
        """As it is shown."""
        return {"ready": self.is_ready, "checks": [check.view() for check in self.checks], "unsent": self.unsent, "waiting": self.waiting}


@dataclass(slots=True)
class Health:
    """Judges one service."""

    database: Database
    reads: Sequence[Reads] = ()
    has_relay: bool = True
    _started: bool = field(default=False, init=False)

    async def startup(self) -> bool:
        """Whether the database has been reached once since this process began."""
        if not self._started:
            try:
                async with self.database.connection() as connection:
                    await connection.fetchval("select 1")
            except Unavailable:
                return False
            self._started = True
        return True

    async def measure(self, connection: Connection) -> Mapping[Gauge, float]:
        """What this service reads of its database for Prometheus, beside what every service does (`chassis.standing.metrics`)."""
        del connection
        return {}

    async def ready(self) -> Readiness:
        """Whether the workers and the relay live and move."""
        try:
            async with self.database.connection() as connection:
                rows = {(row["reader"], row["topic"]): row for row in await connection.fetch(_HEARTBEATS, _SILENT_SECONDS)}
        except Unavailable:
            return Readiness([Check("database", "cannot be reached")])
        expected = [(reads.reader, topic) for reads in self.reads for topic in reads.topics]
        checks = [Check("database", None)]
        checks += [Check(f"{reader} reads {topic}", _trouble(rows.get((reader, topic)))) for reader, topic in expected]
        relay = rows.get((RELAY, ""))
        if self.has_relay:
            checks.append(Check(RELAY, _trouble(relay)))
        waiting = sum(rows[key]["waiting"] for key in expected if key in rows)
        return Readiness(checks, unsent=relay["waiting"] if relay else 0, waiting=waiting)


def _trouble(row: Any | None) -> str | None:
    if row is None:
        return "has never been heard of"
    if row["is_silent"]:
        return f"silent for {_SILENT_SECONDS} s"
    if row["stands_still"]:
        return f"has not moved for {_SILENT_SECONDS} s with work before it"
    return None
