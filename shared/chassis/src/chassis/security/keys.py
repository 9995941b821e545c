"""The local issuer: a key pair in a folder, made once, so that a development system can give out tokens that its services accept.

A real deployment mounts the `jwks.json` of its identity provider instead and has no `issuer.json`.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from joserfc import jwk, jwt

from chassis.security.roles import Role

ISSUER_FILE = "issuer.json"
JWKS_FILE = "jwks.json"
HASH_KEY_FILE = "hash.key"

ALGORITHM = "ES256"
_CURVE = "P-256"
_KEY_BYTES = 32


def ensure_keys(keys_dir: Path) -> jwk.ECKey:
    """Make the issuer's key where there is none and list it among the accepted ones; any number of processes may do so at once.

    Keys of others in `jwks.json` stay.
    """
    keys_dir.mkdir(parents=True, exist_ok=True)
    made = jwk.ECKey.generate_key(_CURVE, auto_kid=True)
    write_first(keys_dir / ISSUER_FILE, orjson.dumps(made.as_dict(private=True)))
    key = _private_key(keys_dir)

    accepted = _listed(keys_dir / JWKS_FILE)
    if not any(listed.get("kid") == key.kid for listed in accepted):
        public = {**key.as_dict(private=False), "alg": ALGORITHM, "use": "sig"}
        _replace(keys_dir / JWKS_FILE, orjson.dumps({"keys": [*accepted, public]}, option=orjson.OPT_INDENT_2))
    return key


def issuer_key(keys_dir: Path) -> jwk.ECKey | None:
    """The local issuer's key, or None in a deployment that has none."""
    return _private_key(keys_dir) if (keys_dir / ISSUER_FILE).exists() else None


def hash_key(keys_dir: Path) -> bytes:
    """The key of our keyed hashes; outside the database, so that its rows alone tell nothing of the bodies."""
    return kept_key(keys_dir / HASH_KEY_FILE)


def kept_key(file: Path) -> bytes:
    """The 32 random bytes of a file, made where there is none; any number of processes may do so at once.

    Raises:
        ValueError: when the file holds no such key.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_first(file, secrets.token_hex(_KEY_BYTES).encode())
    return bytes.fromhex(file.read_text())


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs, and the `iss` and `aud` that our services demand."""

    key: jwk.ECKey
    issuer: str
    audience: str

    def token(self, role: Role, *, org: str | None = None, region: str | None = None, ttl: timedelta, subject: str | None = None) -> str:
        """A signed bearer token; a negative time to live makes one that has expired."""
        now = datetime.now(UTC)
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": subject or f"local:{role}:{org or region or 'landelijk'}",
            "iat": int(now.timestamp()),
            "exp": int((now + ttl).timestamp()),
            "jti": str(uuid4()),
            "role": str(role),
        }
        if org is not None:
            claims["org"] = org
        if region is not None:
            claims["region"] = region
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, self.key, algorithms=[ALGORITHM])


def _private_key(keys_dir: Path) -> jwk.ECKey:
    return jwk.ECKey.import_key(orjson.loads((keys_dir / ISSUER_FILE).read_bytes()))


def _listed(file: Path) -> list[dict[str, Any]]:
    try:
        keys = orjson.loads(file.read_bytes())["keys"]
    except FileNotFoundError:
        return []
    return list(keys)


def write_first(file: Path, content: bytes) -> None:
    """Write a private file whole, unless another process was first: a hard link never replaces and never shows half a file."""
    if file.exists():
        return
    draft = _draft(file, content)
    try:
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _replace(file: Path, content: bytes) -> None:
    draft = _draft(file, content)
    draft.chmod(0o644)
    draft.replace(file)


def _draft(file: Path, content: bytes) -> Path:
    draft = file.with_name(f".{file.name}.{uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    return draft
