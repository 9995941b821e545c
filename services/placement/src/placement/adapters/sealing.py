"""Seals the secrets of webhooks: whoever has the database but not the folder of keys cannot sign in our name.

They say nothing of patients, so one key for all of them suffices; when it is lost, each organisation sets its webhook again.
"""

from pathlib import Path
from typing import Final

from chassis.errors import MustStop
from chassis.security.keys import kept_key
from chassis.security.sealing import Seal

KEY_FILE: Final = "webhooks.key"


class SecretSeal:
    """A seal is bound to its organisation, and opens in no other's row."""

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)

    @classmethod
    def of(cls, keys_dir: Path) -> "SecretSeal":
        """With the key in this folder, made where there is none.

        Raises:
            MustStop: when it cannot be read.
        """
        try:
            return cls(kept_key(keys_dir / KEY_FILE))
        except ValueError:
            raise MustStop(f"the key of the webhooks' secrets ({KEY_FILE} in the folder of keys) cannot be read") from None

    def seal(self, organisation: str, secret: str) -> bytes:
        """Nonce and ciphertext."""
        return self._seal.seal(_bound_to(organisation), secret.encode())

    def open(self, organisation: str, sealed: bytes) -> str:
        """The secret.

        Raises:
            SealBroken: when it was not sealed for this organisation with this key.
        """
        return self._seal.open(_bound_to(organisation), sealed).decode()


def _bound_to(organisation: str) -> bytes:
    return b"schakel.placement.webhook.1|" + organisation.encode()
