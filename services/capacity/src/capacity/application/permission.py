"""Who may speak for whom."""

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from chassis.security.roles import IMPORTERS, PROVIDERS, Role
from contracts.codes import Source


def may_speak(who: Caller, source: Source, organisation: str) -> None:
    """Let through who may send a report or flow of this source about a unit or location of this organisation.

    Raises:
        Rejected: 403.
    """
    if source is Source.IMPORT and who.role not in IMPORTERS:
        raise Rejected(
            "import-not-allowed", "Only LCPS sends imports.", status=403, errors=[FieldError("/source", "is not open to your role")]
        )
    if who.role is Role.LCPS:
        # LCPS brings in series about everyone's units, and is nobody's bedside.
        if source is not Source.IMPORT:
            raise Rejected("imports-only", "LCPS sends imports only.", status=403, errors=[FieldError("/source", "must be IMPORT")])
        return
    may_register(who, organisation)


def may_register(who: Caller, organisation: str) -> None:
    """Let through who may change what is registered of this organisation.

    Raises:
        Rejected: 403.
    """
    if who.role not in PROVIDERS or not who.covers(organisation):
        raise Rejected("not-your-organisation", "This belongs to another organisation.", status=403)
