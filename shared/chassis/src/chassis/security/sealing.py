"""Seals: AES-256-GCM, each bound to the place where it is kept, so that moved to another row or column it does not open."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32

# 96 bits, as GCM wants them; random, because one key seals some thousand texts and never the billions that would make two alike likely.
_NONCE_BYTES = 12


class SealBroken(Exception):  # noqa: N818  it says what happened, in a form that shows nothing of what was sealed
    """A seal does not open: it was changed or moved, or its key is not ours."""


class Seal:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        """Take a key of `KEY_BYTES`."""
        self._cipher = AESGCM(key)

    def seal(self, bound_to: bytes, content: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, bound_to)

    def open(self, bound_to: bytes, sealed: bytes) -> bytes:
        """What was sealed.

        Raises:
            SealBroken: when it was not sealed for this place with this key.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except (InvalidTag, ValueError):
            raise SealBroken("a seal does not open") from None
