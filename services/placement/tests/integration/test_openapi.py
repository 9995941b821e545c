"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio

from chassis.security.roles import Role
from chassis.testing.apis import started_api
from chassis.testing.documents import ask_everything


async def test_the_api_keeps_its_own_document(placement, processes):
    unit_id = await placement.unit(free=3)
    case_id = await placement.request()
    offer = await placement.offer(case_id, unit_id)
    address = await started_api(processes, "placement", placement.settings)

    asked = await asyncio.to_thread(
        ask_everything,
        f"{address}/placement/openapi.json",
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

    assert len(asked) == 18
