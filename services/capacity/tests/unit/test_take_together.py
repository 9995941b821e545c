"""Reports that come while a transaction runs share the next one, and nothing else."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from capacity.application.take_together import TakeTogether
from chassis.errors import Rejected, Unavailable


class Transactions:
    """Takes numbers instead of reports; each transaction lasts until the test lets it end."""

    def __init__(self) -> None:
        self.groups: list[list[Any]] = []
        self.ends = asyncio.Event()
        self.faults: dict[Any, Exception] = {}

    async def __call__(self, reports: Sequence[Any]) -> Sequence[Any]:
        self.groups.append(list(reports))
        await self.ends.wait()
        for report in reports:
            if report in self.faults:
                raise self.faults[report]
        return [Rejected("odd", "Odd ones are refused.") if report % 2 else report for report in reports]


@pytest.fixture
async def transactions():
    return Transactions()


async def _sent(take: TakeTogether, *reports: int) -> list[asyncio.Task[Any]]:
    sending = [asyncio.ensure_future(take(report)) for report in reports]  # type: ignore[arg-type]  # numbers stand for reports
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return sending


async def test_a_report_alone_does_not_wait_for_company(transactions):
    transactions.ends.set()

    assert await TakeTogether(transactions)(2) == 2
    assert transactions.groups == [[2]]


async def test_reports_that_come_meanwhile_share_the_next_transaction_each_with_its_own_verdict(transactions):
    take = TakeTogether(transactions)
    first = await _sent(take, 2)
    later = await _sent(take, 3, 4, 5, 6)
    transactions.ends.set()

    verdicts = await asyncio.gather(*first, *later)

    assert transactions.groups == [[2], [3, 4, 5, 6]]
    assert [isinstance(verdict, Rejected) for verdict in verdicts] == [False, True, False, True, False]


async def test_a_database_that_is_away_is_told_to_every_sender_and_the_next_report_is_taken(transactions):
    take = TakeTogether(transactions)
    transactions.faults[4] = Unavailable()
    transactions.ends.set()

    first = await _sent(take, 2)
    later = await _sent(take, 4, 6)
    outcomes = await asyncio.gather(*first, *later, return_exceptions=True)

    assert isinstance(outcomes[-2], Unavailable)
    assert await take(8) == 8


async def test_a_fault_that_one_report_brings_out_does_not_take_the_others_with_it(transactions):
    take = TakeTogether(transactions)
    transactions.faults[4] = ZeroDivisionError()
    first = await _sent(take, 2)
    later = await _sent(take, 4, 6, 8)
    transactions.ends.set()

    outcomes = await asyncio.gather(*first, *later, return_exceptions=True)

    assert isinstance(outcomes[1], ZeroDivisionError)
    assert outcomes[2:] == [6, 8]


async def test_a_sender_who_hangs_up_leaves_the_others_their_verdicts(transactions):
    take = TakeTogether(transactions)
    first = await _sent(take, 2)
    hung_up, other = await _sent(take, 4, 6)
    hung_up.cancel()
    await asyncio.gather(hung_up, return_exceptions=True)
    transactions.ends.set()

    assert await asyncio.gather(*first, other) == [2, 6]
