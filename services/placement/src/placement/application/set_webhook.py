"""An organisation says where it wants to be told of its offers."""

import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Final, Protocol

from chassis.errors import FieldError, Rejected
from chassis.security.auth import Caller
from placement.application.permission import may_set_webhook
from placement.application.ports import Work
from placement.domain.webhook import wrong_with_url

# Standard Webhooks wants 24 to 64 bytes, in base64 behind this prefix.
_SECRET_BYTES: Final = 32
_WRITTEN_AS: Final = "whsec_"


class Seals(Protocol):
    """Closes a secret so that the database alone does not tell it."""

    def seal(self, organisation: str, secret: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class NewSecret:
    """With what the messages are signed from now on; it is told this once."""

    secret: str
    is_first: bool
    """Whether the organisation had no webhook before."""


async def set_webhook(work: Work, organisation: str, url: str, *, seals: Seals, allow_http: bool, who: Caller) -> NewSecret:
    """Store the address under a new secret; who has lost the secret, or its answer, sets it again.

    Raises:
        Rejected: 403 for another organisation's; 422 for an address to which nothing can be sent.
    """
    may_set_webhook(who, organisation)
    if wrong := wrong_with_url(url, allow_http=allow_http):
        raise Rejected("url-not-valid", "Nothing can be sent to this address.", errors=[FieldError("/url", wrong)])
    secret = _WRITTEN_AS + b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    is_first = await work.webhooks.set(organisation, url, seals.seal(organisation, secret))
    return NewSecret(secret, is_first)
