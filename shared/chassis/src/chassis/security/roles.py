"""Who may do what, as data: the role table of the interfaces for what is served now.

A role says what kind of thing may be done; whose things (`org`, `region`) is checked where the thing is known, with `Caller.covers`.
"""

from enum import StrEnum


class Role(StrEnum):
    """The roles a token may carry."""

    TRIAGIST = "triagist"
    REFERRER = "referrer"
    EXPERT = "expert"
    COORDINATOR = "coordinator"
    PROVIDER = "provider"
    HOSPITAL = "hospital"
    RCPS = "rcps"
    ROAZ = "roaz"
    LCPS = "lcps"
    DPG = "dpg"
    VWS = "vws"
    ANALYST = "analyst"
    AUDITOR = "auditor"
    ADMIN = "admin"
    # No token carries it: it is what the session cookie of the local system's pages stands for.
    VISITOR = "visitor"


# Registry, reports and flows of one's own organisation.
PROVIDERS = frozenset({Role.PROVIDER, Role.HOSPITAL, Role.ADMIN})

# Series of other systems, about anyone's units.
IMPORTERS = frozenset({Role.LCPS, Role.ADMIN})

# May send a report or flow at all; of whom and from which source is checked by report.
REPORTERS = PROVIDERS | IMPORTERS

# The national picture and the feeds made of it.
NATIONAL_READERS = frozenset(
    {Role.LCPS, Role.VWS, Role.RCPS, Role.ROAZ, Role.DPG, Role.COORDINATOR, Role.AUDITOR, Role.ADMIN, Role.ANALYST, Role.VISITOR}
)

# Triage. A triagist does all of it; referrers and hospitals do it for their own contacts, which the route checks; nobody sees more of a
# person than they registered themselves, or accepted. An administrator sees everything but who the patient is.
CASE_REGISTRARS = frozenset({Role.TRIAGIST, Role.REFERRER, Role.HOSPITAL, Role.ADMIN})
CASE_READERS = CASE_REGISTRARS
ASSESSORS = frozenset({Role.TRIAGIST, Role.ADMIN})
PLACE_ASKERS = CASE_REGISTRARS
IDENTITY_READERS = frozenset({Role.TRIAGIST, Role.REFERRER, Role.PROVIDER, Role.HOSPITAL})

# Placement. Coordinators act in their own VR, LCPS on what was escalated to it, providers on what concerns their own organisation.
REQUEST_READERS = frozenset(
    {Role.TRIAGIST, Role.REFERRER, Role.COORDINATOR, Role.HOSPITAL, Role.RCPS, Role.ROAZ, Role.DPG, Role.LCPS, Role.ADMIN}
)
OFFERERS = frozenset({Role.COORDINATOR, Role.LCPS, Role.ADMIN})
OFFER_READERS = frozenset({Role.TRIAGIST, Role.COORDINATOR, Role.PROVIDER, Role.HOSPITAL, Role.LCPS, Role.ADMIN})
ANSWERERS = PROVIDERS
JOURNEY_TAKERS = frozenset({Role.COORDINATOR, Role.PROVIDER, Role.HOSPITAL, Role.LCPS, Role.ADMIN})
CANCELLERS = frozenset({Role.TRIAGIST, Role.COORDINATOR, Role.LCPS, Role.ADMIN})
