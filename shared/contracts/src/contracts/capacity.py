"""What capacity tells: observations, units and flows, and what providers put on Kafka themselves."""

from datetime import timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.codes import CareType, Cohort, FlowKind, Sector, Source
from contracts.event import Event
from contracts.topic import Topic

Count = int | None
"""A number of places; None is unknown, which is neither 0 nor free."""
Field_ = Literal["total", "open", "occupied", "reserved"]
FIGURE_FIELDS: tuple[Field_, ...] = ("total", "open", "occupied", "reserved")

Total = Annotated[Count, Field(description="The places that there are.")]
Open = Annotated[Count, Field(description="Of these, staffed and equipped, free or not.")]
Occupied = Annotated[Count, Field(description="Of the open ones, with a patient.")]
Reserved = Annotated[
    Count, Field(description="Of the open ones, kept by the provider itself; what is held through placement is not among them.")
]
Municipality = Annotated[str | None, Field(description="`GM0119`, as it went at the time; null where only the VR is known.")]
Vr = Annotated[str, Field(description="The veiligheidsregio, `VR03`.")]
Roaz = Annotated[str, Field(description="The ROAZ region, `ZW`; `ONBEKEND` where only a VR that straddles several is known.")]
ReportId = Annotated[UUID, Field(description="The sender's own id of the report; a correction carries the same with a higher revision.")]
Revision = Annotated[int, Field(description="The highest revision counts.")]
Retracted = Annotated[bool, Field(description="This revision takes it back.")]
ObservedAt = Annotated[AwareDatetime, Field(description="When it was true at the bedside.")]
RecordedAt = Annotated[AwareDatetime, Field(description="When it was known to us.")]
Reason = Annotated[str | None, Field(description="Why places are closed, as sent: a code of ClosedReason or one that we do not know.")]


class ObservationRecordedV1(Event):
    """An accepted report, correction or retraction, as it came, also when it does not change the current figure.

    Daily feeds and history are made of these, so each carries the place it was in at the time: a unit that moves later does not
    take its old days along.
    """

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.capacity.observation-recorded.v1"

    report_id: ReportId
    revision: Revision
    retracted: Retracted
    unit_id: UUID
    location_id: UUID
    sector: Sector
    care_type: CareType
    cohort: Cohort
    municipality: Municipality
    vr: Vr
    roaz: Roaz
    source: Source
    observed_at: ObservedAt
    recorded_at: RecordedAt
    stated: tuple[Field_, ...] = Field(
        description="The figures that the report states; a stated null is unknown, what is not stated keeps its value."
    )
    total: Total = None
    open: Open = None
    occupied: Occupied = None
    reserved: Reserved = None

    @property
    def subject(self) -> str:
        return str(self.unit_id)


class UnitChangedV1(Event):
    """The whole state of a unit: registry data and current figures."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.capacity.unit-changed.v1"

    unit_id: UUID
    location_id: UUID
    location_name: str
    name: str
    organisation: str
    sector: Sector
    care_type: CareType
    cohort: Cohort
    municipality: Municipality
    vr: Vr
    roaz: Roaz
    latitude: float | None
    longitude: float | None
    phone: str | None
    features: dict[str, bool | int | float | str] = Field(description="What the unit can do; the keys are those of a request's needs.")
    total: Total
    open: Open
    occupied: Occupied
    reserved: Reserved
    free: Count = Field(
        description="The lowest of any fresh source; open - occupied - reserved of one source, 0 at the least in conflict, null while unknown."
    )
    closed_reason: Reason
    source: Source | None = Field(description="Whose total, open, occupied and reserved these are.")
    observed_at: AwareDatetime | None = Field(description="The oldest observation behind the figures shown; null while nothing is known.")
    fresh_until: AwareDatetime | None = Field(description="From then on every reader treats the figures as unknown by its own clock.")
    age_limit_seconds: int
    conflict: bool = Field(description="Fresh sources differ, or what they say together breaks a rule.")
    warnings: tuple[str, ...]
    recorded_at: RecordedAt
    occupied_reported_at: AwareDatetime | None = Field(
        default=None,
        description="The newest observation by a report that states `occupied` itself; no confirmation, import or flow is one.",
    )
    includes_holds: tuple[UUID, ...] = Field(
        default=(), description="Held places that the figures shown already contain, as the provider says."
    )

    @property
    def subject(self) -> str:
        return str(self.unit_id)


class FlowRecordedV1(Event):
    """Patients who came, moved, could leave or left."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.capacity.flow-recorded.v1"

    flow_id: UUID
    revision: Revision
    retracted: Retracted
    source: Source
    location_id: UUID
    unit_id: UUID | None
    sector: Sector
    kind: FlowKind
    care_type: CareType
    cohort: Cohort
    municipality: Municipality
    vr: Vr
    roaz: Roaz
    occurred_at: AwareDatetime = Field(description="When it happened.")
    recorded_at: RecordedAt
    destination: str | None = Field(description="Where the patient went, as sent: a code of Destination or one that we do not know.")
    count: int = Field(description="How many patients; 0 says that there were none.")

    @property
    def subject(self) -> str:
        return str(self.location_id)


class ReportV1(Event):
    """A report that a provider put on Kafka itself: the body of `POST /capacity/v1/reports`, with `observed_at`.

    What it states is checked by the same rules as the API's; this class only says what the body looks like. A figure that is left
    out keeps its value; null says that it is unknown.
    """

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.capacity.report.v1"

    report_id: ReportId
    revision: Revision = 0
    retracted: Retracted = False
    unit_id: UUID
    source: Source
    observed_at: ObservedAt
    total: Total = None
    open: Open = None
    occupied: Occupied = None
    reserved: Reserved = None
    closed_reason: Reason = None
    includes_holds: tuple[UUID, ...] = Field(default=(), description="The held places that these figures already contain.")

    @property
    def subject(self) -> str:
        return str(self.unit_id)

    def body(self) -> bytes:
        # What the sender left out keeps its value; a null would make it unknown.
        return self.model_dump_json(exclude_unset=True).encode()


REPORTS = Topic(
    name="capacity.reports.v1",
    owner="capacity",
    readers=("capacity",),
    events=(ReportV1,),
    key="unit_id",
    description="Reports that providers put on Kafka themselves, with their token in header `authorization`.",
    retention=timedelta(days=14),
    append_time=True,
    versioned=False,
)

OBSERVATIONS = Topic(
    name="capacity.observations.v1",
    owner="capacity",
    readers=("reporting",),
    events=(ObservationRecordedV1,),
    key="unit_id",
    description="Every accepted observation and correction, with both times.",
    retention=timedelta(days=30),
)

UNITS = Topic(
    name="capacity.units.v1",
    owner="capacity",
    readers=("placement", "reporting"),
    events=(UnitChangedV1,),
    key="unit_id",
    description="The current state of every unit.",
)

FLOWS = Topic(
    name="capacity.flows.v1",
    owner="capacity",
    readers=("reporting",),
    events=(FlowRecordedV1,),
    key="location_id",
    description="ED arrivals, admissions, transfers, ready for discharge and discharges.",
    retention=timedelta(days=30),
)

STOPS = Topic(
    name="capacity.stops.v1",
    owner="capacity",
    readers=("placement", "reporting"),
    events=(),
    key="location_id",
    description="Stops declared, confirmed, ended and expired.",
    retention=timedelta(days=30),
)
