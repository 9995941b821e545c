"""What is answered: what a patient needs, never who it is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from chassis.security.auth import Caller
from contracts.codes import CareType, Cohort, Origin, Sector, Urgency
from contracts.placement import RequestEnd
from placement.adapters.sql.queries import Row
from placement.application.candidates import Explained
from placement.domain.distance import Nearness
from placement.domain.matching import Candidate, Exclusion, Ranking
from placement.domain.states import OfferStatus, RequestStatus
from placement.domain.unit import Unit
from placement.domain.webhook import DeliveryState
from placement.entrypoints.api.sight import may_see_token

Needs = dict[str, bool | int | float | str]


class RequestView(BaseModel):
    """A case that needs a place, and how far the search has come."""

    id: UUID
    version: int
    case_id: UUID
    round: int
    status: RequestStatus
    urgency: Urgency
    is_assessed: bool
    care_type: CareType
    cohort: Cohort
    needs: Needs
    target_group: int | None
    origin: Origin | None
    organisation: str | None
    region: str
    roaz: str
    municipality: str | None
    place_by: datetime
    requested_at: datetime
    opened_at: datetime
    is_on_top: bool
    moves: int
    looked_in: list[str]
    sought_by: str
    unattended_at: datetime | None
    asked: int
    open_offers: int
    answer_by: datetime | None
    placement_id: UUID | None
    placement_status: OfferStatus | None
    ended: RequestEnd | None
    ended_at: datetime | None


class DeliveryView(BaseModel):
    """Whether the organisation's webhook took the offer; `NONE` when it had none, `NOT_DELIVERED` when it did not in time."""

    status: DeliveryState
    attempts: int
    last_attempt_at: datetime | None


class OfferView(BaseModel):
    """A place that is held and offered, and what became of it; after acceptance it is the placement."""

    id: UUID
    version: int
    offer_id: UUID
    case_id: UUID
    round: int
    status: OfferStatus
    unit_id: UUID
    offered_unit_id: UUID
    unit_name: str | None
    location_id: UUID | None
    location_name: str | None
    phone: str | None
    organisation: str
    sector: Sector | None
    unit_vr: str | None
    unit_roaz: str | None
    urgency: Urgency
    care_type: CareType
    cohort: Cohort
    needs: Needs
    target_group: int | None
    origin: Origin | None
    region: str
    roaz: str
    place_by: datetime
    is_automatic: bool
    made_at: datetime
    answer_by: datetime
    held_until: datetime | None
    accepted_at: datetime | None
    left_at: datetime | None
    admitted_at: datetime | None
    ended_at: datetime | None
    reason: str | None
    warned_at: datetime | None
    needs_confirmation: bool
    confirm_by: datetime | None
    has_room: bool | None
    delivery: DeliveryView
    token: str | None = None


class RequestWithOffersView(RequestView):
    """A request with everyone who was asked."""

    offers: list[OfferView]


class RequestsView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[RequestView]


class OffersView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[OfferView]


class OfferedView(BaseModel):
    """What became of asking one unit: the offer, or why there is none."""

    unit_id: UUID
    status: int
    offer_id: UUID | None
    token: str | None
    answer_by: datetime | None
    etag: str | None
    problem: dict[str, Any] | None


class OffersMadeView(BaseModel):
    """One result a unit, in the order in which they were named."""

    results: list[OfferedView]


class CandidateView(BaseModel):
    """A unit that can be asked; the parts of the score add up to it."""

    unit_id: UUID
    name: str
    location_id: UUID
    location_name: str
    organisation: str
    sector: Sector
    care_type: CareType
    cohort: Cohort
    municipality: str | None
    vr: str
    roaz: str
    latitude: float | None
    longitude: float | None
    phone: str | None
    features: Needs
    free: int | None
    held: int
    available: int | None
    observed_at: datetime | None
    fresh_until: datetime | None
    place: int
    score: float
    parts: dict[str, float]
    nearness: Nearness


class ExplainedView(BaseModel):
    """Why one unit stands where it stands, or is not asked."""

    unit_id: UUID
    place: int | None
    score: float | None
    parts: dict[str, float] | None
    reasons: list[Exclusion]


