"""Adding figures up for the page, by the rule by which reporting made them. `static/sums.js` does the same in the browser."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.codes import CareType, Cohort, Sector
from reporting.entrypoints.web.picture import FigureView

# From the product's parameters: the age at which a figure can no longer be trusted, by care type first, then by sector.
CARE_TYPE_LIMITS: Mapping[CareType, timedelta] = {
    CareType.IC: timedelta(hours=1),
    CareType.KLINIEK: timedelta(hours=1),
    CareType.SEH: timedelta(hours=1),
    CareType.GGZ_CRISIS: timedelta(hours=4),
    CareType.CORONACENTRUM: timedelta(hours=4),
}
SECTOR_LIMITS: Mapping[Sector, timedelta] = {Sector.TIJDELIJKE_LOCATIE: timedelta(hours=4), Sector.VVT: timedelta(hours=12)}
OTHER_LIMIT = timedelta(hours=24)

# Reporting takes an aged unit off by itself; only when it has not done so by now, the page stops believing the whole figure.
GRACE = timedelta(seconds=15)

# From which share of the open places a tile is tinted deeper.
LEVELS = (0.05, 0.1, 0.2)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which figures to add up; None takes all of that kind."""

    region: str | None = None
    sector: Sector | None = None
    care_type: CareType | None = None
    cohort: Cohort | None = None

    def matches(self, figure: FigureView) -> bool:
        return (
            (self.region is None or figure.region == self.region)
            and (self.sector is None or figure.sector == self.sector)
            and (self.care_type is None or figure.care_type == self.care_type)
            and (self.cohort is None or figure.cohort == self.cohort)
        )


@dataclass(frozen=True, slots=True)
class Sum:
    """Some figures together. A count is the sum of what is known and None only when it is known of none: unknown is never 0."""

    total: int | None = None
    open: int | None = None
    occupied: int | None = None
    reserved: int | None = None
    free: int | None = None
    available: int | None = None
    held: int = 0
    units: int = 0
    units_known: int = 0
    oldest_observed_at: datetime | None = None
    newest_observed_at: datetime | None = None
    incomplete: bool = False

    @property
    def is_patchy(self) -> bool:
        """Whether more than one in ten units is missing: of a thousand units some are always late, and a mark must mean something."""
        return (self.units - self.units_known) * 10 > self.units

    @property
    def share_available(self) -> float | None:
        """Which part of the open places can be had, 0 to 1."""
        return self.available / self.open if self.available is not None and self.open else None

    @property
    def share_occupied(self) -> float | None:
        """Which part of the open places is taken, 0 to 1."""
        return min(1.0, self.occupied / self.open) if self.occupied is not None and self.open else None


def age_limit(figure: FigureView) -> timedelta:
    return CARE_TYPE_LIMITS.get(figure.care_type) or SECTOR_LIMITS.get(figure.sector) or OTHER_LIMIT


def is_too_old(figure: FigureView, now: datetime) -> bool:
    """Whether something in this figure is past its age limit although reporting has not taken it off."""
    return figure.oldest_observed_at is not None and now > figure.oldest_observed_at + age_limit(figure) + GRACE


def add_up(figures: Iterable[FigureView], selection: Selection, now: datetime) -> Sum:
    """The sum of the selected figures, which must be of one level: the country and the ROAZ regions hold the same units again."""
    chosen = [figure for figure in figures if selection.matches(figure)]
    trusted = [figure for figure in chosen if not is_too_old(figure, now)]
    return Sum(
        total=_known(figure.total for figure in trusted),
        open=_known(figure.open for figure in trusted),
        occupied=_known(figure.occupied for figure in trusted),
        reserved=_known(figure.reserved for figure in trusted),
        free=_known(figure.free for figure in trusted),
        available=_known(figure.available for figure in trusted),
        held=sum(figure.held for figure in chosen),
        units=sum(figure.units for figure in chosen),
        units_known=sum(figure.units_known for figure in trusted),
        oldest_observed_at=min((figure.oldest_observed_at for figure in trusted if figure.oldest_observed_at), default=None),
        newest_observed_at=max((figure.newest_observed_at for figure in trusted if figure.newest_observed_at), default=None),
        incomplete=any(figure.incomplete for figure in chosen),
    )


def level_of(share_available: float | None) -> int:
    """How deep a tile is tinted, 0 to 3; the number beside it says the same exactly."""
    return bisect_right(LEVELS, share_available) if share_available is not None else 0


def _known(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
