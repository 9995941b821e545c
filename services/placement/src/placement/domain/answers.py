"""Which refusals count."""

from contracts.codes import CareType, DeclineReason

COHORT_NURSING = frozenset({CareType.CORONA_UNIT, CareType.CORONACENTRUM})
"""Places with cohort nursing, for which a CIZ indication does not decide."""


def may_decline(reason: DeclineReason, care_type: CareType) -> bool:
    """Whether a provider may decline for this reason: never because it is not their own client, nor for want of a CIZ indication there."""
    if reason is DeclineReason.NIET_EIGEN_CLIENT:
        return False
    return reason is not DeclineReason.GEEN_CIZ or care_type not in COHORT_NURSING
