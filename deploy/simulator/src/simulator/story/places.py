"""The story's own providers: fixed, so that a second telling registers nothing new, and of a kind that the simulated day has none of.

So the one figure of the national picture that the story looks at is moved by the story alone.
"""

from dataclasses import dataclass

from contracts.codes import CareType, Cohort, Sector, Source
from simulator.world import Location, Unit

VR = "VR05"
ROAZ = "EU"
SECTOR = Sector.VVT
CARE_TYPE = CareType.ELV_HOOG
COHORT = Cohort.COVID_POS
FIGURE = f"beds/VR/{VR}/{SECTOR}/{CARE_TYPE}/{COHORT}"
PATIENTS_MUNICIPALITY = "GM0153"

BEDS = 12


@dataclass(frozen=True, slots=True)
class Home:
    """A made-up nursing home with one unit."""

    location: Location
    free: int
    """So many of its beds are free when the story begins, beside those that an earlier telling left held."""

    @property
    def unit(self) -> Unit:
        return self.location.units[0]


def _home(number: int, name: str, municipality: str, free: int) -> Home:
    external_id = f"VERHAAL-{number}"
    unit = Unit(f"{external_id}/{CARE_TYPE}/{COHORT}", "Cohortafdeling ELV", CARE_TYPE, COHORT, BEDS, 0.0)
    location = Location(
        external_id=external_id,
        name=name,
        organisation=f"verhaal-zorggroep-{number}",
        sector=SECTOR,
        vr=VR,
        municipality=municipality,
        source=Source.PLANNER,
        units=(unit,),
    )
    return Home(location, free)


# In the patient's own municipality, elsewhere in the region, and one without a place.
HOMES = (
    _home(1, "Huize De Vertelling", PATIENTS_MUNICIPALITY, 3),
    _home(2, "Zorghuis Het Tweede Blad", "GM0141", 2),
    _home(3, "Residentie Slotakkoord", "GM0164", 0),
)
