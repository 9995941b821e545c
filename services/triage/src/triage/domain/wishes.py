"""Treatment wishes (advance care planning): what the patient wants, as far as it may be known outside the vault."""

from dataclasses import dataclass
from datetime import datetime

from contracts.codes import Choice


@dataclass(frozen=True, slots=True)
class Wish:
    """One choice; its words, which may say anything about a person, are in the vault."""

    choice: Choice = Choice.ONBEKEND
    until: datetime | None = None

    def is_permission(self, now: datetime) -> bool:
        """Only a yes that still holds: absent, expired or ANDERS never is."""
        return self.choice is Choice.JA and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Wishes:
    """The four choices of the national TreatmentDirective that this product asks for; who recorded them is in the vault."""

    hospital: Wish
    ic: Wish
    resuscitation: Wish
    ventilation: Wish
    recorded_at: datetime


NOT_RECORDED = Wish()
