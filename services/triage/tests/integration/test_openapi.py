"""Everything that the generated document says may be asked is asked, and nothing unexpected comes back."""

import asyncio

from chassis.security.roles import Role
from chassis.testing.apis import started_api
from chassis.testing.documents import ask_everything


async def test_the_api_keeps_its_own_document(triage, processes):
    case = await triage.register()
    await triage.put_wishes(case)
    address = await started_api(processes, "triage", triage.settings)
    known = {"case_id": case.case_id, "name": "basistriage-voorbeeld", "version": "2026.1"}

    asked = await asyncio.to_thread(ask_everything, f"{address}/triage/openapi.json", triage.token(Role.TRIAGIST), known)

    assert len(asked) == 11
