"""What triage does after its database was restored to an earlier point: it says what must be asked and written down anew."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from chassis.database.sql import Database
from chassis.messaging.reading import Received
from chassis.restoring.restored import Published, TakenBack
from contracts.topic import Topic
from contracts.triage import CaseAssessedV1, CaseClosedV1, CaseHandedOverV1, CaseRegisteredV1, PlacementRequestedV1
from triage.adapters.sql.work import SqlWork

_DONE: Mapping[type[Any], str] = {
    CaseAssessedV1: "was assessed: assess it again",
    PlacementRequestedV1: "asked for a place, which placement goes on with: ask again, so that the case follows it",
    CaseHandedOverV1: "was handed over to 112: close it",
    CaseClosedV1: "was closed: close it again",
}


class TriageRestoring:
    """Events never say who somebody is, so nothing comes back from them."""

    tagged: ClassVar[Collection[str]] = ("cases",)
    read_first: ClassVar[Collection[Topic]] = ()

    async def take_back(self, database: Database, forgotten: Sequence[Received[Any]]) -> TakenBack:
        """Nothing; but all of it must be done again."""
        case_ids = {UUID(one.key) for one in forgotten}
        async with database.begin() as tx:
            known = await SqlWork(tx).cases.locked(case_ids)
        to_do = [
            f"contact of {one.event.registered_at.isoformat(timespec='seconds')}, case {one.key}: register the caller and the patient "
            f"again, and let a coordinator cancel its request for a place"
            for one in forgotten
            if isinstance(one.event, CaseRegisteredV1) and one.event.case_id not in known
        ]
        to_do += [
            f"case {one.key} {_DONE[type(one.event)]}" for one in forgotten if type(one.event) in _DONE and one.event.case_id in known
        ]
        return TakenBack(0, to_do)

    async def publish_again(self, database: Database, told: Mapping[str, Collection[str]]) -> Published:  # noqa: ARG002  its port
        """Triage has no topic of states."""
        return Published({})
