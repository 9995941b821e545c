"""Where the automatic search looks, and in which order."""

from functools import cache

from contracts.geography import UNKNOWN_ROAZ, roaz_regions, safety_regions


@cache
def search_order(vr: str, roaz: str) -> tuple[str, ...]:
    """The ROAZ regions to look in for a request of this VR: its own, then its neighbours, nearest first.

    How near goes by the tiles of the map of VRs, the only distances between regions that we have: from the request's own VR to the
    nearest VR of the neighbour. A VR that straddles regions is looked for under the one that people list it under.

    Raises:
        KeyError: no such VR.
    """
    home = safety_regions()[vr]
    own = roaz if roaz != UNKNOWN_ROAZ else home.listed_under

    def tiles_to(region: str) -> int:
        return min(
            (home.column - other.column) ** 2 + (home.row - other.row) ** 2
            for other in safety_regions().values()
            if other.listed_under == region
        )

    # Equally near ones stay in the order in which the neighbours are listed.
    return (own, *sorted(roaz_regions()[own].neighbours, key=tiles_to))
