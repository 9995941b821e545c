"""An organisation does not want to be told of its offers any more."""

from chassis.errors import Rejected
from chassis.security.auth import Caller
from placement.application.permission import may_set_webhook
from placement.application.ports import Work


async def remove_webhook(work: Work, organisation: str, who: Caller) -> None:
    """Forget the address and the secret; what was not delivered yet will be shown as such.

    Raises:
        Rejected: 403 for another organisation's; 404 when there is none.
    """
    may_set_webhook(who, organisation)
    if not await work.webhooks.remove(organisation):
        raise Rejected("webhook-not-found", "This organisation has no webhook.", status=404)
