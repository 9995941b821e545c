"""How Faust counts offsets, by its own code and as we correct it; what it comes to on a real broker is in `test_faust.py`."""

import asyncio
import inspect
from typing import Any
from unittest.mock import AsyncMock, Mock

from faust.transport.consumer import Consumer
from intervaltree import IntervalTree

from chassis.messaging.batches import still_counts
from chassis.messaging.faust_offsets import _commit_and_note_what_was_committed, _original_add_gap, _original_commit_offsets


def a_consumer(*, is_taken: bool = True, divided_anew_meanwhile: bool = False) -> Any:
    """A consumer whose broker has 4 for its partition and 2 for another, in generation 7 of its group."""
    consumer = Mock(_committed_offset={"a": 4, "b": 2}, in_transaction=False)
    consumer.app.consumer_generation_id = 7
    consumer.app.producer.flush = AsyncMock()
    consumer.assignment.return_value = {"a", "b"}

    async def commit(_: Any) -> bool:
        if divided_anew_meanwhile:
            consumer.app.consumer_generation_id = 8
        return is_taken

    consumer._commit = commit
    return consumer


async def test_what_the_broker_took_is_known_as_committed() -> None:
    consumer = a_consumer()

    assert await _commit_and_note_what_was_committed(consumer, {"a": 9})

    assert consumer._committed_offset == {"a": 9, "b": 2}


async def test_a_refused_commit_is_not_taken_for_one_so_that_what_is_read_again_is_committed() -> None:
    consumer = a_consumer(is_taken=False)

    assert not await _commit_and_note_what_was_committed(consumer, {"a": 9})

    assert consumer._committed_offset == {"b": 2}


async def test_a_commit_that_a_rebalance_overtook_says_nothing_about_the_partition_now() -> None:
    consumer = a_consumer(divided_anew_meanwhile=True)

    await _commit_and_note_what_was_committed(consumer, {"a": 9})

    assert consumer._committed_offset == {"b": 2}


async def test_faust_still_takes_a_refused_commit_for_one() -> None:
    """When this fails Faust has been corrected: then `_commit_and_note_what_was_committed` must go."""
    consumer = a_consumer(is_taken=False)

    await _original_commit_offsets(consumer, {"a": 9})

    assert consumer._committed_offset == {"a": 9, "b": 2}


async def test_faust_still_counts_the_message_after_a_hole_as_part_of_it() -> None:
    """When this fails Faust has been corrected: then `_add_gap_without_the_message_behind_it` must go."""
    consumer = Mock(_committed_offset={"tp": 4}, _gap={"tp": IntervalTree()})

    assert "self._add_gap(tp, r_offset + 1, offset)" in inspect.getsource(Consumer._drain_messages)
    await _original_add_gap(consumer, "tp", 5, 9)
    assert consumer._gap["tp"].overlaps(9), "9 is the offset of the message that came"
    await asyncio.sleep(0)


def test_an_event_read_before_the_group_was_divided_anew_is_left_to_whoever_reads_it_now() -> None:
    event = Mock()
    event.app.consumer_generation_id = event.message.generation_id = 7
    assert still_counts(event)

    event.app.flow_control.is_active.return_value = False
    assert not still_counts(event), "it is being divided"

    event.app.flow_control.is_active.return_value = True
    event.app.consumer_generation_id = 8
    assert not still_counts(event), "it has been divided"
