"""What the answers look like, for those who read the generated documents."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from contracts.codes import CareType, Cohort, Level, Sector
from contracts.reporting import FigureChangedV1


class FigureView(FigureChangedV1):
    """One figure of the national picture."""

    version: int = Field(description="Grows with every change; drop what is older than what you have.")
    suppressed: bool = Field(default=False, description="`occupied`, `free` and `available` are withheld because a count is too small.")


class NationalView(BaseModel):
    """The national picture as a whole."""

    id: str = Field(description="How far this reaches; as `Last-Event-ID` the stream goes on from here.")
    now: datetime = Field(description="The server's time, from which ages are counted.")
    heard_at: datetime | None = Field(description="When the stream behind this last gave a sign of life; older than 12 s is an outage.")
    items: list[FigureView]


class PlacementFigureView(BaseModel):
    """What placement did on one local day, in one region, sector, care type and cohort: those of the unit when it happened."""

    figure: Literal["placements"] = "placements"
    day: date = Field(description="The local calendar day (Europe/Amsterdam) on which it happened.")
    level: Level
    region: str = Field(description="`NL`, a ROAZ region, a veiligheidsregio, or `ONBEKEND` so that sums close.")
    sector: Sector
    care_type: CareType
    cohort: Cohort
    offers: int | None = Field(description="Offers made; null only when withheld, as the other counts that may be.")
    accepted: int | None
    declined: int
    declined_by_reason: dict[str, int] = Field(description="By code; `ONBEKEND` for reasons that we do not know.")
    expired: int = Field(description="Nobody answered in time; counted on the day of the answer deadline.")
    withdrawn: int
    admitted: int | None
    released: int | None = Field(description="Placements that ended without admission.")
    mean_seconds_to_place: float | None = Field(
        description="From request to acceptance, by day of acceptance; null when none was accepted."
    )
    suppressed: bool = Field(default=False, description="Counts of patients are withheld because one of them is too small.")


class PlacementsView(BaseModel):
    """What placement did, day by day."""

    now: datetime = Field(description="The server's time.")
    items: list[PlacementFigureView] = Field(description="By day and figure; where nothing happened on a day there is no item.")


class CellView(BaseModel):
    """A cell of the feed and what is behind it."""

    value: int | None = Field(description="As in the CSV; null where the cell is empty.")
    hospitals_reported: int
    hospitals: int = Field(description="How many could report today.")
    units_reported: int = Field(description="Units that said something of that day; 0 for admissions told without their unit.")
    units_known: int = Field(description="Of how many units, or admissions, the number is known.")
    units: int


class DayView(BaseModel):
    """A day of the feed."""

    date: date
    said_at: datetime | None = Field(description="When this was last said anew; null when nothing was ever said of this day.")
    columns: dict[str, CellView] = Field(description="By the feed's own column names.")


class FeedView(BaseModel):
    """The LCPS daily feed with what is behind each cell."""

    items: list[DayView]
