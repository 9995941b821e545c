"""What placement did day by day, in the form of the national picture."""

from collections.abc import Sequence

from reporting.application.read_placements import PlacementRead
from reporting.domain.placements import What
from reporting.domain.small_placements import WITHHELD


def placement_items(read: Sequence[PlacementRead]) -> list[dict[str, object]]:
    """Each day of each figure, without what is kept from this reader."""
    return [_item(one) for one in read]


def _item(one: PlacementRead) -> dict[str, object]:
    told, figure = one.told, one.told.figure
    item: dict[str, object] = {
        "figure": "placements",
        "day": told.day,
        "level": figure.level,
        "region": figure.region,
        "sector": figure.sector,
        "care_type": figure.care_type,
        "cohort": figure.cohort,
        "offers": told.count(What.OFFERED),
        "accepted": told.count(What.ACCEPTED),
        "declined": told.count(What.DECLINED),
        "declined_by_reason": told.declined_by_reason,
        "expired": told.count(What.EXPIRED),
        "withdrawn": told.count(What.WITHDRAWN),
        "admitted": told.count(What.ADMITTED),
        "released": told.count(What.RELEASED),
        "mean_seconds_to_place": told.mean_seconds_to_place,
    }
    return item | dict.fromkeys(WITHHELD) | {"suppressed": True} if one.is_withheld else item
