"""What readers may see who get aggregates only: no count of 1 to 4 patients, and none that can be worked out from others."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.codes import CareType, Cohort, Level, Sector
from contracts.reporting import FigureChangedV1

SMALLEST_PUBLISHED = 5
HIDDEN = ("occupied", "free", "available")
"""Occupied places are patients; from the free ones they could be worked out."""


@dataclass(frozen=True, slots=True)
class _Kind:
    sector: Sector
    care_type: CareType
    cohort: Cohort


def suppressed_keys(figures: Iterable[FigureChangedV1]) -> frozenset[str]:
    """The keys of the figures whose `HIDDEN` counts must not be shown.

    Where one region has a small count, all regions of that sector, care type and cohort are hidden at both levels: from the country and
    the others the hidden one could be worked out, and ROAZ regions overlap with veiligheidsregio's, so hiding just one more is not
    enough. The country is hidden only when its own count is small.
    """
    figures = list(figures)
    small = [figure for figure in figures if figure.occupied is not None and 0 < figure.occupied < SMALLEST_PUBLISHED]
    small_kinds = {_kind(figure) for figure in small if figure.level is not Level.NL}
    return frozenset(
        {figure.subject for figure in small}
        | {figure.subject for figure in figures if figure.level is not Level.NL and _kind(figure) in small_kinds}
    )


def _kind(figure: FigureChangedV1) -> _Kind:
    return _Kind(figure.sector, figure.care_type, figure.cohort)
