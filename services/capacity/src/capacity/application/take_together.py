"""Reports that come while a transaction runs share the next one.

A report alone costs seven round trips and a commit; a hundred together cost the same. At night each has its own transaction at once, and at
the rush of a shift change the transactions grow instead of the queue. Measured on two cores with Kafka and PostgreSQL beside it: one by one
the API gave out at about 200 reports/s.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from capacity.application.take_reports import Submission, Verdict
from chassis.errors import Unavailable

_LARGEST_GROUP = 200

TakeAll = Callable[[Sequence[Submission]], Awaitable[Sequence[Verdict]]]
"""Takes reports in one transaction of its own; a verdict each, in their order."""

_Waiting = tuple[Submission, asyncio.Future[Verdict]]


class TakeTogether:
    """Takes single reports, each with its own verdict, in as few transactions as it can without waiting."""

    def __init__(self, take_all: TakeAll) -> None:
        """Nothing runs before the first report."""
        self._take_all = take_all
        self._waiting: deque[_Waiting] = deque()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, submission: Submission) -> Verdict:
        """Take this report; when it returns, what it says is stored and folded.

        Raises:
            Unavailable: when the database is; then it was not taken, or its very commit was cut off, which sending it again tells.
        """
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, verdict))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await verdict

    async def _run(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LARGEST_GROUP))]
            try:
                _tell(group, await self._take_all([submission for submission, _ in group]))
            except Unavailable as away:
                _fail(group, away)
            except Exception as error:  # noqa: BLE001  it is raised to the sender that it belongs to
                await self._one_by_one(group, error)

    async def _one_by_one(self, group: Sequence[_Waiting], error: Exception) -> None:
        """A fault of ours that one report brings out must not take the others with it."""
        if len(group) == 1:
            _fail(group, error)
            return
        for one in group:
            try:
                _tell([one], await self._take_all([one[0]]))
            except Exception as own:  # noqa: BLE001  as above
                _fail([one], own)


def _tell(group: Sequence[_Waiting], verdicts: Sequence[Verdict]) -> None:
    for (_, waiting), verdict in zip(group, verdicts, strict=True):
        # Whoever hung up meanwhile is told when the report comes again.
        if not waiting.done():
            waiting.set_result(verdict)


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for _, waiting in group:
        if not waiting.done():
            waiting.set_exception(error)
