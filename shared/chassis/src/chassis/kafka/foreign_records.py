"""Records of outsiders that aiokafka 0.14.0 cannot read: one whose header name is not UTF-8 ends every consumer that comes to it, for ever.

The broker takes such a record, so whoever may write on a topic could stop its readers. Here its names are read with replacement
characters, and it is rejected or parked like any other. `test_foreign_records.py` fails when aiokafka has been corrected.
"""

from collections.abc import Iterator
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT = 8
_BEFORE_LENGTH = 12


def accept_foreign_records() -> None:
    """Let every consumer of this process read them."""
    fetcher.MemoryRecords = _Records


class _Records:
    """aiokafka's records, which keep the bytes of each batch until it has been read."""

    def __init__(self, raw: bytes) -> None:
        self._raw = memoryview(raw)
        self._records = MemoryRecords(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> "_Batch":
        batch = self._records.next_batch()
        size = _BEFORE_LENGTH + int.from_bytes(self._raw[_LENGTH_AT:_BEFORE_LENGTH], "big")
        raw, self._raw = self._raw[:size], self._raw[size:]
        return _Batch(batch, raw)


class _Batch:
    """A batch that is read fast, and once more from where that failed, with patience."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        last = -1
        try:
            for record in self._batch:
                last = record.offset
                yield record
        except UnicodeDecodeError:
            yield from (record for record in _PatientBatch(self._raw) if record.offset > last)


class _PatientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka is untyped
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _PatientBuffer(self._buffer)


class _PatientBuffer(bytearray):
    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        found = super().__getitem__(at)
        return _PatientBytes(found) if isinstance(found, bytearray) else found


class _PatientBytes(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """As bytes do, but always to some text."""
        del errors
        return super().decode(encoding, "replace")
