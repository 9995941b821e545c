"""Structured logs: a constant lower-case event with facts as keywords; nothing that someone sent is ever in them."""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

import asyncpg
import orjson
import structlog
from aiokafka.errors import KafkaError
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from chassis.errors import MustStop, Rejected, Unavailable
from chassis.observability.trace_context import current_traceparent
from chassis.settings import ServiceSettings

# Whose words are about the program and never about what was sent. Others quote it: int(), pydantic, PostgreSQL's "invalid input".
_SPEAKS_OF_CODE = (Rejected, Unavailable, MustStop, AttributeError, TypeError, NameError, ImportError, RuntimeError, KafkaError)

_DEEPEST_FRAMES = 30


def configure_logging(settings: ServiceSettings, process: str, *, stream: TextIO | None = None) -> None:
    """Send every log of this process, ours and the libraries', through one form.

    Args:
        settings: `log_format`, `log_level` and `instance`.
        process: what this process is (`capacity.worker`).
        stream: where to write; standard error unless told.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _trace,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Named(process, settings.instance),
        _describe_exception,
    ]
    for_people = settings.log_format == "console"
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if for_people
        else structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event, default=_type_only).decode())
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(_without_values)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(allow=()), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in list(logging.root.manager.loggerDict):
        # Libraries that brought handlers of their own would write everything twice, and in their own form.
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Each is chatty at info about things that are nobody's concern at night.
    for name in ("aiokafka", "faust", "mode", "kafka", "alembic", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def describe(error: BaseException) -> str:
    """An exception in words that repeat nothing of what was sent: its type, and its text only when that speaks of the program."""
    name = type(error).__name__
    if isinstance(error, OSError):
        return f"{name}: {error.strerror}" if error.strerror else name
    if isinstance(error, asyncpg.PostgresError):
        where = " ".join(part for part in (error.sqlstate, error.table_name, error.constraint_name) if part)
        return f"{name}: {where}" if where else name
    return f"{name}: {error}" if isinstance(error, _SPEAKS_OF_CODE) else name


class _Named:
    """Says in every line which process wrote it."""

    def __init__(self, process: str, instance: str) -> None:
        self._process = process
        self._instance = instance

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = self._process
        event["instance"] = self._instance
        return event


def _trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    traceparent = current_traceparent.get()
    if traceparent is not None:
        event.setdefault("trace_id", traceparent[3:35])
    return event


def _without_values(record: logging.LogRecord) -> bool:
    """Libraries put exceptions into their messages, and exceptions quote what was sent."""
    if isinstance(record.args, tuple):
        record.args = tuple(describe(arg) if isinstance(arg, BaseException) else arg for arg in record.args)
    if isinstance(record.msg, str) and record.name == "asyncio":
        # The lines after the first are the representation of a task with its exception.
        record.msg = record.msg.partition("\n")[0]
    return True


def _describe_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    error = _error(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = retold(error)
    return event


def _error(exc_info: ExcInfo | BaseException | bool | None) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1]
    return sys.exc_info()[1] if exc_info else None


def retold(error: BaseException) -> str:
    """The exception, where it was raised, and what it came from; frames without their locals."""
    return "\n".join(_told(error))


def _told(error: BaseException) -> Iterator[str]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield describe(current)
        yield from _frames(current.__traceback__)
        if isinstance(current, BaseExceptionGroup):
            for member in current.exceptions:
                yield from (f"| {line}" for line in _told(member))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace)[-_DEEPEST_FRAMES:]:
        yield f"  {frame.filename}:{frame.lineno} {frame.name}"


def _type_only(value: object) -> str:
    return type(value).__name__
