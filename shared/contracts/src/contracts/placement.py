"""What placement tells: who was asked, what they answered, and which places are held."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.codes import CareType, Cohort, Sector, Urgency
from contracts.event import Event
from contracts.topic import Topic

CaseId = Annotated[UUID, Field(description="The case, which is also the id of its request.")]
Round = Annotated[int, Field(description="The request's round; what belongs to an earlier one does nothing any more.")]
OfferId = Annotated[UUID, Field(description="The offer; its hold and its placement have the same id.")]


class OfferEnd(StrEnum):
    """Why an offer ended without an answer that counts."""

    EXPIRED = "EXPIRED"
    WITHDRAWN = "WITHDRAWN"


class RequestEnd(StrEnum):
    """Why a request ended."""

    ADMITTED = "ADMITTED"
    CANCELLED = "CANCELLED"
    DECEASED = "DECEASED"
    HANDED_OVER_112 = "HANDED_OVER_112"
    REPLACED = "REPLACED"


class EscalatedTo(StrEnum):
    """Who looks for a place from now on."""

    ROAZ = "ROAZ"
    LCPS = "LCPS"
    COORDINATOR = "COORDINATOR"


class AtUnit(Event):
    """What is common to events about a place at a unit: figures by region and provider are made of these."""

    case_id: CaseId
    round: Round
    offer_id: OfferId
    unit_id: UUID
    location_id: UUID
    organisation: str = Field(description="Whose unit it is; the provider that is asked.")
    sector: Sector
    care_type: CareType
    cohort: Cohort
    vr: str
    roaz: str

    @property
    def subject(self) -> str:
        return str(self.case_id)


class RequestOpenedV1(Event):
    """Placement has taken up a request."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.request-opened.v1"

    case_id: CaseId
    round: Round
    urgency: Urgency
    care_type: CareType
    cohort: Cohort
    region: str = Field(description="The VR in whose region a place is wanted.")
    roaz: str
    requested_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class OfferMadeV1(AtUnit):
    """A place is held and offered."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.offer-made.v1"

    is_automatic: bool = Field(description="Nobody acted in time, so the first candidate was asked.")
    made_at: AwareDatetime
    answer_by: AwareDatetime


class OfferAcceptedV1(AtUnit):
    """The provider takes the patient: the hold is now a placement, and its identity may be shown to this organisation."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.offer-accepted.v1"

    requested_at: AwareDatetime = Field(description="When the place was asked for, so that the time to place is known.")
    made_at: AwareDatetime
    accepted_at: AwareDatetime
    held_until: AwareDatetime = Field(description="The hold ends then, unless transport has left.")


class OfferDeclinedV1(AtUnit):
    """The provider does not take the patient."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.offer-declined.v1"

    reason: str = Field(description="A code of DeclineReason, or one that we do not know; describes.")
    made_at: AwareDatetime
    declined_at: AwareDatetime


class RefusalReportedV1(AtUnit):
    """A decline for a reason that is not valid there was refused, the offer stays open; told to the DPG of the unit's region."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.refusal-reported.v1"

    reason: str
    reported_at: AwareDatetime


class OfferEndedV1(AtUnit):
    """No answer in time, or the place or the patient is no longer asked for."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.offer-ended.v1"

    how: OfferEnd
    made_at: AwareDatetime
    due_at: AwareDatetime | None = Field(description="When it was due, which may be before it ended; null when withdrawn.")
    ended_at: AwareDatetime


class RequestEscalatedV1(Event):
    """Nobody in the regions asked so far has a place: wider it goes, at last to LCPS. The request stays open.

    To a coordinator goes what no search decides: the patient is on the way, or was sent on three times, and there is no room.
    """

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.request-escalated.v1"

    case_id: CaseId
    round: Round
    to: EscalatedTo
    region: str | None = Field(description="The ROAZ region that is looked in from now on; null when not a region.")
    escalated_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class TransportLeftV1(AtUnit):
    """The patient is on the way: the hold no longer ends by itself."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.transport-left.v1"

    left_at: AwareDatetime


class PatientAdmittedV1(AtUnit):
    """The patient is there, in the unit that is named, which may be another than was offered."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.patient-admitted.v1"

    requested_at: AwareDatetime
    admitted_at: AwareDatetime = Field(description="When it was true at the bedside.")


class RoomAnsweredV1(AtUnit):
    """Whether there still is room where the patient was accepted; without, a second place is sought while this one is kept."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.room-answered.v1"

    has_room: bool
    how: str = Field(description="PROVIDER, CLOSURE, SILENCE, FIGURES, or one that we do not know; describes.")
    answered_at: AwareDatetime


class PlacementReleasedV1(AtUnit):
    """The placement ends without admission: identity is no longer shown, the place is free."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.placement-released.v1"

    why: str = Field(description="CANCELLED, RELEASED, EXPIRED, MOVED, or one that we do not know; describes.")
    released_at: AwareDatetime


class RequestClosedV1(Event):
    """Nobody looks for a place for this case any more."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.request-closed.v1"

    case_id: CaseId
    round: Round
    how: RequestEnd
    closed_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.case_id)


class PlacementHeartbeatV1(Event):
    """Placement lives and this partition moves: whoever is silent about a release may not be read as "not released"."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.placement-heartbeat.v1"

    partition: int
    at: AwareDatetime

    @property
    def subject(self) -> str:
        return f"heartbeat/{self.partition}"


class Held(BaseModel):
    """One place that is held."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    hold_id: UUID
    status: Literal["OFFERED", "ACCEPTED", "UNDERWAY", "ADMITTED"]
    since: AwareDatetime
    until: AwareDatetime | None = Field(description="It ends by itself then; null once transport has left.")
    admitted_at: AwareDatetime | None = None


class Absorbed(BaseModel):
    """A hold of an admitted patient whom the provider's own figures contain from a version of the unit on."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    hold_id: UUID
    unit_version: int = Field(description="`ce_sequence` on `capacity.units.v1`; the hold counts until this version was seen.")


class HoldsChangedV1(Event):
    """All that is held of a unit: the whole state, an empty list when nothing is."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.placement.holds-changed.v1"

    unit_id: UUID
    holds: tuple[Held, ...] = Field(description="Each counts beside the provider's figures, unless the unit's `includes_holds` names it.")
    absorbed: tuple[Absorbed, ...] = Field(
        default=(), description="The newest ones, for readers that have not seen the unit's version yet."
    )
    full_since: AwareDatetime | None = Field(
        default=None, description="Declined with VOL then: nothing is free until an observation later than this."
    )
    changed_at: AwareDatetime

    @property
    def subject(self) -> str:
        return str(self.unit_id)


PLACEMENTS = Topic(
    name="placement.placements.v1",
    owner="placement",
    readers=("triage", "reporting"),
    events=(
        RequestOpenedV1,
        OfferMadeV1,
        OfferAcceptedV1,
        OfferDeclinedV1,
        RefusalReportedV1,
        OfferEndedV1,
        RequestEscalatedV1,
        RoomAnsweredV1,
        TransportLeftV1,
        PatientAdmittedV1,
        PlacementReleasedV1,
        RequestClosedV1,
        PlacementHeartbeatV1,
    ),
    key="case_id",
    description="Offers, answers, expiries, escalations, confirmations, admissions, releases; and a heartbeat a partition every 5 s.",
    retention=timedelta(days=30),
)

HOLDS = Topic(
    name="placement.holds.v1",
    owner="placement",
    readers=("capacity", "reporting"),
    events=(HoldsChangedV1,),
    key="unit_id",
    description="All active holds of a unit; an empty list when there is none.",
)
