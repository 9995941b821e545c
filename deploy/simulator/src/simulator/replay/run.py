"""The replay from beginning to end, and its outcome."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import IntEnum
from random import Random
from typing import Protocol, TypeVar
from uuid import UUID

from simulator.client import Answer, Api
from simulator.registry import register
from simulator.replay.facts import LOCAL, Fact, facts_of, registered
from simulator.replay.feed import Feed, read_published
from simulator.replay.plan import plan
from simulator.replay.series import Cell, Series
from simulator.replay.settle import LOOK_EVERY_SECONDS, settled
from simulator.world import Hospital

REPORTS_BATCH = "/capacity/v1/reports/batch"
FLOWS_BATCH = "/capacity/v1/flows/batch"

CHUNK = 4_000
MOST_LISTED = 20
CONFLICT = 409
# Providers' own reports reach back as far as their corrections may.
RECENT_DAYS = 14

T = TypeVar("T")

# Revisions of a correction count seconds from here: later is higher, on any machine, without asking for the highest so far;
# they fit a 32-bit integer until 2088.
REVISIONS_FROM = datetime(2020, 1, 1, tzinfo=UTC)


class Exit(IntEnum):
    """How the command ends."""

    EQUAL = 0
    DIFFERS = 1
    BAD_FILE = 2
    """Also a file that contradicts what was replayed before, and a setting that cannot be read."""
    NOT_TOLD = 3
    """The system is not running, refuses us, or does not settle: whether the feed is equal cannot be told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and what to tell the user."""

    exit: Exit
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class How:
    """How the user wants it."""

    shuffle: bool = False
    twice: bool = False
    correct: bool = False
    settle_seconds: float = 120.0
    look_every_seconds: float = LOOK_EVERY_SECONDS


class Progress(Protocol):
    """What the user sees meanwhile."""

    def begin(self, doing: str, of: int | None = None) -> None: ...

    def advance(self, by: int) -> None: ...


class SystemRefused(Exception):  # noqa: N818 - it names what happened
    """The system does not take a fact for another reason than that it contradicts one."""


class Replay:
    """One replay of one series into one system."""

    def __init__(self, api: Api, series: Series, hospitals: Sequence[Hospital], how: How, progress: Progress) -> None:
        self._api = api
        self._series = series
        self._hospitals = hospitals
        self._how = how
        self._progress = progress
        self._days = frozenset(cell.day for cell in series)
        self._ids: Mapping[str, UUID] = {}
        self._sent_in: set[Cell] = set()
        self._new_in: set[Cell] = set()

    async def run(self) -> Outcome:
        """Send what is not there yet, wait until it has gone through, and compare.

        Raises:
            NotSettled: the system did not come to rest.
            Refused: the system refuses us.
            SystemRefused: it refuses a fact.
            Unreachable: it does not answer.
        """
        self._progress.begin("registering hospitals")
        self._ids = await register(self._api, registered(self._hospitals))
        # What an earlier replay sent may still be on its way; judging by a half-told feed would see contradictions.
        self._progress.begin("asking what is there")
        before = await self._settled(lambda _: True)

        todo, contradicting = plan(self._series, before, len(self._hospitals), correct=self._how.correct)
        if contradicting:
            return _contradiction(contradicting, nothing_sent=True)

        # What was begun goes first: should the file turn out to contradict it, nothing else has been said.
        began = time.monotonic()
        sent = 0
        for cells, revision in ((todo.begun, 0), (todo.absent, 0), (todo.corrected, _revision_of(datetime.now(UTC)))):
            facts = [
                fact for cell, figure in cells.items() for fact in facts_of(cell, figure, self._hospitals, self._ids, revision=revision)
            ]
            in_order = self._in_order(facts)
            contradicting = await self._send(in_order)
            if contradicting:
                return _contradiction(contradicting, nothing_sent=False)
            sent += len(in_order)
        seconds = time.monotonic() - began

        self._progress.begin("waiting until the feed has settled")
        await self._settled(self._is_wanted)
        return await self._compared(f"{sent} facts sent in {seconds:.0f} s, {todo.equal} cells were there already")

    def _in_order(self, facts: list[Fact]) -> list[Fact]:
        in_order = facts * (2 if self._how.twice else 1)
        if self._how.shuffle:
            Random().shuffle(in_order)  # noqa: S311 - any order will do
        return in_order

    async def _send(self, facts: Sequence[Fact]) -> list[Cell]:
        """Send facts; gives the cells in which the system knows something else, as soon as there are any."""
        if facts:
            self._progress.begin("sending", len(facts))
        for begin in range(0, len(facts), CHUNK):
            chunk = facts[begin : begin + CHUNK]
            contradicting: set[Cell] = set()
            for path, part in (
                (REPORTS_BATCH, [fact for fact in chunk if not fact.is_flow]),
                (FLOWS_BATCH, [fact for fact in chunk if fact.is_flow]),
            ):
                answers = await self._api.batch(path, [dict(fact.body) for fact in part], on_answers=self._progress.advance)
                for fact, answer in zip(part, answers, strict=True):
                    if not self._is_taken(fact, answer):
                        contradicting.add(fact.cell)
            if contradicting:
                return list(contradicting)
        return []

    def _is_taken(self, fact: Fact, answer: Answer) -> bool:
        self._sent_in.add(fact.cell)
        if answer.is_taken and not answer.is_duplicate:
            self._new_in.add(fact.cell)
        if not answer.is_taken and answer.status != CONFLICT:
            raise SystemRefused(f"the system refuses a share of {fact.cell}: {answer.status} {answer.title}")
        return answer.is_taken

    async def _settled(self, is_wanted: Callable[[Feed], bool]) -> Feed:
        return await settled(
            self._api, self._days, is_wanted, within_seconds=self._how.settle_seconds, look_every_seconds=self._how.look_every_seconds
        )

    def _is_wanted(self, feed: Feed) -> bool:
        return all(feed[cell].figure == figure for cell, figure in self._series.items())

    async def _compared(self, done: str) -> Outcome:
        said = await read_published(self._api, self._days)
        differing = {
            cell: (wanted, said.get(cell))
            for cell, figure in self._series.items()
            if said.get(cell) != (wanted := "" if figure is None else str(figure))
        }
        if not differing:
            return Outcome(Exit.EQUAL, (f"equal: {len(self._days)} days, {len(self._series)} cells; {done}",))
        if all(cell in self._sent_in and cell not in self._new_in for cell in differing):
            # The system knew every share and yet its feed says something else: they have been corrected or taken back since.
            return _contradiction(list(differing), nothing_sent=False)
        lines = [f"differs in {len(differing)} of {len(self._series)} cells; {done}"]
        lines += _listed([f"  {cell}: file {_shown(wanted)}, feed {_shown(found)}" for cell, (wanted, found) in _by_day(differing)])
        if any(_is_recent(cell.day) for cell in differing):
            lines.append("the file reaches into days on which hospitals report live: their own newer reports count there, not a replay's")
        return Outcome(Exit.DIFFERS, tuple(lines))


def _revision_of(at: datetime) -> int:
    return int((at - REVISIONS_FROM).total_seconds())


def _contradiction(cells: Iterable[Cell], *, nothing_sent: bool) -> Outcome:
    listed = [f"  {cell}" for cell, _ in _by_day(dict.fromkeys(cells))]
    return Outcome(
        Exit.BAD_FILE,
        (
            f"the file contradicts what the system holds in {len(listed)} cells, of an earlier replay or of hospitals themselves"
            + ("; nothing was sent" if nothing_sent else ""),
            *_listed(listed),
            "CORRECT=1 corrects what was replayed before, and takes back what the file leaves empty",
        ),
    )


def _by_day(cells: Mapping[Cell, T]) -> list[tuple[Cell, T]]:
    return sorted(cells.items(), key=lambda item: (item[0].day, item[0].column.name))


def _listed(lines: list[str]) -> list[str]:
    return lines if len(lines) <= MOST_LISTED else [*lines[:MOST_LISTED], f"  and {len(lines) - MOST_LISTED} more"]


def _shown(text: str | None) -> str:
    return "no row" if text is None else text or "empty"


def _is_recent(day: date) -> bool:
    return (datetime.now(LOCAL).date() - day).days <= RECENT_DAYS
