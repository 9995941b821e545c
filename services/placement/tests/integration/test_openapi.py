"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio
import time

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from chassis.roles import Role
from chassis.testing.waiting import eventually
from embedded.ports import free_port

LONGEST_SECONDS = 45
ASKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
# They never end by themselves; `test_streams.py` reads them.
STREAMS = "/stream"


async def test_the_api_keeps_its_own_document(placement, processes):
    unit_id = await placement.unit(free=3)
    case_id = await placement.request()
    offer = await placement.offer(case_id, unit_id)
    port = free_port()
    environment = {"DATABASE_URL": placement.settings.database_url, "KEYS_DIR": str(placement.settings.keys_dir)}
    api = processes.start("placement", "api", "--port", str(port), env=environment)

    async def is_live():
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/placement/health/live")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(is_live, timeout=30, what=api.log)

    asked = await asyncio.to_thread(
        ask_everything,
        f"http://127.0.0.1:{port}/placement/openapi.json",
        # It may do everything that there is to do.
        placement.token(Role.ADMIN, None),
        {
            "case_id": str(case_id),
            "unit_id": str(unit_id),
            "offer_id": offer["offer_id"],
            "placement_id": offer["offer_id"],
            "organisation": "zorggroep-oost",
        },
    )

    assert len(asked) == 17


def ask_everything(url, token, known):
    schema = schemathesis.openapi.from_url(url)
    operations = [operation for result in schema.get_all_operations() if not (operation := result.ok()).path.endswith(STREAMS)]
    asked = {}
    for operation in operations:
        end = time.monotonic() + LONGEST_SECONDS / len(operations)
        ask_one(operation, token, known, end, asked)
    return asked


def ask_one(operation, token, known, end, asked):
    name = (operation.method, operation.path)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case):
        if name in asked and time.monotonic() > end:
            return
        asked[name] = asked.get(name, 0) + 1
        # Half of the cases meet something that is there; of what is not, nothing but 404 can be asked.
        if case.path_parameters and asked[name] % 2:
            case.path_parameters = {parameter: known.get(parameter, value) for parameter, value in case.path_parameters.items()}
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=ASKED, timeout=10)

    ask()
