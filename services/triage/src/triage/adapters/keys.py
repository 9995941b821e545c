"""The keys of the vault: a file outside the database, without which its rows tell nothing."""

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from chassis.errors import MustStop
from chassis.security.keys import ISSUER_FILE, write_first
from chassis.security.sealing import KEY_BYTES

VAULT_FILE: Final = "vault.json"


class _File(BaseModel):
    """`active` names the key that wraps what is new; older ones stay listed as long as something is wrapped by them."""

    model_config = ConfigDict(hide_input_in_errors=True)

    active: str
    keys: dict[str, str]
    hash_key: str


@dataclass(frozen=True, slots=True, repr=False)
class VaultKeys:
    """Key-encryption keys by name, and the key of the hashes that tell a second contact."""

    active: str
    keys: Mapping[str, bytes]
    hash_key: bytes


def vault_keys(keys_dir: Path) -> VaultKeys:
    """Read the keys; where the local issuer is, which no real deployment has, they are made when they are absent.

    Raises:
        MustStop: when there are none, or none that can be read: with new ones nobody could open what is stored.
    """
    file = keys_dir / VAULT_FILE
    if not file.exists():
        if not (keys_dir / ISSUER_FILE).exists():
            raise MustStop(f"the vault's keys ({VAULT_FILE} in the folder of keys) are missing, and only a local system makes its own")
        write_first(file, made_keys())
    try:
        return _read(file.read_bytes())
    except (ValidationError, ValueError):
        raise MustStop(f"the vault's keys ({VAULT_FILE} in the folder of keys) cannot be read") from None


def made_keys() -> bytes:
    """New keys, as the file holds them."""
    name = secrets.token_hex(4)
    made = _File(active=name, keys={name: _text(secrets.token_bytes(KEY_BYTES))}, hash_key=_text(secrets.token_bytes(KEY_BYTES)))
    return made.model_dump_json(indent=2).encode()


def _read(content: bytes) -> VaultKeys:
    file = _File.model_validate_json(content)
    keys = VaultKeys(
        file.active, {name: b64decode(key, validate=True) for name, key in file.keys.items()}, b64decode(file.hash_key, validate=True)
    )
    if file.active not in keys.keys or any(len(key) != KEY_BYTES for key in (*keys.keys.values(), keys.hash_key)):
        raise ValueError("a key is missing or of another length")
    return keys


def _text(key: bytes) -> str:
    return b64encode(key).decode()
