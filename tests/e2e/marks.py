"""Patients who can be recognised anywhere: words and numbers that occur nowhere else, and where they are found in any writing of them."""

import re
import secrets
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 2**24
_OVERLAP = 256


@dataclass(frozen=True)
class Marked:
    """Who somebody is."""

    bsn: str
    name: str
    phone: str
    complaint: str
    wish: str
    recorded_by: str

    @property
    def patient(self) -> dict[str, str]:
        return {"bsn": self.bsn, "name": self.name, "birth_date": "1931-07-19", "phone": self.phone}


class Marks:
    """What all marked patients of a run have in common, so that much can be searched for few things."""

    def __init__(self) -> None:
        self._word = f"kenmerk{secrets.token_hex(6)}"
        self._number = f"{secrets.randbelow(9 * 10**6) + 10**6}"
        self._made = 0
        self._needles = sorted({*_writings(self._word), *_disguises(self._number)})
        # Nine digits also stand in longer numbers and in random ids by chance.
        self._plain_number = re.compile(rb"(?<![0-9a-zA-Z.])" + self._number.encode() + rb"[0-9]{2}(?![0-9a-zA-Z])")

    def patient(self) -> Marked:
        """Somebody new."""
        self._made += 1
        assert self._made < 100
        word = f"{self._word}{self._made:02}"
        return Marked(
            bsn=f"{self._number}{self._made:02}",
            name=f"Joke {word}naam",
            phone=f"06 {word}telefoon",
            complaint=f"Valt vaak {word}klacht",
            wish=f"Niet naar het ziekenhuis {word}wens",
            recorded_by=f"dr {word}arts",
        )

    def found_in(self, content: bytes) -> list[str]:
        """What of them stands in this, with what stands around it."""
        at = [found for needle in self._needles if (found := content.find(needle)) >= 0]
        at += [match.start() for match in self._plain_number.finditer(content)]
        return [repr(content[max(0, found - 60) : found + 60]) for found in at]

    def found_in_file(self, file: Path) -> list[str]:
        """As above, piece by piece; nothing when the file has gone since it was listed, as PostgreSQL replaces some while it runs."""
        found: list[str] = []
        with suppress(FileNotFoundError), file.open("rb") as opened:
            end = b""
            while piece := opened.read(_CHUNK):
                found += self.found_in(end + piece)
                end = piece[-_OVERLAP:]
        return found


def _writings(value: str) -> set[bytes]:
    return {value.encode(), value.upper().encode(), *_disguises(value)}


def _disguises(value: str) -> set[bytes]:
    plain = value.encode()
    disguised = {plain.hex().encode(), plain.hex().upper().encode(), value.encode("utf-16-le"), value.encode("utf-16-be")}
    # Base64 of something that contains it: by where in a group of three bytes it begins, without what depends on its neighbours.
    for shift in range(3):
        written = b64encode(b"\0" * shift + plain + b"\0\0")
        disguised.add(written[(0, 2, 3)[shift] : (shift + len(plain)) * 8 // 6])
    return disguised
