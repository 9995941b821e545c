"""What is read from Kafka: how placement goes on with our cases, and that it lives."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from chassis.database.sql import Transaction
from chassis.messaging.reading import SOON_SECONDS, Handler, Reading, Received
from contracts.event import Event
from contracts.placement import PLACEMENTS, PlacementHeartbeatV1
from triage.adapters.sql.work import SqlWork
from triage.application.follow_placements import FOLLOWED, Told, doubt_journeys, follow_placements


def placements() -> Reading:
    """What is done with the topic of placements."""
    handlers: dict[type[Event], Handler] = {**dict.fromkeys(FOLLOWED, follow), PlacementHeartbeatV1: hear}
    return Reading(PLACEMENTS, handlers, on_parked=note_parked, within_seconds=SOON_SECONDS)


async def follow(tx: Transaction, received: Sequence[Received[Any]]) -> None:
    """Events about cases."""
    await follow_placements(SqlWork(tx), [Told(one.event, one.version, one.partition) for one in received])


async def hear(tx: Transaction, received: Sequence[Received[PlacementHeartbeatV1]]) -> None:
    """Whatever placement said on this partition before this moment has been read."""
    beats = {one.partition: one.recorded_at for one in sorted(received, key=lambda one: one.recorded_at)}
    await SqlWork(tx).acceptances.heard(beats)


async def note_parked(tx: Transaction, keys: Sequence[str], is_parked: bool) -> None:
    """While an event about a case cannot be read, a release may be what it says."""
    case_ids = [case_id for key in keys if (case_id := _id(key))]
    await doubt_journeys(SqlWork(tx), case_ids, is_uncertain=is_parked)


def _id(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        # A heartbeat's key.
        return None
