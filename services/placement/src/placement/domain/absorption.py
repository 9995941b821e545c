"""When the provider's own figures contain an admitted patient, so that the hold beside them ends."""

from datetime import timedelta

from placement.domain.offer import Offer
from placement.domain.states import OfferStatus
from placement.domain.unit import Unit


def contains(unit: Unit, offer: Offer, clock_tolerance: timedelta) -> bool:
    """Whether these figures contain this patient.

    Either they name the hold, or they state `occupied` themselves, observed so long after the admission that no difference of clocks
    makes it an earlier one. A confirmation, an import or a report of other figures never moves `occupied_reported_at`.
    """
    if offer.status is not OfferStatus.ADMITTED or offer.admitted_at is None:
        return False
    if offer.offer_id in unit.includes_holds:
        return True
    return unit.occupied_reported_at is not None and unit.occupied_reported_at >= offer.admitted_at + clock_tolerance
