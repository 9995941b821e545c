"""Faust 0.15.3 counts offsets wrongly in two places, each corrected here; a test for each fails when Faust has been corrected."""

from typing import Any

from faust.transport.consumer import Consumer

_original_add_gap = Consumer._add_gap  # noqa: SLF001  the fault is inside
_original_commit_offsets = Consumer._commit_offsets  # noqa: SLF001  as above


def correct_offsets() -> None:
    """Put both corrections in place; doing so again changes nothing."""
    Consumer._add_gap = _add_gap_without_the_message_behind_it  # noqa: SLF001  as above
    Consumer._commit_offsets = _commit_and_note_what_was_committed  # noqa: SLF001  as above


async def _add_gap_without_the_message_behind_it(self: Consumer, tp: Any, offset_from: int, offset_to: int) -> None:
    """End the gap at the offset before the next message.

    Faust counts that message as part of the gap. It then waits for it twice, and commits one gap an interval: on compacted topics the
    committed offset crawls for hours behind what was processed.
    """
    await _original_add_gap(self, tp, offset_from, offset_to - 1)


async def _commit_and_note_what_was_committed(self: Consumer, offsets: dict[Any, int], start_new_transaction: bool = True) -> bool:
    """Know nothing about what is committed after a commit that the broker refused, or that a rebalance overtook.

    Faust notes the offsets as committed all the same. What is read again after the rebalance lies below them, and is never committed.
    """
    generation = self.app.consumer_generation_id
    did_commit = await _original_commit_offsets(self, offsets, start_new_transaction)
    if not did_commit or self.app.consumer_generation_id != generation:
        for tp in offsets:
            self._committed_offset.pop(tp, None)
    return bool(did_commit)
