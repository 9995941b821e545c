"""How a replay ends, against a small system that answers by the words of the public API."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from simulator.client import BACKOFF_SECONDS, Api
from simulator.replay.command import replay
from simulator.replay.facts import LOCAL
from simulator.replay.run import Exit, How, Outcome, Replay
from simulator.replay.series import COLUMNS, HEADER, Column, parse, written
from simulator.settings import ReplaySettings, SystemSettings
from simulator.tokens import Tokens
from simulator.world import hospitals

Body = dict[str, Any]

FIRST = ("1-2-2021,10,20,300,4,50", "2-2-2021,11,21,310,5,60", "3-2-2021,12,22,320,,70")


class SmallSystem:
    """Keeps reports and flows by id and revision as capacity does, and makes the feed of them as reporting does."""

    def __init__(self) -> None:
        self.registered: dict[str, Body] = {}
        self.facts: dict[tuple[str, int], Body] = {}
        self.requests: list[str] = []
        self.waiting = 0
        self.is_ready = True
        self.loses: Callable[[Body], bool] = lambda _: False
        self.fails: Callable[[int, httpx.Request], httpx.Response | None] = lambda *_: None
        self.cut_after: int | None = None

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request.url.path)
        failure = self.fails(len(self.requests), request)
        if failure is not None:
            return failure
        answer = {
            "/capacity/health/live": lambda _: httpx.Response(200),
            "/capacity/health/ready": self._ready,
            "/reporting/health/ready": self._ready,
            "/capacity/v1/registry/batch": lambda request: self._lines(request, self._register),
            "/capacity/v1/reports/batch": lambda request: self._lines(request, lambda body: self._take(body, "report_id")),
            "/capacity/v1/flows/batch": lambda request: self._lines(request, lambda body: self._take(body, "flow_id")),
            "/reporting/v1/feeds/lcps.json": self._feed_json,
            "/reporting/v1/feeds/lcps.csv": self._feed_csv,
        }[request.url.path]
        return answer(request)

    def _ready(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(200 if self.is_ready else 503, json={"ready": self.is_ready, "unsent": self.waiting, "waiting": self.waiting})

    def _feed_json(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"items": [self._row(day) for day in self._asked(request)]})

    def _feed_csv(self, request: httpx.Request) -> httpx.Response:
        rows = [as_csv(self._row(day)) for day in self._asked(request)]
        return httpx.Response(200, text="\n".join([",".join(HEADER), *rows, ""]))

    def _lines(self, request: httpx.Request, take: Callable[[Body], Body]) -> httpx.Response:
        lines = [json.loads(line) for line in request.content.splitlines()]
        answers = [{"line": number, **take(line)} for number, line in enumerate(lines, start=1)][: self.cut_after]
        return httpx.Response(200, text="".join(json.dumps(answer) + "\n" for answer in answers))

    def _register(self, body: Body) -> Body:
        is_new = body["external_id"] not in self.registered
        kept = self.registered.setdefault(body["external_id"], {"id": str(uuid4()), **body})
        return {"status": 201 if is_new else 200, f"{body['kind']}_id": kept["id"]}

    def _take(self, body: Body, name: str) -> Body:
        key = (body[name], body["revision"])
        known = self.facts.get(key)
        if known is not None and known != body:
            return {"status": 409, "problem": {"title": "Report differs"}}
        if known is None and not self.loses(body):
            self.facts[key] = body
        return {"status": 202, name: body[name], "duplicate": known is not None, "problem": None}

    def _asked(self, request: httpx.Request) -> list[date]:
        first, last = (date.fromisoformat(request.url.params[name]) for name in ("from", "to"))
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]

    def _row(self, day: date) -> Body:
        return {"date": day.isoformat(), "columns": {column.name: self._cell(day, column) for column in COLUMNS}}

    def _cell(self, day: date, column: Column) -> Body:
        unit_kinds = {unit["id"]: (unit["care_type"], unit["cohort"]) for unit in self.registered.values() if unit["kind"] == "unit"}
        highest: dict[str, Body] = {}
        for (fact_id, revision), body in self.facts.items():
            if fact_id not in highest or highest[fact_id]["revision"] < revision:
                highest[fact_id] = body
        figure, when = ("count", "occurred_at") if column.is_admissions else ("occupied", "observed_at")
        counted = [
            body[figure]
            for body in highest.values()
            if not body.get("retracted")
            and when in body
            and unit_kinds[body["unit_id"]] == (column.care_type, column.cohort)
            and datetime.fromisoformat(body[when]).astimezone(LOCAL).date() == day
        ]
        return {"value": sum(counted) if counted else None, "hospitals_reported": len(counted)}


def as_csv(row: Body) -> str:
    values = [row["columns"][column.name]["value"] for column in COLUMNS]
    return ",".join([written(date.fromisoformat(row["date"])), *("" if value is None else str(value) for value in values)])


class Silent:
    def begin(self, doing: str, of: int | None = None) -> None:
        pass

    def advance(self, by: int) -> None:
        pass


@pytest.fixture
def system() -> SmallSystem:
    return SmallSystem()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.client.BACKOFF_SECONDS", (0.001,) * len(BACKOFF_SECONDS))
    monkeypatch.setattr("simulator.replay.settle.STILL_SECONDS_BEFORE_DOUBT", 0.01)


async def replayed(
    system: SmallSystem, *rows: str, correct: bool = False, shuffle: bool = False, twice: bool = False, settle_seconds: float = 5
) -> Outcome:
    series = parse("\n".join((",".join(HEADER), *rows)).encode(), today=date(2026, 1, 1))
    how = How(shuffle=shuffle, twice=twice, correct=correct, settle_seconds=settle_seconds, look_every_seconds=0.002)
    transport = httpx.MockTransport(system.handle)
    async with httpx.AsyncClient(base_url="http://system", transport=transport) as client:
        api = Api(client, Tokens(Path("keys"), "token"), patience_seconds=1)
        return await Replay(api, series, hospitals(), how, Silent()).run()


def said(system: SmallSystem, day: date) -> list[int | None]:
    return [system._cell(day, column)["value"] for column in COLUMNS]


def sent(system: SmallSystem) -> int:
    return len(system.facts)


async def test_what_goes_in_at_the_bedside_comes_out_in_the_feed(system: SmallSystem) -> None:
    outcome = await replayed(system, *FIRST)

    assert outcome.exit is Exit.EQUAL
    assert said(system, date(2021, 2, 3)) == [12, 22, 320, None, 70]
    # 14 cells with a figure, each said by 75 hospitals; nothing is sent for the empty one.
    assert sent(system) == 14 * 75


@pytest.mark.parametrize("how", [{"shuffle": True}, {"twice": True}, {"shuffle": True, "twice": True}])
async def test_order_and_repetition_change_nothing(system: SmallSystem, how: dict[str, bool]) -> None:
    outcome = await replayed(system, *FIRST, **how)

    assert outcome.exit is Exit.EQUAL
    assert sent(system) == 14 * 75


async def test_a_second_replay_finds_everything_there(system: SmallSystem) -> None:
    await replayed(system, *FIRST)

    outcome = await replayed(system, *FIRST)

    assert outcome.exit is Exit.EQUAL
    assert sent(system) == 14 * 75


async def test_only_hospitals_of_its_own_are_registered_and_once(system: SmallSystem) -> None:
    await replayed(system, *FIRST)
    await replayed(system, *FIRST)

    assert len(system.registered) == 75 + 225


async def test_a_feed_that_lost_a_report_differs_and_the_cell_is_named(system: SmallSystem) -> None:
    lost: list[str] = []

    def loses(body: Body) -> bool:
        if not lost and body.get("occupied", 0) > 0:
            lost.append(body["report_id"])
        return body.get("report_id") in lost

    system.loses = loses

    outcome = await replayed(system, *FIRST)

    assert outcome.exit is Exit.DIFFERS
    assert any("1-2-2021 IC_Bedden_COVID: file 10, feed 9" in line for line in outcome.lines)


@pytest.mark.parametrize("row", ["2-2-2021,12,21,310,5,60", "2-2-2021,11,21,,5,60", "2-2-2021,11,21,310,5,61", "2-2-2021,11,21,310,,60"])
async def test_a_file_that_contradicts_an_earlier_one_is_refused_and_nothing_is_sent(system: SmallSystem, row: str) -> None:
    await replayed(system, *FIRST)
    before = dict(system.facts)

    outcome = await replayed(system, FIRST[0], row, "4-2-2021,1,2,3,4,5")

    assert outcome.exit is Exit.BAD_FILE
    assert any("2-2-2021" in line for line in outcome.lines)
    assert any("CORRECT=1" in line for line in outcome.lines)
    assert system.facts == before


async def test_a_correction_restates_other_figures_and_takes_back_what_the_file_leaves_empty(system: SmallSystem) -> None:
    await replayed(system, *FIRST)

    outcome = await replayed(system, "1-2-2021,9,,300,44,50", "2-2-2021,11,21,310,5,", "5-2-2021,1,2,3,4,5", correct=True)

    assert outcome.exit is Exit.EQUAL
    assert said(system, date(2021, 2, 1)) == [9, None, 300, 44, 50]
    assert said(system, date(2021, 2, 2)) == [11, 21, 310, 5, None]
    assert said(system, date(2021, 2, 5)) == [1, 2, 3, 4, 5]
    # Days that are not in the file stay as they were.
    assert said(system, date(2021, 2, 3)) == [12, 22, 320, None, 70]


async def test_a_corrected_file_replayed_again_is_equal_and_the_old_one_is_refused(system: SmallSystem) -> None:
    await replayed(system, *FIRST)
    await replayed(system, "1-2-2021,9,20,300,4,50", correct=True)

    assert (await replayed(system, "1-2-2021,9,20,300,4,50")).exit is Exit.EQUAL
    assert (await replayed(system, FIRST[0])).exit is Exit.BAD_FILE


async def test_what_was_taken_back_comes_back_only_as_a_correction(system: SmallSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    await replayed(system, *FIRST)
    monkeypatch.setattr("simulator.replay.run._revision_of", lambda _: 1)
    await replayed(system, "1-2-2021,,20,300,4,50", correct=True)

    refused = await replayed(system, FIRST[0])
    monkeypatch.setattr("simulator.replay.run._revision_of", lambda _: 2)
    put_back = await replayed(system, FIRST[0], correct=True)

    assert refused.exit is Exit.BAD_FILE
    assert put_back.exit is Exit.EQUAL
    assert said(system, date(2021, 2, 1))[0] == 10


async def test_a_replay_that_was_cut_short_is_completed(system: SmallSystem) -> None:
    await replayed(system, *FIRST)
    for key in list(system.facts)[::3]:
        del system.facts[key]

    outcome = await replayed(system, *FIRST)

    assert outcome.exit is Exit.EQUAL
    assert sent(system) == 14 * 75


async def test_a_replay_that_was_cut_short_is_not_completed_by_a_file_that_contradicts_it(system: SmallSystem) -> None:
    await replayed(system, *FIRST)
    for key in list(system.facts)[::3]:
        del system.facts[key]

    outcome = await replayed(system, "1-2-2021,100,20,300,4,50", "9-2-2021,1,2,3,4,5")

    assert outcome.exit is Exit.BAD_FILE
    assert said(system, date(2021, 2, 9)) == [None] * 5


async def test_a_busy_system_and_a_broken_connection_are_waited_for(system: SmallSystem) -> None:
    def fails(number: int, request: httpx.Request) -> httpx.Response | None:
        if number % 3 == 0 and request.method == "POST":
            raise httpx.ReadError("connection lost")
        return httpx.Response(503, headers={"retry-after": "0"}) if number % 4 == 0 and request.method == "POST" else None

    system.fails = fails

    assert (await replayed(system, *FIRST)).exit is Exit.EQUAL


async def test_lines_that_got_no_answer_are_sent_again(system: SmallSystem) -> None:
    system.cut_after = 70

    assert (await replayed(system, *FIRST)).exit is Exit.EQUAL
    assert sent(system) == 14 * 75


def settings(file: Path) -> ReplaySettings:
    return ReplaySettings(file, shuffle=False, twice=False, correct=False, settle_seconds=0.2)


RUNNING = SystemSettings("http://system", Path("keys"), "token")


async def test_a_bad_file_sends_nothing(system: SmallSystem, tmp_path: Path) -> None:
    file = tmp_path / "lcps.csv"
    file.write_text("\n".join((",".join(HEADER), FIRST[0], FIRST[0])))

    outcome = await replay(RUNNING, settings(file), transport=httpx.MockTransport(system.handle))

    assert outcome.exit is Exit.BAD_FILE
    assert outcome.lines[1] == "  lines 2 and 3: the same date, 1-2-2021"
    assert system.requests == []


async def test_a_file_that_is_not_there_is_a_bad_file(system: SmallSystem, tmp_path: Path) -> None:
    outcome = await replay(RUNNING, settings(tmp_path / "none.csv"), transport=httpx.MockTransport(system.handle))

    assert outcome.exit is Exit.BAD_FILE


async def test_a_system_that_is_not_running_is_said_in_one_line(tmp_path: Path) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    file = tmp_path / "lcps.csv"
    file.write_text("\n".join((",".join(HEADER), FIRST[0])))

    outcome = await replay(RUNNING, settings(file), transport=httpx.MockTransport(nobody))

    assert outcome == Outcome(Exit.NOT_TOLD, ("the system is not running here: start it with `make run`, or name its PORT",))


@pytest.mark.parametrize("is_ready", [True, False])
async def test_a_system_that_does_not_come_to_rest_is_said_and_not_taken_for_a_difference(
    system: SmallSystem, tmp_path: Path, is_ready: bool
) -> None:
    system.waiting, system.is_ready = (12, True) if is_ready else (0, False)
    file = tmp_path / "lcps.csv"
    file.write_text("\n".join((",".join(HEADER), FIRST[0])))

    outcome = await replay(RUNNING, settings(file), transport=httpx.MockTransport(system.handle))

    assert outcome.exit is Exit.NOT_TOLD
    assert ("capacity waiting 12" if is_ready else "capacity is not ready") in outcome.lines[0]
