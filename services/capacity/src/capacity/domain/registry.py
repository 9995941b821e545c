"""Who gives care where: locations and their units, a ward with two cohorts being two units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from capacity.domain.rules import Breach, RuleBroken
from contracts.codes import CareType, Cohort, Sector
from contracts.geography import Place, UnknownPlace, place_of_municipality, place_of_vr

Features = Mapping[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class Location:
    """A place of an organisation where care is given."""

    location_id: UUID
    version: int
    name: str
    organisation: str
    sector: Sector
    municipality: str | None
    """As it was given: a merged municipality goes on under its successor, but its old days keep the old region."""
    vr: str
    roaz: str
    latitude: float | None
    longitude: float | None
    phone: str | None
    external_id: str | None

    def place(self, day: date) -> Place:
        """Where it counts on a day: municipalities merge, and old days keep the old region."""
        if self.municipality is None:
            return Place(None, self.vr, self.roaz)
        try:
            return place_of_municipality(self.municipality, day)
        except UnknownPlace:
            # It was divided since. Until someone says in which part the location lies, it counts where it did.
            return Place(self.municipality, self.vr, self.roaz)


@dataclass(frozen=True, slots=True)
class Registration:
    """What the register says about a unit."""

    unit_id: UUID
    location_id: UUID
    organisation: str
    name: str
    care_type: CareType
    cohort: Cohort
    features: Features
    external_id: str | None


def placed(municipality: str | None, vr: str | None, today: date) -> Place:
    """Where a location counts, by its municipality or, when only that is known, its veiligheidsregio.

    Raises:
        RuleBroken: `unknown-place`, `place-missing`, or `place-contradicts` when both are given and do not agree.
    """
    if municipality is None and vr is None:
        raise RuleBroken(
            "place-missing", "A location lies in a municipality or a veiligheidsregio.", Breach("/municipality", "is needed, or vr")
        )
    try:
        place = place_of_vr(vr) if municipality is None and vr is not None else place_of_municipality(municipality or "", today)
    except UnknownPlace as unknown:
        pointer = "/vr" if municipality is None else "/municipality"
        raise RuleBroken("unknown-place", "There is no such place.", Breach(pointer, str(unknown))) from None
    if vr is not None and place.vr != vr:
        raise RuleBroken(
            "place-contradicts", "The municipality lies in another veiligheidsregio.", Breach("/vr", "is not that of the municipality")
        )
    return place
