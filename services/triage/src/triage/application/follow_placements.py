"""Follow what placement does with a case: how far its request is, and who may see the patient because they accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from contracts.codes import DeclineReason
from contracts.event import Event
from contracts.placement import (
    AtUnit,
    OfferAcceptedV1,
    OfferDeclinedV1,
    OfferEndedV1,
    OfferMadeV1,
    PatientAdmittedV1,
    PlacementReleasedV1,
    RequestClosedV1,
    RequestEnd,
    RequestEscalatedV1,
    TransportLeftV1,
)
from triage.application.ports import Acceptance, Work
from triage.domain.journey import Journey, Place
from triage.domain.timeline import Entry, Happened

Followed = (
    OfferMadeV1
    | OfferAcceptedV1
    | OfferDeclinedV1
    | OfferEndedV1
    | RequestEscalatedV1
    | TransportLeftV1
    | PatientAdmittedV1
    | PlacementReleasedV1
    | RequestClosedV1
)
FOLLOWED: Final[tuple[type[Event], ...]] = Followed.__args__

# What placement says of why describes: a word that we do not know could be anything that somebody typed.
_RELEASES: Final = frozenset({"CANCELLED", "RELEASED", "EXPIRED", "MOVED"})
_UNKNOWN: Final = "ONBEKEND"


@dataclass(frozen=True, slots=True)
class Told:
    """An event of placement, with its version and partition on the topic."""

    event: Followed
    version: int
    partition: int


async def follow_placements(work: Work, told: Sequence[Told]) -> None:
    """Take in a run of events, in the order of the topic; cases that are not known here are passed over."""
    cases = dict(await work.cases.locked({one.event.case_id for one in told}))
    entries: list[Entry] = []
    begun: list[Acceptance] = []
    ended: list[tuple[UUID, UUID | None, int]] = []
    for one in told:
        event = one.event
        case = cases.get(event.case_id)
        if case is None:
            continue
        entries.append(_entry(event))
        journey = case.journey
        # An earlier round's offers may still end, but what they end is not what is shown now.
        if journey is not None and journey.round == event.round:
            cases[case.case_id] = case.travelled(_after(journey, event))
        if isinstance(event, OfferAcceptedV1):
            begun.append(Acceptance(event.case_id, event.offer_id, event.organisation, one.version, one.partition, event.accepted_at))
        elif isinstance(event, PlacementReleasedV1):
            ended.append((event.case_id, event.offer_id, one.version))
        elif isinstance(event, RequestClosedV1) and event.how is not RequestEnd.ADMITTED:
            ended.append((event.case_id, None, one.version))
    await work.cases.write(cases.values(), entries)
    await work.acceptances.begin(begun)
    await work.acceptances.end(ended)


async def doubt_journeys(work: Work, case_ids: Sequence[UUID], *, is_uncertain: bool) -> None:
    """Mark the cases of which an event could not be read, and those of which all was read after all."""
    cases = [case.uncertain(is_uncertain) for case in (await work.cases.locked(case_ids)).values()]
    await work.cases.write(cases, [])


def _after(journey: Journey, event: Followed) -> Journey:
    if journey.has_ended and not isinstance(event, PlacementReleasedV1):
        # We ended it ourselves, and placement had not heard of that yet.
        return journey
    match event:
        case OfferMadeV1():
            after = journey.offered(_place(event, event.answer_by))
        case OfferAcceptedV1():
            after = journey.accepted(_place(event, event.held_until))
        case OfferDeclinedV1() | OfferEndedV1():
            after = journey.unanswered(event.offer_id)
        case RequestEscalatedV1():
            after = journey.escalated(event.to)
        case TransportLeftV1():
            after = journey.under_way(event.offer_id)
        case PatientAdmittedV1():
            after = journey.admitted(_place(event, None))
        case PlacementReleasedV1():
            after = journey.released(event.offer_id)
        case RequestClosedV1():
            after = journey.closed(event.how)
    return after


def _place(event: AtUnit, until: datetime | None) -> Place:
    return Place(event.offer_id, event.unit_id, event.location_id, event.organisation, until)


def _entry(event: Followed) -> Entry:
    what, at, facts = _told(event)
    at_unit = (
        {"offer_id": event.offer_id, "unit_id": event.unit_id, "organisation": event.organisation} if isinstance(event, AtUnit) else {}
    )
    return Entry(event.case_id, what, at, None, {"round": event.round, **at_unit, **facts})


def _told(event: Followed) -> tuple[Happened, datetime, dict[str, Any]]:
    told: tuple[Happened, datetime, dict[str, Any]]
    match event:
        case OfferMadeV1():
            told = Happened.AANGEBODEN, event.made_at, {"answer_by": event.answer_by, "is_automatic": event.is_automatic}
        case OfferAcceptedV1():
            told = Happened.GEACCEPTEERD, event.accepted_at, {"held_until": event.held_until}
        case OfferDeclinedV1():
            told = Happened.AFGEWEZEN, event.declined_at, {"reason": DeclineReason(event.reason)}
        case OfferEndedV1():
            told = Happened.AANBOD_VERVALLEN, event.ended_at, {"how": event.how}
        case RequestEscalatedV1():
            told = Happened.OPGESCHAALD, event.escalated_at, {"to": event.to, "region": event.region}
        case TransportLeftV1():
            told = Happened.VERTROKKEN, event.left_at, {}
        case PatientAdmittedV1():
            told = Happened.OPGENOMEN, event.admitted_at, {}
        case PlacementReleasedV1():
            told = Happened.PLEK_VRIJGEGEVEN, event.released_at, {"why": event.why if event.why in _RELEASES else _UNKNOWN}
        case RequestClosedV1():
            told = Happened.AANVRAAG_BEEINDIGD, event.closed_at, {"how": event.how}
    return told
