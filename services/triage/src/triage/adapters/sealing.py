"""Sealing: AES-256-GCM under a random key per case, which is itself sealed under a key from a file.

A case can be forgotten by throwing its key away, and the file's key can be replaced without touching what is sealed. Every seal is bound
to its case and field: moved to another row or column it does not open.
"""

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from triage.adapters.keys import KEY_BYTES, VaultKeys

# 96 bits, as GCM wants them; random, because a key seals a handful of texts and never the billions that would make two alike likely.
_NONCE_BYTES = 12

_WRAPPED = "key"


class SealBroken(Exception):  # noqa: N818  it says what happened, in a form that shows nothing of what was sealed
    """A seal does not open: it was changed or moved, or its key is not ours."""


@dataclass(frozen=True, slots=True, repr=False)
class WrappedKey:
    """A case's key as it is stored: sealed, and by which key of the file."""

    by: str
    sealed: bytes


class CaseSeal:
    """Seals and opens the texts of one case."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._cipher = AESGCM(key)

    def seal(self, field: str, text: bytes) -> bytes:
        """Nonce and ciphertext."""
        return _seal(self._cipher, self._case_id, field, text)

    def open(self, field: str, sealed: bytes) -> bytes:
        """The text.

        Raises:
            SealBroken: when this was not sealed for this field of this case.
        """
        return _open(self._cipher, self._case_id, field, sealed)


class Sealing:
    """What the keys of the file are used for."""

    def __init__(self, keys: VaultKeys) -> None:
        self._active = keys.active
        self._wrapping = {name: AESGCM(key) for name, key in keys.keys.items()}
        self._hash_key = keys.hash_key

    def new_case(self, case_id: UUID) -> tuple[CaseSeal, WrappedKey]:
        """A key for a new case."""
        key = os.urandom(KEY_BYTES)
        return CaseSeal(case_id, key), WrappedKey(self._active, _seal(self._wrapping[self._active], case_id, _WRAPPED, key))

    def known_case(self, case_id: UUID, wrapped: WrappedKey) -> CaseSeal:
        """The key of a case.

        Raises:
            SealBroken: when it is another case's key, or wrapped by a key that the file no longer has.
        """
        wrapping = self._wrapping.get(wrapped.by)
        if wrapping is None:
            raise SealBroken("the key that this case was sealed with is not in the file")
        return CaseSeal(case_id, _open(wrapping, case_id, _WRAPPED, wrapped.sealed))

    def fingerprint(self, mark: bytes) -> bytes:
        """A keyed hash: whoever has the rows but not the file cannot try all citizen service numbers."""
        return hmac.digest(self._hash_key, mark, sha256)


def _bound_to(case_id: UUID, field: str) -> bytes:
    return b"schakel.triage.vault.1|" + case_id.bytes + b"|" + field.encode()


def _seal(cipher: AESGCM, case_id: UUID, field: str, text: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, text, _bound_to(case_id, field))


def _open(cipher: AESGCM, case_id: UUID, field: str, sealed: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(case_id, field))
    except (InvalidTag, ValueError):
        raise SealBroken("a seal does not open") from None
