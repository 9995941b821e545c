#!/usr/bin/env python3
"""Makes the secrets of the deployment as files, those that are missing and no others: `python make_secrets.py FOLDER`.

Whoever has their own (an identity provider's `jwks.json`, a certificate that browsers know) puts them in their place, and they stay.
Containers have users of their own and could not read private files, so what keeps others out on this machine is the folder itself.
"""

import secrets
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chassis.security.keys import HASH_KEY_FILE, ISSUER_FILE, JWKS_FILE, ensure_keys, kept_key
from placement.adapters.sealing import KEY_FILE as WEBHOOKS_FILE
from triage.adapters.keys import VAULT_FILE, made_keys

SERVICES = ("triage", "capacity", "placement", "reporting")
DATABASE_ROLES = ("administrator", *SERVICES)
KAFKA_USERS = ("admin", "broker", *SERVICES, "lcps", "provider")

# Under these names the gateway is reached: from this machine, and by the other containers.
_NAMES = (x509.DNSName("localhost"), x509.DNSName("gateway"), x509.IPAddress(ip_address("127.0.0.1")))
_ONLY_SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
_AUTHORITY_LASTS = timedelta(days=3650)
# What browsers accept at most, and long enough before its end for a start in between.
_CERTIFICATE_LASTS = timedelta(days=397)
_RENEWED_BEFORE_END = timedelta(days=30)


def make_secrets(folder: Path) -> None:
    """Make what is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for role in DATABASE_ROLES:
        _password(folder / "database" / role)
    for user in KAFKA_USERS:
        _password(folder / "kafka" / user)
    _password(folder / "grafana" / "administrator")
    _keys(folder / "keys")
    _certificate(folder / "gateway")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o444)


def _password(file: Path) -> None:
    if not file.exists():
        _write(file, secrets.token_hex(24).encode())


def _keys(folder: Path) -> None:
    """Whose tokens count, and for each service a folder with what it needs to know and no more."""
    issuer = folder / "issuer"
    if not (issuer / JWKS_FILE).exists() or (issuer / ISSUER_FILE).exists():
        # Where somebody put the keys of an identity provider there is no local issuer.
        ensure_keys(issuer)
    for service in SERVICES:
        kept_key(folder / service / HASH_KEY_FILE)
        # Not only the first time: a key that was added or taken out there counts here from now on.
        _copy(issuer / JWKS_FILE, folder / service / JWKS_FILE)
    kept_key(folder / "placement" / WEBHOOKS_FILE)
    # Its pages give visitors of a local system their cookie, which the issuer signs.
    _copy(issuer / ISSUER_FILE, folder / "reporting" / ISSUER_FILE)
    vault = folder / "triage" / VAULT_FILE
    if not vault.exists():
        _write(vault, made_keys())


def _certificate(folder: Path) -> None:
    """A certificate for the gateway from an authority of its own, whose `ca.pem` clients are told to trust."""
    file, authority_file = folder / "certificate.pem", folder / "ca.pem"
    if file.exists() and not authority_file.exists():
        return  # somebody's own
    if not authority_file.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Schakel, local authority")])
        builder = (
            _builder(name, name, key, _AUTHORITY_LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_ONLY_SIGNS, critical=True)
        )
        _write(folder / "ca.key", _private(key))
        _write(authority_file, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    if file.exists() and x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc > datetime.now(UTC) + _RENEWED_BEFORE_END:
        return
    authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), authority.subject, key, _CERTIFICATE_LASTS)
        .add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    _write(folder / "key.pem", _private(key))
    _write(file, builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: timedelta) -> x509.CertificateBuilder:
    # An hour back: the clock of whoever checks it may be a little behind.
    begin = datetime.now(UTC) - timedelta(hours=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all: half a secret would stay for good."""
    file.parent.mkdir(exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.write_bytes(content)
    draft.replace(file)


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        target.unlink(missing_ok=True)
    elif not target.exists() or target.read_bytes() != source.read_bytes():
        _write(target, source.read_bytes())


if __name__ == "__main__":
    make_secrets(Path(sys.argv[1]))
