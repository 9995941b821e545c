"""Sets of states as SQL writes them, in the order of the states, so that the same text stands in a query and in the index that serves it."""

from collections.abc import Collection
from typing import Final

from placement.domain.states import HOLDING, PLACED, OfferStatus


def _listed(statuses: Collection[OfferStatus]) -> str:
    in_order = ", ".join(f"'{status}'" for status in OfferStatus if status in statuses)
    return f"({in_order})"


ABSORBED_SQL: Final = _listed({OfferStatus.ABSORBED})
"""`status in …`: what the provider's own figures contain."""

HOLDING_SQL: Final = _listed(HOLDING)
"""`status in …`: what holds a place."""

PLACED_SQL: Final = _listed(PLACED)
"""`status in …`: what was accepted and not given up."""
