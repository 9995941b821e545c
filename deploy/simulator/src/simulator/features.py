"""What a unit can do for a patient: a made-up share of the units of each kind. Pure; it follows from the unit alone."""

from collections.abc import Mapping

from contracts.codes import CareType, Cohort
from simulator.chance import seeded
from simulator.world import Unit

HOSPITAL_KINDS = frozenset({CareType.SEH, CareType.KLINIEK, CareType.IC})
NURSED_AT_NIGHT = frozenset({CareType.ELV_HOOG, CareType.ELV_PALLIATIEF, CareType.GRZ, CareType.WZD_PLEK, CareType.CORONA_UNIT})

SHARE_LIFT = 0.85
SHARE_NIGHT_NURSING = 0.4
SHARE_ISOLATION = 0.3
SHARE_PALLIATIVE = 0.35
OXYGEN = (0, 0, 2, 5, 5, 10)
HOSPITAL_OXYGEN = 15


def features_of(unit: Unit) -> Mapping[str, bool | int]:
    """The features as the registry takes them; their keys are those of a request's needs."""
    random = seeded("features", unit.external_id)
    if unit.care_type in HOSPITAL_KINDS:
        return {"isolation": True, "oxygen_l_min": HOSPITAL_OXYGEN, "lift": True, "night_nursing": True, "wzd": False, "palliative": True}
    is_cohort = unit.cohort is not Cohort.GEEN
    return {
        "isolation": is_cohort or random.random() < SHARE_ISOLATION,
        "oxygen_l_min": max(OXYGEN) if is_cohort else random.choice(OXYGEN),
        "lift": random.random() < SHARE_LIFT,
        "night_nursing": unit.care_type in NURSED_AT_NIGHT or random.random() < SHARE_NIGHT_NURSING,
        "wzd": unit.care_type is CareType.WZD_PLEK,
        "palliative": unit.care_type is CareType.ELV_PALLIATIEF or random.random() < SHARE_PALLIATIVE,
    }
