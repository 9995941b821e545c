"""Who the patient is: the only route that opens the vault."""

from uuid import UUID

from starlette.responses import Response

from chassis.http.answers import answer
from chassis.http.route import Router
from triage.application.reveal_patient import reveal_patient
from triage.entrypoints.api.views import PatientView, patient_view
from triage.entrypoints.api.wiring import IdentityReader, Served

router = Router(tags=["patient"])

# Neither a browser nor a proxy may keep it.
_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/cases/{case_id}/patient", response_model=PatientView, summary="Who the patient is")
async def get_patient(case_id: UUID, who: IdentityReader, served: Served) -> Response:
    """For whoever registered the contact, and for the provider that accepted the patient until the place is given up; each look is kept."""
    async with served.begin() as (_, work):
        identity = await reveal_patient(work, case_id, who, served.silence_limit)
    # After the commit: nobody sees what was not written down.
    return answer(200, patient_view(case_id, identity), headers=_NOT_KEPT)
