"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio
import time

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

LONGEST_SECONDS = 45
ASKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


@schemathesis.serializer("application/x-ndjson")
def as_lines(_, value):
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value


async def test_the_api_keeps_its_own_document(capacity, api_process):
    location_id = await capacity.location()
    unit_id = await capacity.unit(location_id)
    await capacity.report(unit_id)
    address = await api_process()

    asked = await asyncio.to_thread(
        ask_everything, f"{address}/capacity/openapi.json", capacity.token(), {"location_id": location_id, "unit_id": unit_id}
    )

    assert len(asked) == 16


def ask_everything(url, token, known):
    schema = schemathesis.openapi.from_url(url)
    operations = [result.ok() for result in schema.get_all_operations()]
    asked = {}
    for operation in operations:
        # A stream never ends by itself; what it takes and refuses is asked of the board, which has the same filters.
        if operation.path.endswith("/stream"):
            continue
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
