"""The FastAPI app of a service: its routes under its own prefix, and what is the same everywhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from chassis.errors import Rejected, Unavailable
from chassis.http.answers import answer
from chassis.http.edge import Edge
from chassis.http.fields import field_errors
from chassis.http.openapi import describe
from chassis.http.problems import problem, rejection, unavailability
from chassis.http.route import Route
from chassis.observability import telemetry
from chassis.security.auth import Keyring
from chassis.security.keys import hash_key
from chassis.settings import ServiceSettings
from chassis.standing.health import Health
from chassis.standing.metrics import Standing

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    service: str,
    title: str,
    settings: ServiceSettings,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    health: Health,
    pages: Sequence[APIRouter] = (),
    description: str = "",
) -> FastAPI:
    """Build a service's app.

    Args:
        service: its name, the first segment of all its paths.
        title: for people, above its documentation.
        settings: where the keys are.
        lifespan: opens and closes what the routes need.
        routers: `chassis.http.route.Router`s, which come under `/{service}/v1`.
        health: judges whether it is ready.
        pages: routers for people, with paths of their own.
        description: for people, in its documentation.

    Raises:
        ValueError: when a router was not made by `Router`, whose routes check what others ignore.
    """
    app = FastAPI(
        title=title,
        description=description,
        version="1",
        lifespan=lifespan,
        # Ours, below: FastAPI's own would fetch its script from somebody else's server.
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        openapi_url=f"/{service}/openapi.json",
        # A redirect would repeat the path that was sent.
        redirect_slashes=False,
        # Ours, in the edge: FastAPI's own tell paths, queries and what was sent, to whatever collector a library has set up.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.service = service
    app.state.settings = settings
    app.state.keyring = Keyring.of(settings)
    app.state.hash_key = hash_key(settings.keys_dir)

    # Routes are tried in order, each for a few microseconds: what is asked most comes first.
    for router in routers:
        app.include_router(router, prefix=f"/{service}/v1")
    for router in pages:
        app.include_router(router, include_in_schema=False)
    app.include_router(_operations(service, health))
    app.include_router(_documentation(service, title))
    app.mount(f"/{service}/docs/assets", StaticFiles(packages=[("fastapi_swagger", "resources")]))

    if unchecked := [path for path, route in _api_routes(app) if not isinstance(route, Route)]:
        raise ValueError(f"routes must come from chassis.http.route.Router: {', '.join(unchecked)}")
    describe(app, lambda: _api_routes(app))

    app.add_exception_handler(Rejected, _on_rejected)
    app.add_exception_handler(Unavailable, _on_unavailable)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(Edge, service=service)
    return app


def _documentation(service: str, title: str) -> APIRouter:
    """The page that documents the routes, with Swagger UI as `fastapi-swagger` carries it."""
    router = APIRouter(prefix=f"/{service}", include_in_schema=False)
    assets = f"/{service}/docs/assets"

    @router.get("/docs")
    async def docs() -> Response:
        return get_swagger_ui_html(
            openapi_url=f"/{service}/openapi.json",
            title=title,
            swagger_js_url=f"{assets}/swagger-ui-bundle.js",
            swagger_css_url=f"{assets}/swagger-ui.css",
            swagger_favicon_url=f"{assets}/favicon-32x32.png",
        )

    return router


def _operations(service: str, health: Health) -> APIRouter:
    router = APIRouter(prefix=f"/{service}", include_in_schema=False)

    @router.get("/health/live")
    async def live() -> Response:
        return answer(200, {"live": True})

    @router.get("/health/startup")
    async def startup() -> Response:
        started = await health.startup()
        return answer(200 if started else 503, {"started": started})

    @router.get("/health/ready")
    async def ready() -> Response:
        readiness = await health.ready()
        return answer(200 if readiness.is_ready else 503, readiness.view(), headers={} if readiness.is_ready else {"Retry-After": "2"})

    standing = Standing(service, health)

    @router.get("/metrics")
    async def metrics() -> Response:
        await standing.show()
        content, content_type = telemetry.exposition()
        return Response(content, headers={"Content-Type": content_type})

    return router


def _api_routes(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute) and context.path_format is not None and context.include_in_schema:
            yield context.path_format, context.original_route


def _methods(request: Request) -> set[str]:
    """What the path that was asked for does take."""
    contexts = [context for context in iter_route_contexts(request.app.routes) if hasattr(context, "path_regex")]
    return {method for context in contexts if context.path_regex.match(request.scope["path"]) for method in context.methods or ()}


async def _on_rejected(_: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    return rejection(error)


async def _on_unavailable(_: Request, error: Exception) -> Response:
    assert isinstance(error, Unavailable)
    return unavailability(error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = error.errors()
    # An id that is no UUID names nothing that is there; saying more would make two answers of one fact.
    if any(found["loc"][0] == "path" for found in errors):
        return _not_found()
    route = request.scope.get("route")
    names = route.known_names if isinstance(route, Route) else frozenset()
    return problem("invalid", 422, "Some fields are not as they must be.", errors=field_errors(errors, names))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _not_found()
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    status = HTTPStatus(error.status_code)
    return problem(status.phrase.lower().replace(" ", "-"), status, f"{status.phrase}.", headers=headers)


def _not_found() -> Response:
    return problem("not-found", 404, "There is nothing here.")
