"""What triage tells: what a case needs and what became of it, never who it is."""

from datetime import timedelta
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.codes import CallerRole, CareType, Channel, ClosureOutcome, Cohort, Origin, Urgency
from contracts.event import Event
from contracts.topic import Topic

CaseId = Annotated[UUID, Field(description="Random, and all that the other services know of a person.")]
Municipality = Annotated[str | None, Field(description="`GM0119`; null where only the VR is known.")]
Vr = Annotated[str, Field(description="The veiligheidsregio, `VR03`.")]
Roaz = Annotated[str, Field(description="The ROAZ region, `ZW`; `ONBEKEND` where only a VR that straddles several is known.")]
Needs = Annotated[
    dict[str, bool | int | float | str],
    Field(description="What the place must offer: `isolation`, `oxygen_l_min`, `wzd`, `lift`, `night_nursing`, `palliative`."),
]


class CaseRegisteredV1(Event):
    """Somebody called about a patient."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.triage.case-registered.v1"

    case_id: CaseId
    channel: Channel
    caller_role: CallerRole
    origin: Origin | None = Field(description="Where the patient is; null while unknown.")
    municipality: Municipality
    vr: Vr
    roaz: Roaz
    registered_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class CaseAssessedV1(Event):
    """The protocol gave an urgency; assessed again, the newest counts."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.triage.case-assessed.v1"

    case_id: CaseId
    urgency: Urgency
    actions: tuple[str, ...] = Field(description="What to do (vervolgacties), as the protocol says it; codes that describe.")
    protocol: str
    protocol_version: str
    complaint: str = Field(description="The id of the complaint in the protocol pack, not what the caller said.")
    criterion: str | None = Field(description="The id of the criterion that decided; null when none applied.")
    assessed_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class PlacementRequestedV1(Event):
    """A case needs a place; what it needs, never who it is."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.triage.placement-requested.v1"

    case_id: CaseId
    round: int = Field(description="1, and one higher each time the case asks again; what belongs to an earlier round does nothing.")
    urgency: Urgency = Field(description="NTS scale; U0 and U1 never reach placement.")
    is_assessed: bool = Field(description="The urgency comes from a protocol; false when it is the asker's own.")
    care_type: CareType
    cohort: Cohort
    place_by: AwareDatetime
    region: str = Field(description="The VR in whose region a place is wanted.")
    roaz: Roaz
    municipality: Municipality
    origin: Origin | None
    organisation: str | None = Field(description="Who asks: the `org` of the token, so that it can follow its own requests.")
    needs: Needs
    target_group: int | None = Field(description="1-5 as in the regional approach for vulnerable patients; null when not given.")
    requested_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class CaseHandedOverV1(Event):
    """Immediate danger to life (U0, U1): handed over to 112 in the same call. A request for a place ends with it."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.triage.case-handed-over.v1"

    case_id: CaseId
    urgency: Urgency
    handed_over_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class CaseClosedV1(Event):
    """Triage has done its part; unless the outcome is that a place was found, a request for a place ends with it."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.triage.case-closed.v1"

    case_id: CaseId
    outcome: ClosureOutcome
    closed_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


CASES = Topic(
    name="triage.cases.v1",
    owner="triage",
    readers=("placement", "reporting"),
    events=(CaseRegisteredV1, CaseAssessedV1, PlacementRequestedV1, CaseHandedOverV1, CaseClosedV1),
    key="case_id",
    description="Registered, assessed, placement requested, handed over to 112, closed.",
    retention=timedelta(days=30),
)
