"""What placement does with the topics of triage and capacity; the chassis gives it batches and commits them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.messaging.reading import SOON_SECONDS, UNHURRIED_SECONDS, Handler, OnParked, Reading, Received
from contracts.capacity import UNITS, UnitChangedV1
from contracts.event import Ended
from contracts.triage import CASES, CaseClosedV1, CaseHandedOverV1, PlacementRequestedV1
from placement.adapters.sql.work import SqlWork
from placement.application.forget_units import forget_units
from placement.application.note_parked import note_parked
from placement.application.open_requests import open_requests
from placement.application.project_units import Told, project_units
from placement.application.withdraw_for_case import withdraw_for_case
from placement.domain.policy import Policy


def readings(policy: Policy) -> tuple[Reading, ...]:
    """Topic by topic, what is done with its events."""
    ending = _ending(policy)
    return (
        Reading(
            CASES, {PlacementRequestedV1: _opening(policy), CaseHandedOverV1: ending, CaseClosedV1: ending}, within_seconds=SOON_SECONDS
        ),
        Reading(
            UNITS,
            {UnitChangedV1: _projecting(policy), Ended: _forgetting(policy)},
            on_parked=_marking(policy),
            within_seconds=UNHURRIED_SECONDS,
        ),
    )


def _opening(policy: Policy) -> Handler:
    async def handle(tx: Transaction, received: Sequence[Received[Any]]) -> None:
        await open_requests(SqlWork(tx, policy), [one.event for one in received])

    return handle


def _ending(policy: Policy) -> Handler:
    async def handle(tx: Transaction, received: Sequence[Received[Any]]) -> None:
        await withdraw_for_case(SqlWork(tx, policy), [one.event for one in received])

    return handle


def _projecting(policy: Policy) -> Handler:
    async def handle(tx: Transaction, received: Sequence[Received[Any]]) -> None:
        await project_units(SqlWork(tx, policy), [Told(one.event, one.version) for one in received])

    return handle


def _forgetting(policy: Policy) -> Handler:
    async def handle(tx: Transaction, received: Sequence[Received[Ended]]) -> None:
        await forget_units(SqlWork(tx, policy), {UUID(one.key): one.version for one in received})

    return handle


def _marking(policy: Policy) -> OnParked:
    async def mark(tx: Transaction, keys: Sequence[str], is_parked: bool) -> None:  # the chassis' form of it
        # A key that is no unit's never had a place.
        await note_parked(SqlWork(tx, policy), [unit_id for key in keys if (unit_id := _id(key))], is_parked=is_parked)

    return mark


def _id(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None
