"""Patients who found a place and lie there for a while, on top of those whom a unit's own day knows of."""

from bisect import insort
from datetime import datetime, timedelta


class Guests:
    """Who lies where through placement, and until when. A restart forgets them: then they have left."""

    def __init__(self) -> None:
        self._stays: dict[str, list[tuple[datetime, datetime]]] = {}

    def admit(self, unit: str, at: datetime, stays: timedelta) -> None:
        """A patient comes to a unit (by its external id)."""
        lying = [(came, leaves) for came, leaves in self._stays.get(unit, []) if leaves > at]
        insort(lying, (at, at + stays))
        self._stays[unit] = lying

    def at(self, unit: str, at: datetime) -> int:
        """How many of them lie there at this moment."""
        return sum(came <= at < leaves for came, leaves in self._stays.get(unit, ()))
