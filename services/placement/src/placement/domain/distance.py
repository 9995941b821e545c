"""How near a place is to where it is wanted, in steps of region.

No source that we may use gives the centre of a municipality, and kilometres from the middle of a whole region would look exacter than
they are: in Utrecht they would send every patient to the city.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache

from contracts.geography import UNKNOWN_ROAZ, Place, all_municipalities, roaz_regions
from placement.domain.unit import Unit


class Nearness(StrEnum):
    """The smallest region that two places share, or whether their regions are neighbours; the nearest first."""

    GEMEENTE = "GEMEENTE"
    VEILIGHEIDSREGIO = "VEILIGHEIDSREGIO"
    ROAZ = "ROAZ"
    BUURREGIO = "BUURREGIO"
    ELDERS = "ELDERS"


def nearness(wanted: Place, offered: Place | Unit) -> Nearness:
    """How near the one place is to the other; as near as what is known of them says."""
    if wanted.municipality is not None and wanted.municipality == offered.municipality:
        return Nearness.GEMEENTE
    return _between(wanted.vr, wanted.roaz, offered.vr, offered.roaz)


def possible_roaz(vr: str, roaz: str) -> frozenset[str]:
    """The ROAZ regions in which a place can lie: one, or all that its VR straddles while its municipality is not known."""
    return frozenset({roaz}) if roaz != UNKNOWN_ROAZ else _roaz_of_vrs().get(vr, frozenset())


# Every pair of regions in the country is a few hundred; the limit is for codes that are none.
@lru_cache(maxsize=4096)
def _between(vr: str, roaz: str, other_vr: str, other_roaz: str) -> Nearness:
    if vr == other_vr:
        return Nearness.VEILIGHEIDSREGIO
    ours, theirs = possible_roaz(vr, roaz), possible_roaz(other_vr, other_roaz)
    if ours & theirs:
        return Nearness.ROAZ
    neighbours = {neighbour for region in ours if region in roaz_regions() for neighbour in roaz_regions()[region].neighbours}
    return Nearness.BUURREGIO if theirs & neighbours else Nearness.ELDERS


@cache
def _roaz_of_vrs() -> Mapping[str, frozenset[str]]:
    regions: dict[str, set[str]] = {}
    for municipality in all_municipalities().values():
        regions.setdefault(municipality.vr, set()).add(municipality.roaz)
    return {vr: frozenset(within) for vr, within in regions.items()}