class CandidatesView(BaseModel):
    """Who can be asked, best first; who cannot, counted once each under the first reason, among the units of this care type."""

    case_id: UUID
    version: int
    now: datetime
    total: int
    items: list[CandidateView]
    left_out: dict[Exclusion, int]
    explained: ExplainedView | None


class HoldView(BaseModel):
    """A place that is held."""

    hold_id: UUID
    unit_id: UUID
    status: OfferStatus
    since: datetime
    until: datetime | None
    admitted_at: datetime | None
    is_counted: bool


class HoldsView(BaseModel):
    """A page; `Link: rel="next"` leads to the next."""

    items: list[HoldView]


class UnitHoldsView(BaseModel):
    """All that is held of a unit, beside what is known of its figures; null while unknown."""

    unit_id: UUID
    free: int | None
    held: int
    available: int | None
    full_since: datetime | None
    fresh_until: datetime | None
    holds: list[HoldView]


_REQUEST_FIELDS = tuple(RequestView.model_fields)
_OFFER_FIELDS = tuple(name for name in OfferView.model_fields if name != "token")


def request_view(row: Row) -> dict[str, Any]:
    """A request, before JSON."""
    return {name: row[name] for name in _REQUEST_FIELDS}


def offer_view(row: Row, who: Caller) -> dict[str, Any]:
    """An offer as this caller may see it."""
    view = {name: row[name] for name in _OFFER_FIELDS}
    return {**view, "token": row["token"]} if may_see_token(who, row) else view


def request_with_offers(row: Row, offers: Iterable[Row], who: Caller) -> dict[str, Any]:
    """A request with its offers."""
    return {**request_view(row), "offers": [offer_view(offer, who) for offer in offers]}


def candidates_view(row: Row, ranking: Ranking, limit: int, explained: Explained | None, now: datetime) -> dict[str, Any]:
    """The first of a ranking, and why the others are not there."""
    return {
        "case_id": row["case_id"],
        "version": row["version"],
        "now": now,
        "total": len(ranking.candidates),
        "items": [_candidate(candidate, place, now) for place, candidate in enumerate(ranking.candidates[:limit], start=1)],
        "left_out": {reason.value: ranking.left_out[reason] for reason in Exclusion if ranking.left_out.get(reason)},
        "explained": _explained(explained) if explained is not None else None,
    }


def hold_view(row: Row) -> dict[str, Any]:
    """A hold, before JSON."""
    return {
        "hold_id": row["offer_id"],
        "unit_id": row["unit_id"],
        "status": row["status"],
        "since": row["made_at"],
        "until": row["held_until"],
        "admitted_at": row["admitted_at"],
        "is_counted": row["is_counted"],
    }


def unit_holds_view(unit: Unit, holds: Sequence[Row], now: datetime) -> dict[str, Any]:
    """What is held of a unit."""
    return {
        "unit_id": unit.unit_id,
        "free": unit.free if unit.is_fresh(now) else None,
        "held": unit.held,
        "available": unit.available(now),
        "full_since": unit.full_since,
        "fresh_until": unit.fresh_until,
        "holds": [hold_view(row) for row in holds],
    }


def _candidate(candidate: Candidate, place: int, now: datetime) -> Mapping[str, Any]:
    unit = candidate.unit
    return {
        "unit_id": unit.unit_id,
        "name": unit.name,
        "location_id": unit.location_id,
        "location_name": unit.location_name,
        "organisation": unit.organisation,
        "sector": unit.sector,
        "care_type": unit.care_type,
        "cohort": unit.cohort,
        "municipality": unit.municipality,
        "vr": unit.vr,
        "roaz": unit.roaz,
        "latitude": unit.latitude,
        "longitude": unit.longitude,
        "phone": unit.phone,
        "features": unit.features,
        "free": unit.free,
        "held": unit.held,
        "available": unit.available(now),
        "observed_at": unit.observed_at,
        "fresh_until": unit.fresh_until,
        "place": place,
        "score": candidate.score,
        "parts": candidate.parts,
        "nearness": candidate.nearness,
    }


def _explained(one: Explained) -> Mapping[str, Any]:
    return {
        "unit_id": one.unit.unit_id,
        "place": one.place,
        "score": one.candidate.score if one.candidate else None,
        "parts": one.candidate.parts if one.candidate else None,
        "reasons": one.reasons,
    }
