"""What is broken on purpose, how long anybody noticed, and the table of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chassis.testing.waiting import eventually

from .deployment import Deployment
from .screens import Screen

_BACK_WITHIN_SECONDS = 120
# As long as it takes until Kafka gives the partitions of a worker that died to others, so that what that does is seen too.
_LOOKED_AT_FOR_SECONDS = 12
_COLUMNS = "{:<30} {:>17} {:>7} {:>9}  {:>16} {:>6} {:>8} {:>6}"
HEADING = _COLUMNS.format("", "refused: capacity", "triage", "placement", "silent: national", "board", "requests", "cases")


@dataclass
class Fault:
    """One thing that was done to the system while everybody went on."""

    what: str
    counts_from: float
    """What is excused ends here: with the fault's beginning, or when that is back without which nobody can do anything."""
    refused: dict[str, float] = field(default_factory=dict)
    """By service, the longest that nobody was taken in."""
    silent: dict[str, float] = field(default_factory=dict)
    """By screen, the longest that nothing moved."""

    def row(self) -> str:
        refused = [f"{self.refused.get(service, 0):.1f} s" for service in ("capacity", "triage", "placement")]
        silent = [f"{seconds:.1f} s" for seconds in self.silent.values()]
        return _COLUMNS.format(self.what, *refused, *silent)


class Faults:
    """All faults of a run, one after the other."""

    def __init__(self, deployment: Deployment, screens: Sequence[Screen]) -> None:
        self._deployment = deployment
        self._screens = screens
        self.all: list[Fault] = []

    @asynccontextmanager
    async def measured(self, what: str) -> AsyncIterator[Fault]:
        """Do it in the block; then wait until everything is well again, and write down what was noticed meanwhile."""
        loop = asyncio.get_running_loop()
        fault = Fault(what, loop.time())
        yield fault
        done = loop.time()

        async def is_well() -> bool:
            assert self._deployment.intake.is_open, "somebody is still being refused"
            for screen in self._screens:
                assert screen.moved_since(done), f"nothing has moved on the {screen.name} stream since"
            return await self._deployment.is_well()

        await asyncio.sleep(_LOOKED_AT_FOR_SECONDS)
        await eventually(is_well, timeout=_BACK_WITHIN_SECONDS, every=0.5, what=f"everything to be well again after: {what}")
        now = loop.time()
        fault.refused = self._deployment.intake.longest(fault.counts_from, now)
        fault.silent = {screen.name: screen.longest_silence(fault.counts_from, now) for screen in self._screens}
        self.all.append(fault)
        print(fault.row(), flush=True)
