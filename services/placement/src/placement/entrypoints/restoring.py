"""What placement does after its database was restored to an earlier point: who was promised a place keeps it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from chassis.database.sql import Database
from chassis.messaging.reading import Received
from chassis.restoring.portions import portions
from chassis.restoring.restored import Published, TakenBack
from contracts.capacity import UNITS
from contracts.placement import HOLDS, AtUnit, RequestClosedV1
from contracts.topic import Topic
from contracts.triage import CASES
from placement.adapters.sql.work import SqlWork
from placement.application.events import holds_changed
from placement.application.holds import settle
from placement.application.take_back import take_back
from placement.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class PlacementRestoring:
    """Offers come back from its own topic, after the units and requests that they are about were read."""

    policy: Policy
    tagged: ClassVar[Collection[str]] = ("requests", "offers")
    read_first: ClassVar[Collection[Topic]] = (UNITS, CASES)

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:
        told: dict[UUID, list[AtUnit | RequestClosedV1]] = {}
        for one in forgotten:
            if isinstance(one.event, AtUnit | RequestClosedV1):
                told.setdefault(one.event.case_id, []).append(one.event)
        events, to_do = 0, list[str]()
        for case_id, of_case in sorted(told.items()):
            async with database.begin() as tx:
                left = await take_back(SqlWork(tx, self.policy), case_id, of_case)
            events += 0 if left else len(of_case)
            to_do += left
        return TakenBack(events, to_do)

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:
        async with database.begin() as tx:
            unit_ids = await SqlWork(tx, self.policy).units.all_ids()
        for some in portions(unit_ids):
            async with database.begin() as tx:
                work = SqlWork(tx, self.policy)
                await settle(work, list(await work.units.locked(some)), await work.now())
        gone = sorted({UUID(key) for key in told[HOLDS.name]} - set(unit_ids))
        for part in portions(gone):
            async with database.begin() as tx:
                work = SqlWork(tx, self.policy)
                for unit_id in part:
                    # An empty list and no tombstone, as the contract has it.
                    work.publish(HOLDS, holds_changed(unit_id, [], [], None, await work.now()), key=str(unit_id))
        return Published({HOLDS.name: len(unit_ids) + len(gone)})
