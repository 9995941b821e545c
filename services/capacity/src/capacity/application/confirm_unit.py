"""Confirm that nothing changed: one tap that refreshes the figures that were seen, and never newer ones."""

from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from capacity.application.events import observation_recorded
from capacity.application.permission import may_register
from capacity.application.ports import Fact, Work
from capacity.application.show_units import show_units
from capacity.domain.fold import merged, picture
from capacity.domain.report import SentReport
from capacity.domain.unit import Unit
from chassis.errors import Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller
from contracts.capacity import FIGURE_FIELDS, OBSERVATIONS


async def confirm_unit(work: Work, unit_id: UUID, seen: str, who: Caller) -> Unit:
    """Store what is shown as said again just now, by the sources whose figures it is; gives the unit as it now is.

    Args:
        work: the transaction.
        unit_id: which unit.
        seen: the `If-Match` header.
        who: whose unit it must be.

    Raises:
        Rejected: 404, 403; 409 when there is nothing to confirm or sources contradict each other; 412 when another version was seen.
    """
    now, units = await work.units.locked([unit_id])
    unit = units.get(unit_id)
    if unit is None:
        raise Rejected("unit-not-found", "There is no such unit.", status=404)
    may_register(who, unit.location.organisation)
    if unit.shown_at(now).source is None:
        raise Rejected("nothing-to-confirm", "Nothing is known any more: report the figures.", status=409)
    if unit.shown.conflict:
        raise Rejected("figures-conflict", "The sources contradict each other: report the figures.", status=409)
    require_match(seen, unit.version)

    facts = await _facts(work, unit, who, now)
    await work.reports.store(facts, now)
    folded = unit.folded
    for fact in facts:
        folded = merged(folded, fact.report)
        work.publish(OBSERVATIONS, observation_recorded(fact.report, unit, now), key=str(unit_id))
    return (await show_units(work, [replace(unit, folded=folded)], now))[0]


async def _facts(work: Work, unit: Unit, who: Caller, now: datetime) -> list[Fact]:
    """What is shown, as reports of the sources that said it; with the flows since then, it becomes their new snapshot."""
    unit_id = unit.registration.unit_id
    net_flows = (await work.units.net_flows([unit])).get(unit_id, {}) if unit.has_flows else {}
    shown = picture(unit.folded, net_flows, unit.age_limit(work.ages), now)
    sources = shown.sources or {}
    facts = []
    for source in sorted({*sources.values(), *([shown.closed_by] if shown.closed_by else [])}):
        sent = SentReport(
            # The id follows from what is confirmed, so that the same confirmation can never be stored twice.
            report_id=uuid5(NAMESPACE_URL, f"urn:nl:zorgcoordinatie:confirmation:{unit_id}:{unit.version}:{source}"),
            revision=0,
            is_retracted=False,
            unit_id=unit_id,
            source=source,
            observed_at=None,
            age_seconds=0,
            figures={field: shown.figure(field) for field in FIGURE_FIELDS if sources.get(field) is source},
            closed=shown.closed if shown.closed_by is source else None,
            # All of them together were seen to contain these places, so none of them may be heard as saying otherwise.
            includes_holds=shown.includes_holds,
        )
        facts.append(Fact(replace(sent.received(now), is_confirmation=True), sent.digest(), who.subject))
    return facts
