"""Register units; an external id that is known already updates its unit."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from capacity.application.forms import UnitForm
from capacity.application.permission import may_register
from capacity.application.ports import RegistryChange, Work
from capacity.application.register_locations import Registered
from capacity.application.show_units import show_units
from capacity.domain.fold import NOTHING_KNOWN
from capacity.domain.registry import Location, Registration
from capacity.domain.unit import Unit
from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller

_PLAIN = ("name", "care_type", "cohort", "features")
_REQUIRED = ("name", "care_type", "cohort")


async def register_units(work: Work, sent: Sequence[tuple[UnitForm, Caller]]) -> list[Registered | Rejected]:
    """Add or update; one answer a form, in their order."""
    called = await work.registry.locations_called({key for form, who in sent if (key := _location_name(form, who))})
    ids = [_location_id(form, who, called) for form, who in sent]
    locations = await work.registry.locations({location_id for location_id in ids if location_id}, "share")
    named = {
        (locations[location_id].organisation, external_id)
        for (form, _), location_id in zip(sent, ids, strict=True)
        if location_id is not None and location_id in locations and (external_id := form.get("external_id"))
    }
    await work.registry.one_at_a_time(named)
    units_called = dict(await work.registry.units_called(named))
    now, before = await work.units.locked(units_called.values())
    known = dict(before)
    touched: dict[UUID, str] = {}
    answered: list[tuple[UUID, bool] | Rejected] = []
    for (form, who), location_id in zip(sent, ids, strict=True):
        try:
            location = _own(locations.get(location_id) if location_id else None, who)
            external_id = form.get("external_id")
            existing = units_called.get((location.organisation, external_id)) if external_id else None
            unit = _new(form, location, now) if existing is None else _changed(known[existing], form, location)
        except Rejected as rejected:
            answered.append(rejected)
            continue
        unit_id = unit.registration.unit_id
        if external_id:
            units_called[location.organisation, external_id] = unit_id
        known[unit_id] = unit
        touched[unit_id] = who.subject
        answered.append((unit_id, existing is None))
    shown = await _keep(work, before, known, touched, now)
    known.update(shown)
    return [
        answer if isinstance(answer, Rejected) else Registered(answer[0], known[answer[0]].version, is_new=answer[1]) for answer in answered
    ]


async def change_unit(work: Work, unit_id: UUID, form: UnitForm, seen: str, who: Caller) -> Unit:
    """Change what the form states of the version that was seen.

    Raises:
        Rejected: 404, 403, 412, or 422 for a location of another organisation.
    """
    moved_to = form.get("location_id")
    locations = await work.registry.locations([moved_to] if moved_to else [], "share")
    now, before = await work.units.locked([unit_id])
    unit = before.get(unit_id)
    if unit is None:
        raise Rejected("unit-not-found", "There is no such unit.", status=404)
    may_register(who, unit.location.organisation)
    location = unit.location
    if moved_to is not None and moved_to != location.location_id:
        location = _own(locations.get(moved_to), who)
        if location.organisation != unit.location.organisation:
            raise Rejected(
                "other-organisation",
                "A unit stays with its organisation.",
                errors=[FieldError("/location_id", "is of another organisation")],
            )
    require_match(seen, unit.version)
    after = _changed(unit, form, location)
    shown = await _keep(work, before, {unit_id: after}, {unit_id: who.subject}, now)
    return shown.get(unit_id, after)


async def _keep(
    work: Work, before: Mapping[UUID, Unit], after: Mapping[UUID, Unit], senders: Mapping[UUID, str], now: datetime
) -> dict[UUID, Unit]:
    added = [unit for unit_id, unit in after.items() if unit_id not in before]
    changed = [unit for unit_id, unit in after.items() if unit_id in before and unit.registration != before[unit_id].registration]
    await work.registry.add_units(added)
    await work.registry.change_registrations([unit.registration for unit in changed])
    shown = {unit.registration.unit_id: unit for unit in await show_units(work, [*added, *changed], now)}
    await work.registry.remember(
        [RegistryChange("UNIT", unit_id, unit.version, _said(unit.registration), senders[unit_id]) for unit_id, unit in shown.items()], now
    )
    return shown


def _location_name(form: UnitForm, who: Caller) -> tuple[str, str] | None:
    organisation = form.get("organisation") or who.org
    external_id = form.get("location_external_id")
    return (organisation, external_id) if organisation and external_id and "location_id" not in form else None


def _location_id(form: UnitForm, who: Caller, called: Mapping[tuple[str, str], UUID]) -> UUID | None:
    if "location_id" in form:
        return form["location_id"]
    name = _location_name(form, who)
    return called.get(name) if name else None


def _own(location: Location | None, who: Caller) -> Location:
    if location is None:
        raise Rejected("location-not-found", "There is no such location.", status=404)
    may_register(who, location.organisation)
    return location


def _new(form: UnitForm, location: Location, now: datetime) -> Unit:
    missing = [FieldError(f"/{name}", "is needed") for name in _REQUIRED if name not in form]
    if missing:
        raise Rejected("incomplete", "Some fields are missing.", errors=missing)
    return Unit(
        registration=Registration(
            unit_id=uuid4(),
            location_id=location.location_id,
            organisation=location.organisation,
            name=form["name"],
            care_type=form["care_type"],
            cohort=form["cohort"],
            features=form.get("features") or {},
            external_id=form.get("external_id"),
        ),
        location=location,
        version=0,
        folded={},
        has_flows=False,
        timer_at=None,
        shown=NOTHING_KNOWN,
        recorded_at=now,
    )


def _changed(unit: Unit, form: UnitForm, location: Location) -> Unit:
    stated: dict[str, Any] = {name: value for name, value in form.items() if name in _PLAIN}
    registration = replace(unit.registration, location_id=location.location_id, **stated)
    return replace(unit, registration=registration, location=location)


def _said(registration: Registration) -> dict[str, Any]:
    return {field.name: getattr(registration, field.name) for field in fields(registration)}
