"""What reporting tells: the national picture for LCPS, every current figure by region, sector, care type and cohort."""

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from contracts.codes import CareType, Cohort, Level, Sector
from contracts.event import Event
from contracts.topic import Topic


class FigureChangedV1(Event):
    """The beds of one region, sector, care type and cohort: a sum over its units."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.reporting.figure-changed.v1"

    figure: Literal["beds"] = "beds"
    level: Level
    region: str = Field(description="`NL`, a ROAZ region (`NN`), a veiligheidsregio (`VR03`), or `ONBEKEND` so that sums close.")
    sector: Sector
    care_type: CareType
    cohort: Cohort
    total: int | None = Field(
        description="The sum over the units where it is known; null only when it is known of none. So are the next three."
    )
    open: int | None
    occupied: int | None
    reserved: int | None
    free: int | None = Field(description="The sum of the units' own free places.")
    held: int = Field(description="Places held through placement.")
    available: int | None = Field(description="The sum of max(0, free - held) of each unit.")
    units: int = Field(description="How many units there are; 0 is published as such.")
    units_known: int = Field(description="Of how many units `free` is known.")
    oldest_observed_at: AwareDatetime | None = Field(description="The oldest observation that is counted.")
    newest_observed_at: AwareDatetime | None = Field(default=None, description="The newest observation that is counted.")
    incomplete: bool = Field(default=False, description="An event behind this figure is parked.")

    @property
    def subject(self) -> str:
        return f"{self.figure}/{self.level}/{self.region}/{self.sector}/{self.care_type}/{self.cohort}"


class HeartbeatV1(Event):
    """Reporting lives and this partition moves: a quiet country is not a dead stream."""

    ce_type: ClassVar[str] = "nl.zorgcoordinatie.reporting.heartbeat.v1"

    partition: int
    at: AwareDatetime

    @property
    def subject(self) -> str:
        return f"heartbeat/{self.partition}"


NATIONAL = Topic(
    name="reporting.national.v1",
    owner="reporting",
    readers=("reporting", "lcps"),
    events=(FigureChangedV1, HeartbeatV1),
    key="figure",
    description="The national stream: every current figure, and a heartbeat a partition every 5 s.",
)

PHASES = Topic(
    name="reporting.phases.v1",
    owner="reporting",
    readers=("triage", "placement"),
    events=(),
    key="region",
    description="The phase in force.",
)
