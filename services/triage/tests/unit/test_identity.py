"""The same person is recognised however the name and number were written down; nothing shows who it is."""

from datetime import date

import pytest

from triage.application.register_case import Contact
from triage.domain.identity import Identity, Patient, WishTexts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Patient(name="Jan-Willem Wíerda", birth_date=date(1940, 2, 1)), Patient(name="jan willem WIERDA", birth_date=date(1940, 2, 1))),
        (Patient(name="A. Bakker", phone="+31 6 1234 5678"), Patient(name="a bakker", phone="06-12345678")),
        (Patient(name="A. Bakker", phone="0031 (0)6 12345678"), Patient(name="A Bakker", phone="0612345678")),
        (
            Patient(name="A. Bakker", phone="0612345678", birth_date=date(1940, 2, 1)),
            Patient(name="A. Bakker", birth_date=date(1940, 2, 1)),
        ),
    ],
)
def test_one_person_has_a_mark_in_common_however_it_was_written(one, other):
    assert set(one.marks()) & set(other.marks())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Patient(name="A. Bakker"), Patient(name="A. Bakker")),
        (Patient(name="A. Bakker", birth_date=date(1940, 2, 1)), Patient(name="A. Bakker", birth_date=date(1940, 2, 2))),
        (Patient(birth_date=date(1940, 2, 1), phone="0612345678"), Patient(birth_date=date(1940, 2, 1), phone="0612345678")),
    ],
)
def test_a_name_alone_or_a_phone_alone_tells_nobody_apart(one, other):
    assert not set(one.marks()) & set(other.marks())


def test_no_text_of_what_the_vault_keeps_shows_it():
    patient = Patient("123456782", "GEHEIM", date(1940, 2, 1), "GEHEIM")
    identity = Identity(patient, "GEHEIM", WishTexts("GEHEIM", "GEHEIM"))

    for secret in (patient, identity, identity.wishes, [identity]):
        assert "GEHEIM" not in repr(secret)
        assert "GEHEIM" not in str(secret)
    assert "repr=False" in str(Contact.__dataclass_params__)
