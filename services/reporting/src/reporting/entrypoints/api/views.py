"""What the answers look like, for those who read the generated documents."""

from datetime import date, datetime

from pydantic import BaseModel, Field

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
