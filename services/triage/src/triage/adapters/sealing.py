"""Sealing: AES-256-GCM under a random key per case, which is itself sealed under a key from a file.

A case can be forgotten by throwing its key away, and the file's key can be replaced without touching what is sealed. Every seal is bound
to its case and field: moved to another row or column it does not open.
"""

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from chassis.security.sealing import KEY_BYTES, Seal, SealBroken
from triage.adapters.keys import VaultKeys

_WRAPPED = "key"


@dataclass(frozen=True, slots=True, repr=False)
class WrappedKey:
    """A case's key as it is stored: sealed, and by which key of the file."""

    by: str
    sealed: bytes


class CaseSeal:
    """Seals and opens the texts of one case."""

    def __init__(self, case_id: UUID, key: bytes) -> None:
        self._case_id = case_id
        self._seal = Seal(key)

    def seal(self, field: str, text: bytes) -> bytes:
        """Nonce and ciphertext."""
        return self._seal.seal(_bound_to(self._case_id, field), text)

    def open(self, field: str, sealed: bytes) -> bytes:
        """The text.

        Raises:
            SealBroken: when this was not sealed for this field of this case.
        """
        return self._seal.open(_bound_to(self._case_id, field), sealed)


class Sealing:
    """What the keys of the file are used for."""

    def __init__(self, keys: VaultKeys) -> None:
        self._active = keys.active
        self._wrapping = {name: Seal(key) for name, key in keys.keys.items()}
        self._hash_key = keys.hash_key

    def new_case(self, case_id: UUID) -> tuple[CaseSeal, WrappedKey]:
        """A key for a new case."""
        key = os.urandom(KEY_BYTES)
        return CaseSeal(case_id, key), WrappedKey(self._active, self._wrapping[self._active].seal(_bound_to(case_id, _WRAPPED), key))

    def known_case(self, case_id: UUID, wrapped: WrappedKey) -> CaseSeal:
        """The key of a case.

        Raises:
            SealBroken: when it is another case's key, or wrapped by a key that the file no longer has.
        """
        wrapping = self._wrapping.get(wrapped.by)
        if wrapping is None:
            raise SealBroken("the key that this case was sealed with is not in the file")
        return CaseSeal(case_id, wrapping.open(_bound_to(case_id, _WRAPPED), wrapped.sealed))

    def fingerprint(self, mark: bytes) -> bytes:
        """A keyed hash: whoever has the rows but not the file cannot try all citizen service numbers."""
        return hmac.digest(self._hash_key, mark, sha256)


def _bound_to(case_id: UUID, field: str) -> bytes:
    return b"schakel.triage.vault.1|" + case_id.bytes + b"|" + field.encode()
