"""What people and systems send: the shape of it; what it means is judged by the use cases."""

from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import (
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    Tag,
)
from pydantic.functional_validators import model_validator

from capacity.application.forms import LocationForm, UnitForm
from capacity.domain.flow import Flow
from capacity.domain.report import ClosedBecause, SentReport
from chassis.http.forms import Form, Instant
from contracts.capacity import FIGURE_FIELDS, Field_
from contracts.codes import CareType, Cohort, FlowKind, Sector, Source

_MOST_PLACES = 100_000
_LARGEST_REVISION = 2**31 - 1
_OLDEST_SECONDS = 20 * 366 * 86_400


Places = Annotated[StrictInt, Field(ge=0, le=_MOST_PLACES)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Revision = Annotated[
    StrictInt, Field(ge=0, le=_LARGEST_REVISION, description="The highest counts, so a correction is the same id with a higher one.")
]


class ReportForm(Form):
    """What is true at the bedside. A field left out keeps its value, `null` means unknown."""

    report_id: UUID = Field(description="The sender's own; the same id and revision counts once.")
    revision: Revision = 0
    retracted: StrictBool = Field(default=False, description="Takes the report back.")
    unit_id: UUID
    source: Source
    observed_at: Instant | None = Field(default=None, description="When it was true at the bedside; this or `age_seconds`.")
    age_seconds: Annotated[float, Field(ge=0, le=_OLDEST_SECONDS, strict=True)] | None = Field(
        default=None, description="How long ago it was true, for phones whose clock is not to be trusted."
    )
    total: Places | None = None
    open: Places | None = Field(default=None, description="Staffed and equipped.")
    occupied: Places | None = None
    reserved: Places | None = Field(default=None, description="Kept by the provider itself.")
    closed_reason: Text | None = Field(
        default=None, description="A code that is not known becomes `ONBEKEND`, with what was sent beside it."
    )
    includes_holds: Annotated[tuple[UUID, ...], Field(max_length=1000)] = Field(
        default=(), description="Held places that these figures already contain."
    )

    @model_validator(mode="after")
    def _has_a_time(self) -> "ReportForm":
        if (self.observed_at is None) == (self.age_seconds is None):
            raise ValueError("observed_at or age_seconds is needed, and only one of them")
        return self

    def sent(self) -> SentReport:
        """As the domain knows it."""
        stated = self.model_fields_set
        return SentReport(
            report_id=self.report_id,
            revision=self.revision,
            is_retracted=self.retracted,
            unit_id=self.unit_id,
            source=self.source,
            observed_at=self.observed_at,
            age_seconds=self.age_seconds,
            figures=cast("dict[Field_, int | None]", {field: getattr(self, field) for field in FIGURE_FIELDS if field in stated}),
            closed=ClosedBecause(self.closed_reason) if "closed_reason" in stated else None,
            includes_holds=self.includes_holds,
        )


class FlowForm(Form):
    """Patients who came, moved, could leave or left."""

    flow_id: UUID = Field(description="The sender's own; the same id and revision counts once.")
    revision: Revision = 0
    retracted: StrictBool = Field(default=False, description="Takes the flow back.")
    source: Source
    location_id: UUID
    unit_id: UUID | None = Field(default=None, description="The unit that is entered or left; its occupied places follow.")
    kind: FlowKind
    care_type: CareType
    cohort: Cohort
    occurred_at: Instant
    destination: Text | None = Field(default=None, description="A code that is not known becomes `ONBEKEND`, with what was sent beside it.")
    count: Places = Field(default=1, description="1 unless aggregated; 0 says that there were none.")

    def sent(self) -> Flow:
        """As the domain knows it."""
        return Flow(
            flow_id=self.flow_id,
            revision=self.revision,
            is_retracted=self.retracted,
            source=self.source,
            location_id=self.location_id,
            unit_id=self.unit_id,
            kind=self.kind,
            care_type=self.care_type,
            cohort=self.cohort,
            occurred_at=self.occurred_at,
            destination_sent=self.destination,
            count=self.count,
        )


def _one_or_list(value: Any) -> str:
    return "list" if isinstance(value, list) else "one"


Reports = Annotated[Annotated[ReportForm, Tag("one")] | Annotated[list[ReportForm], Tag("list")], Discriminator(_one_or_list)]
Flows = Annotated[Annotated[FlowForm, Tag("one")] | Annotated[list[FlowForm], Tag("list")], Discriminator(_one_or_list)]


class FeaturesForm(Form):
    """What a place offers; the keys are those of a placement's `needs`."""

    isolation: StrictBool | None = None
    oxygen_l_min: Annotated[float, Field(ge=0, le=100, strict=True)] | None = None
    wzd: StrictBool | None = None
    lift: StrictBool | None = None
    night_nursing: StrictBool | None = None
    palliative: StrictBool | None = None


Latitude = Annotated[float, Field(ge=-90, le=90, strict=True)]
Longitude = Annotated[float, Field(ge=-180, le=180, strict=True)]
Municipality = Annotated[str, StringConstraints(pattern=r"^GM[0-9]{4}$")]
SafetyRegion = Annotated[str, StringConstraints(pattern=r"^VR[0-9]{2}$")]


class LocationChange(Form):
    """What changes about a location: only what is stated."""

    name: Text = ""
    sector: Sector = Sector.VVT
    municipality: Municipality | None = Field(default=None, description="A merged one stands for its successor.")
    vr: SafetyRegion | None = Field(default=None, description="Only when the municipality is not known.")
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    phone: Text | None = None

    def stated(self) -> LocationForm:
        """As the use case knows it."""
        return cast("LocationForm", {name: getattr(self, name) for name in self.model_fields_set})


class NewLocation(LocationChange):
    """A location; an external id that is known already updates it."""

    name: Text
    sector: Sector
    organisation: Text | None = Field(default=None, description="Default: the token's `org`; another is refused.")
    external_id: Text | None = Field(default=None, description="AGB or URA: posting it again updates.")


class UnitChange(Form):
    """What changes about a unit: only what is stated."""

    location_id: UUID = UUID(int=0)
    name: Text = ""
    care_type: CareType = CareType.ELV_LAAG
    cohort: Cohort = Cohort.GEEN
    features: FeaturesForm | None = None

    def stated(self) -> UnitForm:
        """As the use case knows it."""
        form = {name: getattr(self, name) for name in self.model_fields_set}
        if "features" in form:
            form["features"] = self.features.model_dump(exclude_none=True) if self.features else {}
        return cast("UnitForm", form)


class NewUnit(UnitChange):
    """A unit; an external id that is known already updates it."""

    location_id: UUID
    name: Text
    care_type: CareType
    cohort: Cohort
    external_id: Text | None = Field(default=None, description="The sender's own: posting it again updates.")


class BatchUnit(NewUnit):
    """A unit in a batch, which may name its location by the sender's own id, so that one file brings in both."""

    location_id: UUID = UUID(int=0)
    location_external_id: Text | None = None
    organisation: Text | None = Field(default=None, description="Whose the location is; default: the token's `org`.")

    @model_validator(mode="after")
    def _has_a_location(self) -> "BatchUnit":
        if "location_id" not in self.model_fields_set and self.location_external_id is None:
            raise ValueError("location_id or location_external_id is needed")
        return self
