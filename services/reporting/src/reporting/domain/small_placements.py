"""Which days of placement are withheld: no count of 1 to 4 patients is shown, and none that can be worked out from others."""

from collections.abc import Iterable, Sequence
from datetime import date

from contracts.codes import Level
from reporting.domain.figure import Figure
from reporting.domain.placements import PlacementDay, What
from reporting.domain.suppression import SMALLEST_PUBLISHED

PATIENTS = (What.ACCEPTED, What.ADMITTED, What.RELEASED)

WITHHELD = ("offers", "accepted", "admitted", "released", "mean_seconds_to_place")
"""Patients; the offers, of which the accepted ones are those that did not end otherwise; and the time, which of one patient is theirs."""


def withheld(days: Iterable[PlacementDay]) -> frozenset[tuple[date, Figure]]:
    """The days and figures whose `WITHHELD` must not be shown, judged on the whole country.

    Where one region has a small count, all regions of that day, sector, care type and cohort are withheld at both levels, as with beds.
    The country is withheld when its own count is small, and when it is without one region: who works there knows that region's.
    """
    alike: dict[tuple[object, ...], list[PlacementDay]] = {}
    for one in days:
        alike.setdefault((one.day, one.figure.sector, one.figure.care_type, one.figure.cohort), []).append(one)
    return frozenset((one.day, one.figure) for kind in alike.values() for one in _withheld_of(kind))


def _withheld_of(kind: Sequence[PlacementDay]) -> Iterable[PlacementDay]:
    country = [one for one in kind if one.figure.level is Level.NL]
    regions = [one for one in kind if one.figure.level is not Level.NL]
    if any(_is_small(one.count(what)) for one in regions for what in PATIENTS):
        yield from regions
    for whole in country:
        if any(_is_small(whole.count(what)) or any(_is_small(whole.count(what) - one.count(what)) for one in regions) for what in PATIENTS):
            yield whole


def _is_small(count: int) -> bool:
    return 0 < count < SMALLEST_PUBLISHED
