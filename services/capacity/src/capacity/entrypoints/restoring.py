"""What capacity does after its database was restored to an earlier point."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from capacity.adapters.sql.work import SqlWork
from capacity.application.show_units import show_units
from capacity.application.take_back import take_back_flows, take_back_observations
from capacity.domain.age_limits import AgeLimits
from chassis.database.sql import Database
from chassis.messaging.reading import Received
from chassis.restoring.portions import portions
from chassis.restoring.restored import Published, TakenBack
from contracts.capacity import UNITS, FlowRecordedV1, ObservationRecordedV1
from contracts.topic import Topic


@dataclass(frozen=True, slots=True)
class CapacityRestoring:
    """Reports and flows come back from its own topics; units that were registered since do not."""

    ages: AgeLimits
    tagged: ClassVar[Collection[str]] = ("locations", "units")
    read_first: ClassVar[Collection[Topic]] = ()

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:
        observations = [one.event for one in forgotten if isinstance(one.event, ObservationRecordedV1)]
        flows = [one.event for one in forgotten if isinstance(one.event, FlowRecordedV1)]
        to_do: list[str] = []
        for some in portions(observations):
            async with database.begin() as tx:
                homeless = await take_back_observations(SqlWork(tx, self.ages), some)
            to_do += [
                f"report {one.report_id} (revision {one.revision}) about unit {one.unit_id}, once it is registered" for one in homeless
            ]
        for part in portions(flows):
            async with database.begin() as tx:
                unplaced = await take_back_flows(SqlWork(tx, self.ages), part)
            to_do += [
                f"flow {one.flow_id} (revision {one.revision}) of location {one.location_id}, once it is registered" for one in unplaced
            ]
        return TakenBack(len(observations) + len(flows) - len(to_do), to_do)

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:
        async with database.begin() as tx:
            unit_ids = await SqlWork(tx, self.ages).units.all_ids()
        for some in portions(unit_ids):
            async with database.begin() as tx:
                work = SqlWork(tx, self.ages)
                now, units = await work.units.locked(some)
                await show_units(work, units.values(), now)
        gone = sorted(set(told[UNITS.name]) - {str(unit_id) for unit_id in unit_ids})
        for keys in portions(gone):
            async with database.begin() as tx:
                for key in keys:
                    tx.end(UNITS, key=key)
        to_do = [f"unit {key} was registered since: register it again, under a new id" for key in gone]
        return Published({UNITS.name: len(unit_ids) + len(gone)}, to_do)
