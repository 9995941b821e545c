"""A seal opens where it was made and nowhere else; the keys are made once, and only for a local system."""

from uuid import uuid4

import orjson
import pytest

from chassis.errors import MustStop
from chassis.security.keys import ensure_keys
from chassis.security.sealing import SealBroken
from triage.adapters.keys import VAULT_FILE, vault_keys
from triage.adapters.sealing import Sealing


@pytest.fixture
def keys_dir(tmp_path):
    ensure_keys(tmp_path)
    return tmp_path


@pytest.fixture
def sealing(keys_dir):
    return Sealing(vault_keys(keys_dir))


def test_what_was_sealed_opens_again_after_a_restart(keys_dir, sealing):
    case_id = uuid4()
    seal, wrapped = sealing.new_case(case_id)
    sealed = seal.seal("patient", b"wie het is")

    restarted = Sealing(vault_keys(keys_dir))

    assert restarted.known_case(case_id, wrapped).open("patient", sealed) == b"wie het is"
    assert b"wie het is" not in sealed
    assert seal.seal("patient", b"wie het is") != sealed


def test_a_seal_moved_to_another_case_or_field_does_not_open(sealing):
    case_id, other_id = uuid4(), uuid4()
    seal, wrapped = sealing.new_case(case_id)
    other, _ = sealing.new_case(other_id)
    sealed = seal.seal("patient", b"wie het is")

    with pytest.raises(SealBroken):
        other.open("patient", sealed)
    with pytest.raises(SealBroken):
        seal.open("complaint", sealed)
    with pytest.raises(SealBroken):
        # Its key moved along does not help either.
        sealing.known_case(other_id, wrapped)
    for broken in (sealed[:-1], b"", sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:]):
        with pytest.raises(SealBroken):
            seal.open("patient", broken)


def test_a_new_key_seals_what_is_new_and_the_old_one_still_opens(keys_dir, sealing):
    case_id = uuid4()
    seal, wrapped = sealing.new_case(case_id)
    sealed = seal.seal("patient", b"wie het is")
    file = orjson.loads((keys_dir / VAULT_FILE).read_bytes())
    (keys_dir / VAULT_FILE).write_bytes(orjson.dumps(file | {"active": "new", "keys": file["keys"] | {"new": "q" * 43 + "="}}))

    renewed = Sealing(vault_keys(keys_dir))

    assert renewed.known_case(case_id, wrapped).open("patient", sealed) == b"wie het is"
    assert renewed.new_case(case_id)[1].by == "new"
    (keys_dir / VAULT_FILE).write_bytes(orjson.dumps({**file, "active": "new", "keys": {"new": "q" * 43 + "="}}))
    without_the_old = Sealing(vault_keys(keys_dir))
    with pytest.raises(SealBroken):
        without_the_old.known_case(case_id, wrapped)


def test_the_keys_are_private_made_once_and_only_for_a_local_system(keys_dir, tmp_path_factory):
    made = vault_keys(keys_dir)

    assert vault_keys(keys_dir) == made
    assert (keys_dir / VAULT_FILE).stat().st_mode & 0o077 == 0
    with pytest.raises(MustStop, match="are missing"):
        vault_keys(tmp_path_factory.mktemp("deployed"))


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"active": "a", "keys": {}, "hash_key": ""}', b'{"active": "a", "keys": {"a": "c2hvcnQ="}, "hash_key": "%"}']
)
def test_keys_that_cannot_be_read_stop_the_service_without_being_shown(keys_dir, content):
    (keys_dir / VAULT_FILE).write_bytes(content)

    with pytest.raises(MustStop, match="cannot be read") as stopped:
        vault_keys(keys_dir)
    assert "c2hvcnQ" not in str(stopped.value)
