"""Reports as fast as a whole country sends them, in batches; of each it is known when it was accepted and when it was shown."""

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from typing import Any

from simulator.client import Api
from tests.e2e.load import fresh_report, report_body
from tests.e2e.oracle import Ward

from .deployment import Deployment

_BATCHES_A_SECOND = 10
_REGIONS = range(1, 26)
_WARDS = tuple((care, "COVID_POS") for care in ("ELV_LAAG", "GRZ", "WLZ_REGULIER", "ELV_PALLIATIEF", "WZD_PLEK", "RESPIJT"))
Cell = tuple[str, str]


@dataclass
class Passage:
    """A report on its way, by the instants of this process' clock."""

    observed_at: datetime
    accepted_at: float | None = None
    shown_at: float | None = None


class Storm:
    """So many reports a second, over wards that each are the newest in their figure when they have just reported."""

    def __init__(self, deployment: Deployment, api: Api, rate: int) -> None:
        self._deployment = deployment
        self._api = api
        self._rate = rate
        self._wards: list[Ward] = []
        self._on_their_way: dict[Cell, deque[Passage]] = defaultdict(deque)
        self._random = random.Random(1)
        self._is_over = False
        self.passages: list[Passage] = []

    async def prepare(self) -> None:
        for number in _REGIONS:
            vr = f"VR{number:02}"
            self._wards += await self._deployment.register({"vr": vr}, vr, "storm", "VVT", _WARDS)
        self._random.shuffle(self._wards)
        self._deployment.oracle.know(self._wards)

    @asynccontextmanager
    async def blowing(self) -> AsyncIterator[None]:
        """Reports come in during the block; at its end the rest is waited for."""
        self._is_over = False
        task = asyncio.create_task(self._blow())
        try:
            yield
        finally:
            self._is_over = True
            await task

    def shown(self, figure: dict[str, Any]) -> None:
        """A figure came on the screen: it holds everything that was observed until then."""
        if figure["level"] != "VR" or figure["newest_observed_at"] is None:
            return
        now, until = asyncio.get_running_loop().time(), datetime.fromisoformat(figure["newest_observed_at"])
        waiting = self._on_their_way[figure["region"], figure["care_type"]]
        while waiting and waiting[0].observed_at <= until:
            waiting.popleft().shown_at = now

    def accepted(self, begin: float, end: float) -> list[Passage]:
        return [passage for passage in self.passages if passage.accepted_at is not None and begin <= passage.accepted_at < end]

    def slowest(self, begin: float, end: float) -> float:
        """From accepted to shown, of those accepted between these instants; what was shown before the answer came took no time."""
        return max((passage.shown_at or end) - (passage.accepted_at or end) for passage in self.accepted(begin, end))

    async def _blow(self) -> None:
        loop = asyncio.get_running_loop()
        begun, nth, wards = loop.time(), 0, cycle(self._wards)
        async with asyncio.TaskGroup() as sending:
            while not self._is_over:
                sending.create_task(self._send([next(wards) for _ in range(self._rate // _BATCHES_A_SECOND)]))
                nth += 1
                await asyncio.sleep(max(0.0, begun + nth / _BATCHES_A_SECOND - loop.time()))

    async def _send(self, wards: list[Ward]) -> None:
        reports = [
            (ward, fresh_report(ward.unit_id, total=30, open=25, occupied=self._random.randint(0, 12), reserved=0)) for ward in wards
        ]
        passages = [Passage(report.observed_at) for _, report in reports]
        for (ward, _), passage in zip(reports, passages, strict=True):
            self._on_their_way[ward.vr, ward.care_type].append(passage)
        answers = await self._api.batch("/capacity/v1/reports/batch", [report_body(report, ward.source) for ward, report in reports])
        now = asyncio.get_running_loop().time()
        for (_, report), passage, answer in zip(reports, passages, answers, strict=True):
            assert answer.is_taken, answer.body
            self._deployment.oracle.accepted(report)
            passage.accepted_at = now
            self.passages.append(passage)
