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
STREAM = "/triage/v1/cases/stream"
ASKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


async def test_the_api_keeps_its_own_document(triage, processes):
    case = await triage.register()
    await triage.put_wishes(case)
    port = free_port()
    environment = {"DATABASE_URL": triage.settings.database_url, "KEYS_DIR": str(triage.settings.keys_dir)}
    api = processes.start("triage", "api", "--port", str(port), env=environment)

    async def is_live():
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/triage/health/live")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(is_live, timeout=30, what=api.log)
    known = {"case_id": case.case_id, "name": "basistriage-voorbeeld", "version": "2026.1"}

    asked = await asyncio.to_thread(ask_everything, f"http://127.0.0.1:{port}/triage/openapi.json", triage.token(Role.TRIAGIST), known)

    assert len(asked) == 11


def ask_everything(url, token, known):
    schema = schemathesis.openapi.from_url(url)
    # A stream does not end, so nobody can hold its answer to anything; its own test reads it.
    operations = [operation for result in schema.get_all_operations() if (operation := result.ok()).path != STREAM]
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
