"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio

import schemathesis

from chassis.testing.documents import ask_everything


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
