"""One process that serves the APIs of one or more services, told apart by the first segment of the path."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from socket import socket

import uvicorn
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.garbage import spare_what_is_loaded
from chassis.http.edge import Edge
from chassis.http.problems import problem
from chassis.http.sse import end_streams

APIS = "schakel.apis"

# Where `/` leads: the way in for people.
WAY_IN = "/rapportage/landelijk"

# An ordinary request is done long before; a stream that does not end by itself is cut then.
_LAST_SECONDS = 5


def apis(names: Sequence[str]) -> list[FastAPI]:
    """Build the APIs of these services, as their packages announce them (entry points `schakel.apis`).

    Raises:
        LookupError: when no installed package announces such a service.
    """
    announced = {entry.name: entry for entry in entry_points(group=APIS)}
    if unknown := [name for name in names if name not in announced]:
        raise LookupError(f"no API named {', '.join(unknown)}; there are: {', '.join(sorted(announced)) or 'none'}")
    factories: list[Callable[[], FastAPI]] = [announced[name].load() for name in names]
    return [factory() for factory in factories]


def together(served: Sequence[FastAPI]) -> ASGIApp:
    """One application out of several.

    Raises:
        ValueError: when two of them want the same first segment.
    """
    by_segment: dict[str, FastAPI] = {}
    for app in served:
        for segment in sorted(set(_segments(app))):
            if by_segment.setdefault(segment, app) is not app:
                raise ValueError(f"two APIs serve /{segment}")
    return _Dispatcher(by_segment, served)


class Server(uvicorn.Server):
    """uvicorn, which waits for open streams for ever: they are told to end first."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End the streams, then all else."""
        end_streams()
        await super().shutdown(sockets)


def server(app: ASGIApp, *, host: str, port: int) -> Server:
    """The server of a process; its access log is the metrics."""
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_LAST_SECONDS,
        )
    )


class _Dispatcher:
    def __init__(self, by_segment: Mapping[str, FastAPI], served: Sequence[FastAPI]) -> None:
        self._by_segment = by_segment
        self._served = served
        self._elsewhere = Edge(_elsewhere, service="none")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        segment = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else ""
        await self._by_segment.get(segment, self._elsewhere)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._lifespans():
                spare_what_is_loaded()
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except BaseException:
            # uvicorn stops on this message and on the exception alike; raising alone would say "not supported" before startup.
            await send({"type": "lifespan.startup.failed"})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @asynccontextmanager
    async def _lifespans(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in self._served:
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield


async def _elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/" and scope["method"] in {"GET", "HEAD"}:
        await RedirectResponse(WAY_IN, status_code=307)(scope, receive, send)
        return
    await problem("not-found", 404, "There is nothing here.")(scope, receive, send)


def _segments(app: FastAPI) -> Iterator[str]:
    for context in iter_route_contexts(app.routes):
        if context.path:
            yield context.path.split("/", 2)[1]
