"""Register a contact: who it is goes to the vault, all else may be shown."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from contracts.codes import CallerRole, Channel, Origin
from contracts.geography import UnknownPlace, place_of_municipality
from contracts.triage import CASES, CaseRegisteredV1
from triage.application.ports import VaultWork
from triage.domain.case import Case, Needs
from triage.domain.days import local_day
from triage.domain.identity import Patient
from triage.domain.timeline import Entry, Happened


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """What the caller told."""

    channel: Channel
    caller_role: CallerRole
    municipality: str
    complaint: str
    origin: Origin | None
    needs: Needs
    patient: Patient


async def register_case(work: VaultWork, contact: Contact, who: Caller, second_contact_within: timedelta) -> Case:
    """Open a case.

    Raises:
        Rejected: 422 when there is no such municipality.
    """
    case_id = uuid4()
    is_second_contact = await work.vault.keep(case_id, contact.patient, contact.complaint, second_contact_within)
    now = await work.now()
    try:
        place = place_of_municipality(contact.municipality, local_day(now))
    except UnknownPlace as unknown:
        raise Rejected("unknown-place", "There is no such place.", errors=[FieldError("/municipality", str(unknown))]) from None
    case = Case(
        case_id=case_id,
        version=1,
        channel=contact.channel,
        caller_role=contact.caller_role,
        origin=contact.origin,
        municipality=place.municipality or contact.municipality,
        vr=place.vr,
        roaz=place.roaz,
        needs=contact.needs,
        is_second_contact=is_second_contact,
        registered_by=who.subject,
        organisation=who.org,
        registered_at=now,
    )
    facts = {"channel": case.channel, "caller_role": case.caller_role, "second_contact": case.is_second_contact}
    await work.cases.add(case, Entry(case_id, Happened.GEREGISTREERD, now, who.subject, facts))
    work.publish(
        CASES,
        CaseRegisteredV1(
            case_id=case_id,
            channel=case.channel,
            caller_role=case.caller_role,
            origin=case.origin,
            municipality=case.municipality,
            vr=case.vr,
            roaz=case.roaz,
            registered_at=now,
        ),
        key=str(case_id),
    )
    return case
