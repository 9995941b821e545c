"""Made-up people, who cannot be taken for anybody. Pure."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from simulator import names

MARK = "SIM-"
"""With this every made-up name begins, so that whoever meets one anywhere knows at once what it is."""
TEST_BSN = "9999"
"""Citizen service numbers that begin so are never given to anybody."""

BSN_DIGITS = 9
ELEVEN = 11
BORN_FROM = date(1930, 1, 1)
BORN_DAYS = 25_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# A caller does not always know who the patient is.
SHARE_WITH_BSN = 0.8


@dataclass(frozen=True, slots=True)
class Person:
    """As far as the caller can tell; without a text form, because what is shown of a person is shown on purpose."""

    name: str = field(repr=False)
    birth_date: date = field(repr=False)
    phone: str = field(repr=False)
    bsn: str | None = field(repr=False)

    def body(self) -> dict[str, Any]:
        """The `patient` of a contact."""
        said = {"name": self.name, "birth_date": self.birth_date.isoformat(), "phone": self.phone}
        return said | ({"bsn": self.bsn} if self.bsn is not None else {})


def made_up(random: Random) -> Person:
    """Somebody who does not exist."""
    return Person(
        name=f"{MARK}{names.surname(random)}, {random.choice(ALPHABET)}.",
        birth_date=BORN_FROM + timedelta(days=random.randrange(BORN_DAYS)),
        # No Dutch number begins like this.
        phone=f"00000{random.randrange(100_000):05}",
        bsn=_bsn(random) if random.random() < SHARE_WITH_BSN else None,
    )


def passes_eleven_test(bsn: str) -> bool:
    """Whether these nine digits could be somebody's citizen service number."""
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return len(bsn) == BSN_DIGITS and sum(weight * int(digit) for weight, digit in zip(weights, bsn, strict=True)) % ELEVEN == 0


def _bsn(random: Random) -> str:
    """A number from the range for tests, well formed: a form that checks the eleven-test takes it."""
    while True:
        bsn = f"{TEST_BSN}{random.randrange(100_000):05}"
        if passes_eleven_test(bsn):
            return bsn
