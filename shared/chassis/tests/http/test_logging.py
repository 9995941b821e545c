"""At night the log tells which process, which request and which line of code, and never what somebody sent."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
import structlog
from pydantic import BaseModel

from chassis.errors import Rejected
from chassis.observability.logging import configure_logging
from chassis.observability.trace_context import current_traceparent
from chassis.settings import ServiceSettings

SECRET = "mevrouw Jansen"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(ServiceSettings(instance="2"), "ward.api", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_says_what_happened_where_and_when(lines: Lines) -> None:
    current_traceparent.set(f"00-{'a' * 32}-{'b' * 16}-01")

    structlog.get_logger("ward").info("report taken", topic="capacity.units.v1")
    current_traceparent.set(None)

    (line,) = lines()
    assert line.pop("timestamp")
    assert line == {
        "event": "report taken",
        "level": "info",
        "topic": "capacity.units.v1",
        "service": "ward.api",
        "instance": "2",
        "trace_id": "a" * 32,
    }


def test_libraries_write_in_the_same_form(lines: Lines) -> None:
    logging.getLogger("some.library").warning("lost %s connections", 3)

    (line,) = lines()
    assert (line["event"], line["logger"], line["service"]) == ("lost 3 connections", "some.library", "ward.api")


class Patient(BaseModel):
    name: int


def _int() -> None:
    int(SECRET)


def _pydantic() -> None:
    Patient(name=SECRET)


def _postgres() -> None:
    raise asyncpg.UniqueViolationError(f"duplicate key: {SECRET}")


def _key() -> None:
    beds: dict[str, int] = {}
    beds[SECRET] += 1


def _chained() -> None:
    try:
        int(SECRET)
    except ValueError as cause:
        raise RuntimeError("while counting beds") from cause


def _grouped() -> None:
    raise ExceptionGroup(SECRET, [ValueError(SECRET)])


@pytest.mark.parametrize("fails", [_int, _pydantic, _postgres, _key, _chained, _grouped])
@pytest.mark.parametrize("library", [True, False])
def test_a_traceback_leads_to_the_line_and_repeats_nothing(lines: Lines, fails: Callable[[], None], library: bool) -> None:
    try:
        fails()
    except Exception as error:
        if library:
            logging.getLogger("some.library").warning("crashed: %r", error, exc_info=error)
        else:
            structlog.get_logger("ward").exception("request failed")

    (line,) = lines()
    assert SECRET not in json.dumps(line)
    assert fails.__name__ in line["exception"]


def test_what_our_own_errors_say_is_told(lines: Lines) -> None:
    structlog.get_logger("ward").error("report refused", exc_info=Rejected("unit-unknown", "There is no such unit."))

    assert lines()[0]["exception"] == "Rejected: unit-unknown: There is no such unit."


def test_people_read_the_same_in_their_own_form(lines: Lines) -> None:
    stream = io.StringIO()
    configure_logging(ServiceSettings(log_format="console"), "ward.api", stream=stream)

    try:
        _int()
    except ValueError:
        structlog.get_logger("ward").exception("request failed")

    assert "request failed" in stream.getvalue()
    assert "_int" in stream.getvalue()
    assert SECRET not in stream.getvalue()


async def test_a_forgotten_task_that_failed_is_told_without_what_it_held(lines: Lines) -> None:
    loop = asyncio.get_running_loop()
    loop.default_exception_handler({"message": "Task exception was never retrieved", "exception": ValueError(SECRET), "future": SECRET})

    (line,) = lines()
    assert line["event"] == "Task exception was never retrieved"
    assert SECRET not in json.dumps(line)
