"""What a provider hears who answers too late, or twice."""

from chassis.errors import Rejected
from placement.domain.offer import Offer
from placement.domain.states import OfferStatus

_HAPPENED = {
    OfferStatus.OFFERED: "The time to answer has passed.",
    OfferStatus.ACCEPTED: "This offer was accepted already.",
    OfferStatus.UNDERWAY: "This offer was accepted, and the patient is on the way.",
    OfferStatus.ADMITTED: "This offer was accepted, and the patient was admitted.",
    OfferStatus.ABSORBED: "This offer was accepted, and the patient was admitted.",
    OfferStatus.DECLINED: "This offer was declined already.",
    OfferStatus.EXPIRED: "The time to answer has passed.",
    OfferStatus.WITHDRAWN: "This offer was withdrawn: another place was found, or none is needed any more.",
    OfferStatus.RELEASED: "This placement was released.",
}


def too_late(offer: Offer) -> Rejected:
    """409, with what happened."""
    return Rejected(f"offer-{offer.status.value.lower()}" if not offer.is_open else "offer-expired", _HAPPENED[offer.status], status=409)
