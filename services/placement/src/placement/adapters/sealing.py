"""Seals the secrets of webhooks: whoever has the database but not the folder of keys cannot sign in our name.

They say nothing of patients, so one key for all of them suffices; when it is lost, each organisation sets its webhook again.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.errors import MustStop
from chassis.keys import write_first

KEY_FILE: Final = "webhooks.key"

_KEY_BYTES = 32
# 96 bits, as GCM wants them; random, because one key seals a few thousand secrets.
_NONCE_BYTES = 12


class SealBroken(Exception):  # noqa: N818  it says what happened, in a form that shows nothing of what was sealed
    """A seal does not open: it was changed or moved, or made with another key."""


class SecretSeal:
    """AES-256-GCM; a seal is bound to its organisation, and opens in no other's row."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of(cls, keys_dir: Path) -> "SecretSeal":
        """With the key in this folder, made where there is none; any number of processes may do so at once.

        Raises:
            MustStop: when it cannot be read.
        """
        file = keys_dir / KEY_FILE
        if not file.exists():
            keys_dir.mkdir(parents=True, exist_ok=True)
            write_first(file, secrets.token_hex(_KEY_BYTES).encode())
        try:
            return cls(bytes.fromhex(file.read_text()))
        except ValueError:
            raise MustStop(f"the key of the webhooks' secrets ({KEY_FILE} in the folder of keys) cannot be read") from None

    def seal(self, organisation: str, secret: str) -> bytes:
        """Nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), _bound_to(organisation))

    def open(self, organisation: str, sealed: bytes) -> str:
        """The secret.

        Raises:
            SealBroken: when it was not sealed for this organisation with this key.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(organisation)).decode()
        except (InvalidTag, ValueError):
            raise SealBroken("a seal does not open") from None


def _bound_to(organisation: str) -> bytes:
    return b"schakel.placement.webhook.1|" + organisation.encode()
