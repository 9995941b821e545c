"""Who the patient is: known to the vault only. Nothing here has a text form, so that no log or traceback can show it."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

_NO_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True, repr=False)
class Patient:
    """As far as the caller could tell."""

    bsn: str | None = None
    name: str | None = None
    birth_date: date | None = None
    phone: str | None = None

    def marks(self) -> tuple[bytes, ...]:
        """What tells this person from others when there is no citizen service number to go by, in one spelling.

        The name with the birth date and the name with the phone, since a second caller often knows only one of them; a name alone
        tells nobody apart.
        """
        name = _letters(self.name or "")
        marks = {"born": self.birth_date.isoformat() if self.birth_date else "", "phone": _digits(self.phone or "")}
        return tuple(f"{kind}:{name}|{mark}".encode() for kind, mark in marks.items() if name and mark)


@dataclass(frozen=True, slots=True, repr=False)
class WishTexts:
    """What was said beside the choices, and who wrote it down."""

    recorded_by: str
    hospital: str | None = None
    ic: str | None = None
    resuscitation: str | None = None
    ventilation: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """All that the vault keeps of a case."""

    patient: Patient
    complaint: str
    wishes: WishTexts | None


def _letters(name: str) -> str:
    """Jan-Willem Wíerda and jan willem wierda are one."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).casefold() if letter.isalpha())


def _digits(phone: str) -> str:
    """+31 6 1234, 0031 6 1234 and 06-1234 are one number."""
    digits = _NO_DIGIT.sub("", phone)
    for country in ("0031", "31"):
        if digits.startswith(country):
            return "0" + digits.removeprefix(country).removeprefix("0")
    return digits
