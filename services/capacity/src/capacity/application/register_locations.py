"""Register locations; an external id that is known already updates its location."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from capacity.application.forms import LocationForm
from capacity.application.permission import may_register
from capacity.application.ports import RegistryChange, Work
from capacity.application.refusals import refusal
from capacity.application.show_units import show_units
from capacity.domain.days import local_day
from capacity.domain.registry import Location, placed
from capacity.domain.rules import RuleBroken
from chassis.errors import FieldError, Rejected
from chassis.http.etag import require_match
from chassis.security.auth import Caller


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a form."""

    id: UUID
    version: int
    is_new: bool


_PLAIN = ("name", "sector", "latitude", "longitude", "phone")
_REQUIRED = ("name", "sector")


async def register_locations(work: Work, sent: Sequence[tuple[LocationForm, Caller]]) -> list[Registered | Rejected]:
    """Add or update; one answer a form, in their order."""
    now = await work.now()
    named = {
        (organisation, external)
        for form, who in sent
        if (organisation := _organisation(form, who)) and (external := form.get("external_id"))
    }
    await work.registry.one_at_a_time(named)
    called = dict(await work.registry.locations_called(named))
    before = await work.registry.locations(called.values(), "update")
    known = dict(before)
    answers: list[Registered | Rejected] = []
    senders: dict[UUID, str] = {}
    for form, who in sent:
        try:
            organisation = _own(form, who)
            external_id = form.get("external_id")
            existing = called.get((organisation, external_id)) if external_id else None
            location = (
                _new(form, organisation, local_day(now)) if existing is None else changed_location(known[existing], form, local_day(now))
            )
        except Rejected as rejected:
            answers.append(rejected)
            continue
        if external_id:
            called[organisation, external_id] = location.location_id
        known[location.location_id] = location
        senders[location.location_id] = who.subject
        answers.append(Registered(location.location_id, location.version, is_new=existing is None))
    await _keep(work, before, known, senders, now)
    return answers


async def change_location(work: Work, location_id: UUID, form: LocationForm, seen: str, who: Caller) -> Location:
    """Change what the form states of the version that was seen.

    Raises:
        Rejected: 404, 403, 412, or 422 for a place that is not there.
    """
    now = await work.now()
    before = await work.registry.locations([location_id], "update")
    location = before.get(location_id)
    if location is None:
        raise Rejected("location-not-found", "There is no such location.", status=404)
    may_register(who, location.organisation)
    require_match(seen, location.version)
    after = changed_location(location, form, local_day(now))
    await _keep(work, before, {location_id: after}, {location_id: who.subject}, now)
    return after


def changed_location(location: Location, form: LocationForm, today: date) -> Location:
    """The location with what the form states, in its next version when that differs.

    Raises:
        Rejected: 422.
    """
    stated: dict[str, Any] = {name: value for name, value in form.items() if name in _PLAIN}
    if "municipality" in form or "vr" in form:
        # Naming only the region takes a municipality back; naming only the municipality moves to its region.
        stated |= _place(form.get("municipality"), form.get("vr"), today)
    changed = replace(location, **stated)
    return location if changed == location else replace(changed, version=location.version + 1)


async def _keep(
    work: Work, before: Mapping[UUID, Location], after: Mapping[UUID, Location], senders: Mapping[UUID, str], now: datetime
) -> None:
    added = [location for location_id, location in after.items() if location_id not in before]
    changed = [location for location_id, location in after.items() if location_id in before and location != before[location_id]]
    await work.registry.add_locations(added, now)
    await work.registry.change_locations(changed, now)
    await work.registry.remember(
        [
            RegistryChange("LOCATION", location.location_id, location.version, _said(location), senders[location.location_id])
            for location in (*added, *changed)
        ],
        now,
    )
    if changed:
        # Its units show where they are, so they are told anew.
        _, units = await work.units.locked(await work.units.of_locations([location.location_id for location in changed]))
        await show_units(work, units.values(), now)


def _organisation(form: LocationForm, who: Caller) -> str | None:
    return form.get("organisation") or who.org


def _own(form: LocationForm, who: Caller) -> str:
    organisation = _organisation(form, who)
    if organisation is None:
        raise Rejected("incomplete", "Some fields are missing.", errors=[FieldError("/organisation", "is needed: your token names none")])
    may_register(who, organisation)
    return organisation


def _new(form: LocationForm, organisation: str, today: date) -> Location:
    missing = [FieldError(f"/{name}", "is needed") for name in _REQUIRED if name not in form]
    if missing:
        raise Rejected("incomplete", "Some fields are missing.", errors=missing)
    place = cast("Any", _place(form.get("municipality"), form.get("vr"), today))
    return Location(
        location_id=uuid4(),
        version=1,
        name=form["name"],
        organisation=organisation,
        sector=form["sector"],
        latitude=form.get("latitude"),
        longitude=form.get("longitude"),
        phone=form.get("phone"),
        external_id=form.get("external_id"),
        **place,
    )


def _place(municipality: str | None, vr: str | None, today: date) -> dict[str, str | None]:
    try:
        place = placed(municipality, vr, today)
    except RuleBroken as broken:
        raise refusal(broken) from None
    # The municipality is kept as it was given: asked for an old day, it still knows its old region.
    return {"municipality": municipality, "vr": place.vr, "roaz": place.roaz}


def _said(location: Location) -> dict[str, Any]:
    return {field.name: getattr(location, field.name) for field in fields(location)}
