"""What the reader of the story sees, and how the command ends."""

import io
import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from rich.console import Console

from contracts.capacity import UNITS
from contracts.placement import HOLDS, PLACEMENTS
from contracts.reporting import NATIONAL
from contracts.triage import CASES
from simulator.chain.persons import made_up
from simulator.chance import seeded
from simulator.settings import SystemSettings
from simulator.story.command import NOT_RUNNING, StoryExit, tell
from simulator.story.places import CARE_TYPE, COHORT, FIGURE, HOMES, SECTOR, VR
from simulator.story.settings import StorySettings
from simulator.story.teller import Teller
from simulator.story.watch import Passing
from simulator.story.words import FACTS, facts_of
from simulator.world import build

STORIED = {
    event.ce_type.removesuffix(".v1").rpartition(".")[2]: event
    for topic in (CASES, PLACEMENTS, HOLDS, UNITS, NATIONAL)
    for event in topic.events
}


def console() -> Console:
    return Console(file=io.StringIO(), soft_wrap=True, width=80)


def written(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_what_is_shown_of_an_event_stands_in_its_contract(fact: str) -> None:
    fields = STORIED[fact].model_fields
    asked: set[str] = set()

    class Body(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return default

        def __getitem__(self, name: str) -> Any:
            asked.add(name)
            return []

    facts_of(fact, Body())

    assert asked
    assert asked <= set(fields)


def test_what_is_not_written_down_is_never_shown() -> None:
    person = made_up(seeded("somebody"))
    body = {
        "channel": "TELEFOON",
        "caller_role": "HUISARTS",
        "vr": "VR05",
        "name": person.name,
        "bsn": person.bsn,
        "patient": person.body(),
    }
    on = console()
    teller = Teller(on)

    for fact in (*FACTS, "never-heard-of"):
        teller.passing(Passing("triage.cases.v1", fact, {**body, "holds": []}, time.monotonic()))

    assert "HUISARTS" in written(on)
    assert person.name not in written(on)
    assert str(person.bsn) not in written(on)


def test_an_event_is_shown_with_the_time_since_its_step_began_on_one_line() -> None:
    on = console()
    teller = Teller(on)

    teller.step("Somebody calls", "POST /triage/v1/cases")
    teller.passing(Passing("reporting.national.v1", "figure-changed", {"occupied": 3, "free": None, "held": 1}, time.monotonic() + 0.25))

    line = written(on).splitlines()[-1]
    assert "ms  reporting.national.v1" in line
    assert 240 <= int(line.split("+")[1].split("ms")[0]) <= 260
    assert line.endswith("occupied 3, free unknown, held 1, available unknown")


def test_a_table_is_never_broken_by_the_width_of_the_terminal() -> None:
    on = console()

    Teller(on).table(("", "home", "because"), [(1, "Huize De Vertelling", "x" * 100)])

    assert written(on).splitlines()[1] == f"   1  Huize De Vertelling  {'x' * 100}"


def test_the_storys_homes_are_of_a_kind_that_the_simulated_day_has_none_of() -> None:
    # So nobody else moves the one figure that the story looks at.
    assert f"beds/VR/{VR}/{SECTOR}/{CARE_TYPE}/{COHORT}" == FIGURE
    for location, unit in build(7).units():
        assert (location.vr, unit.care_type, unit.cohort) != (VR, CARE_TYPE, COHORT)
        assert location.organisation not in {home.location.organisation for home in HOMES}


def test_kafka_is_where_the_running_system_wrote_it_unless_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"kafka_bootstrap_servers": "127.0.0.1:21000"}))

    assert StorySettings.read({"RUN_DIR": str(tmp_path)}).kafka_bootstrap_servers == "127.0.0.1:21000"
    assert StorySettings.read({"RUN_DIR": str(tmp_path), "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092"}).kafka_bootstrap_servers == "kafka:9092"
    assert StorySettings.read({"RUN_DIR": str(tmp_path / "nothing")}).kafka_bootstrap_servers is None


async def test_without_a_running_system_it_says_so_in_one_line(tmp_path: Path, unused_tcp_port: int) -> None:
    out, errors = console(), console()
    system = SystemSettings(url=f"http://127.0.0.1:{unused_tcp_port}", keys_dir=tmp_path, token=str(uuid4()))

    ended = await tell(system, StorySettings("127.0.0.1:1", ""), out, errors)

    assert ended is StoryExit.NOT_RUNNING
    assert written(errors) == f"{NOT_RUNNING}\n"
    assert not written(out)


async def test_a_system_without_triage_is_not_running(tmp_path: Path) -> None:
    errors = console()
    transport = httpx.MockTransport(lambda request: httpx.Response(404 if request.url.path.startswith("/triage/") else 200))
    system = SystemSettings(url="http://system", keys_dir=tmp_path, token="t")

    ended = await tell(system, StorySettings("127.0.0.1:1", ""), console(), errors, transport=transport)

    assert ended is StoryExit.NOT_RUNNING
    assert written(errors) == f"{NOT_RUNNING}\n"


async def test_a_kafka_that_does_not_answer_is_said_and_nothing_is_registered(tmp_path: Path, unused_tcp_port: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200)

    errors = console()
    system = SystemSettings(url="http://system", keys_dir=tmp_path, token="t")

    ended = await tell(system, StorySettings(f"127.0.0.1:{unused_tcp_port}", ""), console(), errors, transport=httpx.MockTransport(answer))

    assert ended is StoryExit.NOT_RUNNING
    assert "Kafka does not answer" in written(errors)
    assert all(path.endswith("/health/live") for path in asked)
