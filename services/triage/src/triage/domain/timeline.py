"""What happened to a case, in order; codes and ids only, never who the patient is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Happened(StrEnum):
    """The kinds of steps."""

    GEREGISTREERD = "GEREGISTREERD"
    GETRIEERD = "GETRIEERD"
    OVERGEDRAGEN_112 = "OVERGEDRAGEN_112"
    WENSEN_VASTGELEGD = "WENSEN_VASTGELEGD"
    PLAATS_GEVRAAGD = "PLAATS_GEVRAAGD"
    GESLOTEN = "GESLOTEN"
    AANGEBODEN = "AANGEBODEN"
    GEACCEPTEERD = "GEACCEPTEERD"
    AFGEWEZEN = "AFGEWEZEN"
    AANBOD_VERVALLEN = "AANBOD_VERVALLEN"
    OPGESCHAALD = "OPGESCHAALD"
    VERTROKKEN = "VERTROKKEN"
    OPGENOMEN = "OPGENOMEN"
    PLEK_VRIJGEGEVEN = "PLEK_VRIJGEGEVEN"
    AANVRAAG_BEEINDIGD = "AANVRAAG_BEEINDIGD"


@dataclass(frozen=True, slots=True)
class Entry:
    """A step."""

    case_id: UUID
    what: Happened
    at: datetime
    """When it happened."""
    by: str | None = None
    """Subject of whoever did it; None for what placement tells."""
    facts: Mapping[str, Any] = field(default_factory=dict)
