"""The outermost layer: a trace for every request, its count and duration, and a last word when the program fails."""

import re
from os import urandom
from time import perf_counter
from typing import TYPE_CHECKING, Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.http.problems import problem
from chassis.observability.logging import retold
from chassis.observability.telemetry import http_failed, http_requests, http_seconds
from chassis.observability.trace_context import current_traceparent
from chassis.observability.tracing import spans

if TYPE_CHECKING:
    from chassis.observability.spans import Serving

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_NO_TRACE = b"0" * 32
_UNFOLLOWED = ("/health/live", "/health/ready", "/health/startup", "/metrics")
_FAILED = 500
_READING = frozenset({"GET", "HEAD", "OPTIONS"})

_log = structlog.get_logger(__name__)


class Edge:
    """Wraps an app; pure ASGI, because a layer that hands responses through a queue holds streams back."""

    def __init__(self, app: ASGIApp, *, service: str) -> None:
        """Take the app and the name under which its requests are counted."""
        self._app = app
        self._service = service
        self._prefix = f"/{service}/v1"
        # prometheus-client looks children up under a lock; a dictionary of our own costs a third.
        self._counted: dict[tuple[str, str, int], Any] = {}
        self._timed: dict[tuple[str, str], Any] = {}
        self._failed = {kind: http_failed.labels(service, kind) for kind in ("command", "reading")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        status = 0
        serving = _serving(scope)
        current_traceparent.set(_traceparent(scope) if serving is None else serving.traceparent)

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count(scope, status, perf_counter() - began)
                if serving is not None:
                    serving.answered(_method(scope), self._whole_route(scope), message)
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except ClientDisconnect:
            # Whoever left gets no answer; nothing went wrong here.
            return
        except Exception as error:
            # Told in our own words: a log that was not configured would print the frames' locals, and with them what was sent.
            _log.error("request failed", route=_route(scope), method=_method(scope), status=status or 500, exception=retold(error))
            if status:
                # The answer has begun: breaking it off is the only way left to say that it is not whole.
                raise
            await problem("internal", 500, "This went wrong on our side; name the trace id when you ask for help.")(
                scope, receive, observed
            )
        finally:
            if serving is not None:
                serving.end()

    def _whole_route(self, scope: Scope) -> str | None:
        """The route as it stands in the documentation; FastAPI leaves out the prefix under which its router was included."""
        path: str | None = getattr(scope.get("route"), "path", None)
        if path is None or path.startswith(self._prefix) or not scope["path"].startswith(self._prefix):
            return path
        return self._prefix + path

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = _method(scope), _route(scope)
        counted = self._counted.get((method, route, status))
        if counted is None:
            counted = self._counted[method, route, status] = http_requests.labels(self._service, method, route, str(status))
        counted.inc()
        timed = self._timed.get((method, route))
        if timed is None:
            timed = self._timed[method, route] = http_seconds.labels(self._service, method, route)
        timed.observe(seconds)
        if status >= _FAILED and not route.startswith(f"/{self._service}/health/"):
            self._failed["reading" if method in _READING else "command"].inc()


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", "none")


def _method(scope: Scope) -> str:
    # Any word can stand there; only known ones may become labels.
    method: str = scope["method"]
    return method if method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} else "other"


def _serving(scope: Scope) -> "Serving | None":
    """The span of a request, where traces are on."""
    making = spans()
    # What asks every few seconds whether all is well is nobody's request.
    if making is None or scope["path"].endswith(_UNFOLLOWED):
        return None
    found = _sent(scope)
    return making.serving(None if found is None else found[0].decode())


def _traceparent(scope: Scope) -> str:
    """The caller's trace when it names one, else a new one; the span is ours either way."""
    found = _sent(scope)
    return f"00-{urandom(16).hex() if found is None else found[1].decode()}-{urandom(8).hex()}-01"


def _sent(scope: Scope) -> re.Match[bytes] | None:
    """What the caller says of its trace (W3C Trace Context)."""
    for name, value in scope["headers"]:
        if name == b"traceparent":
            found = _TRACEPARENT.fullmatch(value)
            return found if found is not None and found[1] != _NO_TRACE else None
    return None
