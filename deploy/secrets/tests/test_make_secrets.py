import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from triage.adapters.keys import vault_keys


def the_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", Path(__file__).parents[1] / "make_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_secrets = the_script().make_secrets


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    make_secrets(made)
    return made


def test_another_start_leaves_every_secret_as_it_is(folder: Path) -> None:
    before = contents(folder)

    make_secrets(folder)

    assert contents(folder) == before


def test_a_lost_password_is_made_again_and_no_other(folder: Path) -> None:
    before = contents(folder)
    (folder / "kafka" / "lcps").unlink()

    make_secrets(folder)

    assert {name for name, content in contents(folder).items() if content != before[name]} == {"kafka/lcps"}


def test_others_on_the_machine_cannot_enter_and_the_users_of_the_containers_can_read(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*")} == {0o755, 0o444}


def test_no_two_passwords_are_equal_and_none_ends_with_a_line_break(folder: Path) -> None:
    passwords = [file.read_bytes() for kind in ("database", "kafka", "grafana") for file in (folder / kind).iterdir()]

    assert len(set(passwords)) == len(passwords)
    assert all(password.strip() == password for password in passwords)


def test_a_service_is_handed_no_key_of_another(folder: Path) -> None:
    keys = folder / "keys"

    assert {service.name: sorted(file.name for file in service.iterdir()) for service in keys.iterdir()} == {
        "issuer": ["issuer.json", "jwks.json"],
        "capacity": ["hash.key", "jwks.json"],
        "placement": ["hash.key", "jwks.json", "webhooks.key"],
        "reporting": ["hash.key", "issuer.json", "jwks.json"],
        "triage": ["hash.key", "jwks.json", "vault.json"],
    }
    assert len({(keys / service / "hash.key").read_bytes() for service in ("capacity", "placement", "reporting", "triage")}) == 4
    vault_keys(keys / "triage")


def test_where_an_identity_provider_gives_out_the_tokens_nobody_else_can(tmp_path: Path) -> None:
    theirs = {"keys": [{"kty": "EC", "kid": "theirs"}]}
    jwks = tmp_path / "keys" / "issuer" / "jwks.json"
    jwks.parent.mkdir(parents=True)
    jwks.write_text(json.dumps(theirs))

    make_secrets(tmp_path)

    assert not list(tmp_path.rglob("issuer.json"))
    assert json.loads((tmp_path / "keys" / "triage" / "jwks.json").read_text()) == theirs


def test_a_key_that_counts_no_longer_is_taken_out_everywhere(folder: Path) -> None:
    shutil.rmtree(folder / "keys" / "issuer")

    make_secrets(folder)

    accepted = {(folder / "keys" / name / "jwks.json").read_bytes() for name in ("issuer", "triage", "capacity", "placement", "reporting")}
    assert len(accepted) == 1
    assert (folder / "keys" / "reporting" / "issuer.json").read_bytes() == (folder / "keys" / "issuer" / "issuer.json").read_bytes()


def test_the_certificate_of_the_gateway_is_good_for_who_trusts_its_authority_and_for_its_names_only(folder: Path) -> None:
    certificate = x509.load_pem_x509_certificate((folder / "gateway" / "certificate.pem").read_bytes())
    authority = x509.load_pem_x509_certificate((folder / "gateway" / "ca.pem").read_bytes())
    trusting = PolicyBuilder().store(Store([authority]))

    trusting.build_server_verifier(x509.DNSName("localhost")).verify(certificate, [])
    with pytest.raises(VerificationError):
        trusting.build_server_verifier(x509.DNSName("elsewhere.nl")).verify(certificate, [])


def test_a_certificate_of_ones_own_stays(folder: Path) -> None:
    for name in ("ca.pem", "ca.key"):
        (folder / "gateway" / name).unlink()
    before = contents(folder)

    make_secrets(folder)

    assert contents(folder) == before
