"""What placement did day by day, and what of it this reader may see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chassis.database.sql import Database
from chassis.errors import Rejected
from chassis.security.auth import Caller
from chassis.security.roles import Role
from contracts.codes import Level
from contracts.geography import roaz_regions, safety_regions
from reporting.application.ports import PlacementCounts
from reporting.domain.days import Days
from reporting.domain.figure import Figure, Wanted
from reporting.domain.placements import MOST_DAYS, PlacementDay
from reporting.domain.small_placements import withheld

# Who works with the patients themselves sees small counts: everywhere, or in the region of their token.
_SEE_ALL = frozenset({Role.LCPS, Role.ADMIN})
_SEE_THEIR_REGION = frozenset({Role.COORDINATOR, Role.RCPS, Role.ROAZ, Role.DPG})


@dataclass(frozen=True, slots=True)
class PlacementRead:
    """A day of a figure, and whether the counts of patients in it are kept from this reader."""

    told: PlacementDay
    is_withheld: bool


@dataclass(frozen=True, slots=True)
class ReadPlacements:
    """Reads, and changes nothing."""

    database: Database
    counts: PlacementCounts

    async def __call__(self, wanted: Wanted, first: date | None, last: date | None, who: Caller) -> Sequence[PlacementRead]:
        """Read the days from the first to the last, both included; today when neither is given.

        Raises:
            Rejected: when the last lies before the first, or there are more than 31 of them.
        """
        async with self.database.begin() as tx:
            end = last or max(first or date.min, await self.counts.today(tx))
            days = Days(first or end, end)
            if not days:
                raise Rejected("no-days", "`to` lies before `from`.")
            if len(days) > MOST_DAYS:
                raise Rejected("too-many-days", f"At most {MOST_DAYS} days at once; ask for the others in another request.")
            # All regions, whatever was asked: what must be withheld of one depends on the others.
            told = await self.counts.read(tx, days, Wanted(sector=wanted.sector, care_type=wanted.care_type, cohort=wanted.cohort))
        small = frozenset() if who.role in _SEE_ALL else withheld(told)
        return [
            PlacementRead(one, (one.day, one.figure) in small and not _is_theirs(one.figure, who))
            for one in told
            if wanted.matches(one.figure)
        ]


def _is_theirs(figure: Figure, who: Caller) -> bool:
    if who.role not in _SEE_THEIR_REGION:
        return False
    if who.region in safety_regions():
        return figure.level is Level.VR and figure.region == who.region
    if who.region not in roaz_regions():
        return False
    # Of a veiligheidsregio that straddles several ROAZ regions, some patients are not theirs.
    lies_in = safety_regions()[figure.region].roaz if figure.region in safety_regions() else figure.region
    return figure.level is not Level.NL and lies_in == who.region
