"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio
import time

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

LONGEST_SECONDS = 30


async def test_the_api_keeps_its_own_document(country, start_api) -> None:
    await country.says("VR03")
    client = await start_api()
    base = str(client.http.base_url)
    headers = client.token()

    await asyncio.to_thread(ask_everything, base, headers)


def ask_everything(base: str, headers: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_url(f"{base}/reporting/openapi.json")
    end = time.monotonic() + LONGEST_SECONDS
    asked = set()

    for result in schema.get_all_operations():
        operation = result.ok()
        # A stream never ends by itself: what it refuses is asked elsewhere.
        if operation.path.endswith("/stream"):
            continue

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def ask(case) -> None:
            if time.monotonic() < end:
                # No schema says that `to` lies after `from`, or which regions a level has: some of what it allows is refused.
                case.call_and_validate(headers=headers, timeout=10, excluded_checks=[positive_data_acceptance])
                asked.add(case.path)

        ask()
    assert asked == {"/reporting/v1/national", "/reporting/v1/feeds/lcps.csv", "/reporting/v1/feeds/lcps.json"}
