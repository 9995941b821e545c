"""The whole national picture in memory, and those who watch it change."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from chassis.errors import Unavailable
from chassis.http.sse import event
from chassis.observability.trace_context import traceparent_of
from chassis.observability.tracing import spans
from contracts.reporting import FigureChangedV1
from reporting.application.telemetry import PICTURE_SECONDS
from reporting.domain.figure import Figure, Wanted
from reporting.domain.position import Position

TICK_SECONDS = 5.0

# A reader that is so many chunks behind gets none of them, but what they come to: the newest of each figure since it last listened.
_MOST_CHUNKS = 100


@dataclass(frozen=True, slots=True)
class Told:
    """A record of the national topic; `beds` is None for heartbeats and the topic's own id."""

    partition: int
    offset: int
    at: datetime
    version: int = 0
    beds: FigureChangedV1 | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure as it stands, and the record that said so."""

    figure: Figure
    beds: FigureChangedV1
    version: int
    partition: int
    offset: int
    data: bytes
    """As it is written, in the snapshot and in the stream alike."""


@dataclass(eq=False, slots=True)
class _Reader:
    position: Position
    chunks: deque[tuple[bytes, Position]] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    is_behind: bool = False
    is_reset: bool = False

    def put(self, chunk: bytes, position: Position) -> None:
        if len(self.chunks) >= _MOST_CHUNKS:
            self.chunks.clear()
            self.is_behind = True
        if not self.is_behind:
            self.chunks.append((chunk, position))
        self.filled.set()


@dataclass(eq=False, slots=True)
class _Channel:
    """Readers who asked for the same: what they get is encoded once."""

    wanted: Wanted
    every_seconds: float | None
    readers: set[_Reader] = field(default_factory=set)
    pending: dict[Figure, Shown] = field(default_factory=dict)
    at_once: list[bytes] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None

    def put(self, chunk: bytes, position: Position) -> None:
        for reader in self.readers:
            reader.put(chunk, position)

    def forget(self) -> None:
        self.pending.clear()
        self.at_once.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class LivePicture:
    """What the topic says, figure by figure; fed by one consumer, watched by many readers.

    Nothing here waits between changing the picture and handing the change to the readers, so a reader that takes the whole picture and
    then listens misses nothing.
    """

    def __init__(self) -> None:
        """Start knowing nothing: until the topic has been read to its end nothing is shown."""
        self._topic_id: str | None = None
        self._offsets: list[int] = []
        self._heard: list[datetime | None] = []
        self._shown: dict[str, Shown] = {}
        self._channels: dict[tuple[Wanted, float | None], _Channel] = {}
        self._is_whole = False
        self._began_at = datetime.now(UTC)

    # Fed by the consumer.

    def begin(self, topic_id: str, partitions: int) -> None:
        """The topic is read from its start; another topic than before makes everyone begin anew."""
        if (topic_id, partitions) == (self._topic_id, len(self._offsets)):
            return
        is_another = self._topic_id is not None
        self._topic_id = topic_id
        self._offsets = [0] * partitions
        self._heard = [None] * partitions
        self._shown.clear()
        self._is_whole = False
        if is_another:
            for channel in self._channels.values():
                channel.forget()
                for reader in channel.readers:
                    reader.chunks.clear()
                    reader.is_reset = True

    def whole(self) -> None:
        """The topic has been read to where it ended when reading began."""
        self._is_whole = True
        for channel in self._channels.values():
            for reader in channel.readers:
                reader.filled.set()

    def take(self, records: Iterable[Told]) -> None:
        """Take records in the order of their partitions, and hand on what is new."""
        for record in records:
            self._offsets[record.partition] = max(self._offsets[record.partition], record.offset + 1)
            heard = self._heard[record.partition]
            self._heard[record.partition] = record.at if heard is None else max(heard, record.at)
            if record.beds is not None:
                self._show(record, record.beds)
                # What is read from the beginning of the topic was published long ago, and shown by others.
                if self._is_whole and record.published_at is not None:
                    PICTURE_SECONDS.observe(max(0.0, (datetime.now(UTC) - record.published_at).total_seconds()))
        if not self._channels:
            return
        position = self._position()
        for channel in self._channels.values():
            if channel.at_once:
                channel.put(b"".join(channel.at_once), position)
                channel.at_once.clear()

    # Asked by those who read.

    @property
    def heard_at(self) -> datetime | None:
        """When Kafka last gave a sign of life on the partition that has been silent longest; None before the first one."""
        heard = [at for at in self._heard if at is not None]
        return min(heard) if heard and len(heard) == len(self._heard) else None

    @property
    def silent_seconds(self) -> float:
        """Since Kafka was last heard of; from our own beginning while it never was."""
        return (datetime.now(UTC) - (self.heard_at or self._began_at)).total_seconds()

    def figures(self) -> Sequence[FigureChangedV1]:
        """Every current figure, of all levels."""
        return [shown.beds for shown in self._shown.values()]

    def snapshot(self, wanted: Wanted) -> tuple[Position, Sequence[Shown]]:
        """Everything that matches, by key, and how far that reaches.

        Raises:
            Unavailable: while the topic has not been read to its end.
        """
        if not self._is_whole:
            raise Unavailable("The national picture is being read; it is here in a moment.")
        matching = [shown for shown in self._shown.values() if wanted.matches(shown.figure)]
        return self._position(), sorted(matching, key=lambda shown: shown.figure)

    async def follow(self, wanted: Wanted, every_seconds: float | None, last_id: str | None) -> AsyncIterator[bytes]:
        """Everything that matches, or what has changed since that id, and from then on every change.

        Without `every_seconds` each change leaves at once, with the id reached by it. With it, changes of so long leave together, the
        last of each figure only, and the last event carries the id. Every five seconds comes an event `tick` with the server's time and
        with when Kafka was last heard of.
        """
        position, everything = self.snapshot(wanted)
        sent = Position.parse(last_id) if last_id else None
        goes_on = sent is not None and sent.is_of(position)
        reader = _Reader(position)
        channel = self._channels.setdefault((wanted, every_seconds), _Channel(wanted, every_seconds))
        channel.readers.add(reader)
        try:
            if goes_on:
                assert sent is not None
                yield self._since(sent, wanted) + self._tick()
            else:
                yield (_RESET if last_id else b"") + _together(everything, position) + self._tick()
            while True:
                await reader.filled.wait()
                reader.filled.clear()
                chunk = self._next(reader, wanted)
                if chunk:
                    yield chunk
        finally:
            channel.readers.discard(reader)
            if not channel.readers:
                channel.forget()
                self._channels.pop((wanted, every_seconds), None)

    async def tick(self) -> None:
        """Tell every reader the time, until cancelled: a comment for the line, an event for the page."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if not self._is_whole:
                continue
            chunk = self._tick()
            for channel in list(self._channels.values()):
                # The tick carries the id, so what it covers must have left.
                self._flush(channel)
                channel.put(chunk, self._position())

    def _show(self, record: Told, beds: FigureChangedV1) -> None:
        known = self._shown.get(beds.subject)
        if known is not None and record.version <= known.version:
            return
        figure = known.figure if known is not None else Figure(beds.level, beds.region, beds.sector, beds.care_type, beds.cohort)
        shown = Shown(figure, beds, record.version, record.partition, record.offset, _written(beds, record.version))
        self._shown[beds.subject] = shown
        at_once: bytes | None = None
        for channel in self._channels.values():
            if not channel.wanted.matches(figure):
                continue
            if channel.every_seconds is None:
                at_once = at_once or event(shown.data, id=str(self._position()))
                channel.at_once.append(at_once)
                continue
            # Back to the end, so that the order of arrival holds for what leaves.
            channel.pending.pop(figure, None)
            channel.pending[figure] = shown
            if channel.timer is None:
                channel.timer = asyncio.get_running_loop().call_later(channel.every_seconds, self._flush, channel)
        if (making := spans()) is not None:
            readers = sum(len(channel.readers) for channel in self._channels.values() if channel.wanted.matches(figure))
            if readers:
                making.streamed("national/stream", traceparent_of(beds.subject), readers)

    def _flush(self, channel: _Channel) -> None:
        if channel.timer is not None:
            channel.timer.cancel()
            channel.timer = None
        if channel.pending:
            position = self._position()
            channel.put(_together(channel.pending.values(), position), position)
            channel.pending.clear()

    def _next(self, reader: _Reader, wanted: Wanted) -> bytes:
        if not self._is_whole:
            return b""
        if reader.is_reset:
            reader.is_reset = reader.is_behind = False
            reader.position, everything = self.snapshot(wanted)
            return _RESET + _together(everything, reader.position) + self._tick()
        if reader.is_behind:
            reader.is_behind = False
            since, reader.position = reader.position, self._position()
            return self._since(since, wanted) + self._tick()
        chunks = b"".join(chunk for chunk, _ in reader.chunks)
        if reader.chunks:
            reader.position = reader.chunks[-1][1]
            reader.chunks.clear()
        return chunks

    def _since(self, position: Position, wanted: Wanted) -> bytes:
        beyond = [
            shown for shown in self._shown.values() if position.precedes(shown.partition, shown.offset) and wanted.matches(shown.figure)
        ]
        return _together(beyond, self._position())

    def _position(self) -> Position:
        assert self._topic_id is not None
        return Position(self._topic_id, tuple(self._offsets))

    def _tick(self) -> bytes:
        told = orjson.dumps({"now": datetime.now(UTC), "heard_at": self.heard_at}, option=orjson.OPT_UTC_Z)
        return b": alive\n\n" + event(told, id=str(self._position()), name="tick")


_RESET = event(b"{}", name="reset")


def _written(beds: FigureChangedV1, version: int) -> bytes:
    return beds.body()[:-1] + b',"version":%d}' % version


def _together(shown: Iterable[Shown], position: Position) -> bytes:
    """Several events as one chunk; only the last may say how far they reach."""
    written = [one.data for one in shown]
    if not written:
        return b""
    return b"".join(event(data) for data in written[:-1]) + event(written[-1], id=str(position))
