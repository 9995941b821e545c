"""Record flows: patients who came, moved, could leave or left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from capacity.application.events import flow_recorded
from capacity.application.permission import may_speak
from capacity.application.ports import NOT_WHOLE, FlowFact, Known, Work
from capacity.application.refusals import refusal
from capacity.application.show_units import show_units
from capacity.domain.flow import Flow
from capacity.domain.registry import Location
from capacity.domain.rules import RuleBroken
from capacity.domain.unit import Unit
from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from contracts.capacity import FLOWS


@dataclass(frozen=True, slots=True)
class FlowTaken:
    """What became of a flow."""

    flow_id: UUID
    duplicate: bool


FlowVerdict = FlowTaken | Rejected
_Id = tuple[UUID, int]


async def record_flows(work: Work, sent: Sequence[tuple[Flow, Caller]]) -> list[FlowVerdict]:
    """Store what is right and publish it; the occupied places of the units that flows name are counted anew."""
    locations = await work.registry.locations({flow.location_id for flow, _ in sent}, "none")
    now, units = await work.units.locked({flow.unit_id for flow, _ in sent if flow.unit_id})
    verdicts: list[FlowVerdict | None] = [None] * len(sent)
    facts: dict[_Id, FlowFact] = {}
    places: dict[UUID, tuple[UUID, UUID | None]] = {}
    for nth, (flow, who) in enumerate(sent):
        try:
            fact = _fact(flow, who, locations.get(flow.location_id), units, now)
            if places.setdefault(flow.flow_id, (flow.location_id, flow.unit_id)) != (flow.location_id, flow.unit_id):
                raise _elsewhere()
            if facts.setdefault((flow.flow_id, flow.revision), fact).digest != fact.digest:
                raise _other_body()
        except Rejected as rejected:
            verdicts[nth] = rejected

    known = await work.flows.store(list(facts.values()), now) if facts else {}
    stored = [fact.flow for flow_id, fact in facts.items() if (found := known.get(flow_id)) and found.is_new and _is_of(found, fact.flow)]
    for flow in stored:
        work.publish(FLOWS, flow_recorded(flow, locations[flow.location_id], now), key=str(flow.location_id))
    named = {flow.unit_id for flow in stored if flow.unit_id}
    await work.flows.mark(named)
    await show_units(work, [replace(units[unit_id], has_flows=True) for unit_id in named], now, only_changed=True)

    seen: set[_Id] = set()
    for nth, (flow, _) in enumerate(sent):
        if verdicts[nth] is None:
            verdicts[nth] = _verdict(flow, facts, known, seen)
    return [verdict for verdict in verdicts if verdict is not None]


def _fact(flow: Flow, who: Caller, location: Location | None, units: Mapping[UUID, Unit], now: datetime) -> FlowFact:
    if location is None:
        raise Rejected("location-not-found", "There is no such location.", status=404)
    may_speak(who, flow.source, location.organisation)
    if flow.unit_id is not None:
        unit = units.get(flow.unit_id)
        if unit is None:
            raise Rejected("unit-not-found", "There is no such unit.", status=404)
        if unit.location.location_id != flow.location_id:
            raise Rejected("unit-elsewhere", "The unit is of another location.", errors=[FieldError("/unit_id", "is not of this location")])
    try:
        return FlowFact(flow=flow.received(now), digest=flow.digest(), sender=who.subject)
    except RuleBroken as broken:
        raise refusal(broken) from None


def _is_of(known: Known, flow: Flow) -> bool:
    return (known.subject_id, known.unit_id) == (flow.location_id, flow.unit_id)


def _elsewhere() -> Rejected:
    return Rejected("flow-elsewhere", "This flow is about another location or unit: retract it there and send a new one.", status=409)


def _other_body() -> Rejected:
    return Rejected("flow-differs", "This id and revision was sent with another content; a correction has a higher revision.", status=409)


def _verdict(flow: Flow, facts: Mapping[_Id, FlowFact], known: Mapping[_Id, Known], seen: set[_Id]) -> FlowVerdict:
    flow_id = (flow.flow_id, flow.revision)
    found = known.get(flow_id)
    if found is None or not _is_of(found, flow):
        return _elsewhere()
    if found.digest not in {NOT_WHOLE, facts[flow_id].digest}:
        return _other_body()
    is_first = found.is_new and flow_id not in seen
    seen.add(flow_id)
    return FlowTaken(flow_id=flow.flow_id, duplicate=not is_first)
