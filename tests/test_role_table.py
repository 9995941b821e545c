"""Who may do what, route by route and role by role, asked over HTTP of all four services.

The table is written from the interfaces and knows nothing of how the guards are made. It needs no database: the guard comes before all
else, then the query, so whoever may go on is told that the query is wrong.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from chassis.http.server import apis, together
from chassis.security.auth import VISITOR_COOKIE, Keyring
from chassis.security.keys import Issuer, ensure_keys
from chassis.security.roles import Role
from chassis.settings import ServiceSettings

SERVICES = ("triage", "capacity", "placement", "reporting")

ROLES = frozenset(
    {
        "triagist",
        "referrer",
        "expert",
        "coordinator",
        "provider",
        "hospital",
        "rcps",
        "roaz",
        "lcps",
        "dpg",
        "vws",
        "analyst",
        "auditor",
        "admin",
    }
)

# Everyone with a token; a visitor of the pages has none.
EVERYONE = ROLES
# Own contacts, wishes, placement requests for referrers and hospitals, all of triage for triagists.
CONTACTS = frozenset({"triagist", "referrer", "hospital", "admin"})
ASSESSMENT = frozenset({"triagist", "admin"})
# Who registered the patient, and who accepted them. Never an administrator, never a coordinator.
IDENTITY = frozenset({"triagist", "referrer", "provider", "hospital"})
REGISTRY = frozenset({"provider", "hospital", "admin"})
REPORTS = REGISTRY | {"lcps"}
# Read by who asks, by who places, and by who watches over a region.
REQUESTS = frozenset({"triagist", "referrer", "hospital", "coordinator", "rcps", "roaz", "dpg", "lcps", "admin"})
OFFERING = frozenset({"coordinator", "lcps", "admin"})
OFFERS = frozenset({"triagist", "coordinator", "provider", "hospital", "lcps", "admin"})
ANSWERS = frozenset({"provider", "hospital", "admin"})
JOURNEY = frozenset({"coordinator", "provider", "hospital", "lcps", "admin"})
CANCELLING = frozenset({"triagist", "coordinator", "lcps", "admin"})
NATIONAL = frozenset({"lcps", "vws", "rcps", "roaz", "dpg", "coordinator", "auditor", "admin", "analyst", "visitor"})

TABLE: Mapping[str, frozenset[str]] = {
    "POST /triage/v1/cases": CONTACTS,
    "GET /triage/v1/cases": CONTACTS,
    "GET /triage/v1/cases/stream": CONTACTS,
    "GET /triage/v1/cases/{case_id}": CONTACTS,
    "GET /triage/v1/cases/{case_id}/timeline": CONTACTS,
    "PUT /triage/v1/cases/{case_id}/assessment": ASSESSMENT,
    "PUT /triage/v1/cases/{case_id}/treatment-wishes": CONTACTS,
    "POST /triage/v1/cases/{case_id}/placement-request": CONTACTS,
    "POST /triage/v1/cases/{case_id}/closure": CONTACTS,
    "GET /triage/v1/cases/{case_id}/patient": IDENTITY,
    "GET /triage/v1/protocols": EVERYONE,
    "GET /triage/v1/protocols/{name}/{version}": EVERYONE,
    "POST /capacity/v1/locations": REGISTRY,
    "GET /capacity/v1/locations": EVERYONE,
    "GET /capacity/v1/locations/{location_id}": EVERYONE,
    "PATCH /capacity/v1/locations/{location_id}": REGISTRY,
    "POST /capacity/v1/units": REGISTRY,
    "GET /capacity/v1/units": EVERYONE,
    "GET /capacity/v1/units/{unit_id}": EVERYONE,
    "PATCH /capacity/v1/units/{unit_id}": REGISTRY,
    "POST /capacity/v1/units/{unit_id}/confirmation": REGISTRY,
    "GET /capacity/v1/units/{unit_id}/history": EVERYONE,
    "GET /capacity/v1/board": EVERYONE,
    "GET /capacity/v1/board/stream": EVERYONE,
    "POST /capacity/v1/registry/batch": REGISTRY,
    "POST /capacity/v1/reports": REPORTS,
    "POST /capacity/v1/reports/batch": REPORTS,
    "POST /capacity/v1/flows": REPORTS,
    "POST /capacity/v1/flows/batch": REPORTS,
    "GET /placement/v1/requests": REQUESTS,
    "GET /placement/v1/requests/stream": REQUESTS,
    "GET /placement/v1/requests/{case_id}": REQUESTS,
    "GET /placement/v1/requests/{case_id}/candidates": REQUESTS,
    "POST /placement/v1/requests/{case_id}/offers": OFFERING,
    "POST /placement/v1/requests/{case_id}/cancellation": CANCELLING,
    "GET /placement/v1/offers": OFFERS,
    "GET /placement/v1/offers/stream": OFFERS,
    "GET /placement/v1/offers/{offer_id}": OFFERS,
    "POST /placement/v1/offers/{offer_id}/acceptance": ANSWERS,
    "POST /placement/v1/offers/{offer_id}/decline": ANSWERS,
    "POST /placement/v1/offers/{offer_id}/confirmation": ANSWERS,
    "POST /placement/v1/placements/{placement_id}/transport": JOURNEY,
    "POST /placement/v1/placements/{placement_id}/admission": JOURNEY,
    "POST /placement/v1/placements/{placement_id}/release": JOURNEY,
    "GET /placement/v1/holds": EVERYONE,
    "GET /placement/v1/units/{unit_id}/holds": EVERYONE,
    "PUT /placement/v1/webhooks/{organisation}": ANSWERS,
    "GET /placement/v1/webhooks/{organisation}": ANSWERS,
    "DELETE /placement/v1/webhooks/{organisation}": ANSWERS,
    "GET /reporting/v1/national": NATIONAL,
    # Between two values of a small count lies what is hidden from an analyst.
    "GET /reporting/v1/national/stream": NATIONAL - {"analyst"},
    "GET /reporting/v1/feeds/lcps.csv": NATIONAL,
    "GET /reporting/v1/feeds/lcps.json": NATIONAL,
}

# For people and for those who run it, without a token.
OPEN = frozenset(
    {
        *(
            f"GET /{service}/{path}"
            for service in SERVICES
            for path in ("docs", "health/live", "health/ready", "health/startup", "metrics", "openapi.json")
        ),
        "GET /",
        "GET /rapportage",
        "GET /rapportage/",
        "GET /rapportage/landelijk",
    }
)

_SOMETHING = UUID("6f1c1f6e-6f0a-4bbf-9d0b-1f0a6d3c2b1a")


class Front(NamedTuple):
    """All services behind one address, and tokens for them."""

    client: httpx.AsyncClient
    served: list[FastAPI]
    tokens: Mapping[str, str]
    visitor: str
    expired: str


@pytest_asyncio.fixture(scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    settings = ServiceSettings(keys_dir=tmp_path_factory.mktemp("keys"))
    issuer = Issuer(ensure_keys(settings.keys_dir), settings.auth_issuer, settings.auth_audience)
    tokens = {role: issuer.token(Role(role), org="zonnewijzer", region="VR03", ttl=timedelta(hours=1)) for role in ROLES}
    expired = issuer.token(Role.ADMIN, ttl=timedelta(seconds=-1))
    cookie = Keyring.of(settings).visitor_cookie() or ""
    visitor = cookie.partition(";")[0].removeprefix(f"{VISITOR_COOKIE}=")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KEYS_DIR", str(settings.keys_dir))
        served = apis(SERVICES)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(together(served)), base_url="http://schakel") as client:
        yield Front(client, served, tokens, visitor, expired)


def routes(app: FastAPI) -> Iterator[str]:
    for context in iter_route_contexts(app.routes):
        for method in (context.methods or set()) - {"HEAD"}:
            yield f"{method} {context.path_format}"


async def ask(front: Front, route: str, **headers: str) -> httpx.Response:
    """Ask it with a query that no route serves, which is looked at right after who asks."""
    method, path = route.split(" ")
    parts = [str(_SOMETHING) if part.startswith("{") else part for part in path.split("/")]
    return await front.client.request(method, "/".join(parts), params={"nobody": "serves-this"}, headers=headers)


def is_let_in(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (400, "unknown-query-parameter")


def test_every_role_has_its_place_in_the_table() -> None:
    assert {str(role) for role in Role} - {"visitor"} == ROLES


async def test_every_route_has_its_row_and_every_row_its_route(front: Front) -> None:
    found = {route for app in front.served for route in routes(app)}

    assert found - TABLE.keys() - OPEN == set(), "routes without a row: who may use them?"
    assert TABLE.keys() - found == set(), "rows without a route"


@pytest.mark.parametrize("role", sorted(ROLES))
@pytest.mark.parametrize("route", TABLE)
async def test_a_role_may_what_the_table_says_and_nothing_else(front: Front, route: str, role: str) -> None:
    answer = await ask(front, route, Authorization=f"Bearer {front.tokens[role]}")

    if role in TABLE[route]:
        assert is_let_in(answer)
    else:
        assert answer.status_code == 403


@pytest.mark.parametrize("route", TABLE)
async def test_without_a_token_that_counts_nobody_is_let_in(front: Front, route: str) -> None:
    for headers in (
        {},
        {"Authorization": f"Bearer {front.expired}"},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        # A visitor's cookie is no token, and a token no visitor's cookie.
        {"Authorization": f"Bearer {front.visitor}"},
        {"Cookie": f"{VISITOR_COOKIE}={front.tokens['admin']}"},
    ):
        answer = await ask(front, route, **headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", TABLE)
async def test_a_visitor_of_the_pages_sees_national_figures_and_nothing_else(front: Front, route: str) -> None:
    answer = await ask(front, route, Cookie=f"{VISITOR_COOKIE}={front.visitor}")

    if "visitor" in TABLE[route]:
        assert route.startswith("GET /reporting/v1/")
        assert is_let_in(answer)
    else:
        assert answer.status_code == 401


async def test_who_a_patient_is_stands_in_one_answer_only_which_an_administrator_never_gets(front: Front) -> None:
    told: set[str] = set()
    for service in SERVICES:
        document = (await front.client.get(f"/{service}/openapi.json")).json()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if _names(operation.get("responses", {}), document) & {"bsn", "birth_date", "patient"}:
                    told.add(f"{method.upper()} {path}")

    assert told == {"GET /triage/v1/cases/{case_id}/patient"}
    assert not TABLE["GET /triage/v1/cases/{case_id}/patient"] & {"admin", "coordinator", "lcps"}


def _names(part: Any, document: dict[str, Any], seen: frozenset[str] = frozenset()) -> set[str]:
    """The names of all fields that an answer of this form may have."""
    if isinstance(part, list):
        return set().union(*(_names(inner, document, seen) for inner in part))
    if not isinstance(part, dict):
        return set()
    names = set(part["properties"]) if isinstance(part.get("properties"), dict) else set()
    reference = part.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        names |= _names(target, document, seen | {reference})
    return names.union(*(_names(inner, document, seen) for inner in part.values()))
