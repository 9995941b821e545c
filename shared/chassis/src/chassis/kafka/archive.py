"""An archive of topics: every record as it lies on Kafka, with its topic's id, partition and offset, in files that only grow.

`<folder>/<topic>/<topic id>/<partition>/<first offset>.ndjson`, one record a line. It may stop at any moment and goes on where the last whole
line ends, so that no record is there twice or is missing. A topic that was made anew has another id, and a folder of its own.
"""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from chassis.errors import MustStop
from chassis.kafka.record import AGED_OUT, TOPIC_ID_HEADER, Record
from chassis.kafka.topic_records import TopicLog, log_of
from chassis.settings import ServiceSettings
from contracts.topic import Topic

_RECORDS_A_FILE = 10_000


async def archive(settings: ServiceSettings, topic: Topic, folder: Path) -> int:
    """Add what came since the last time, up to where the topic ends now; gives how many records.

    Raises:
        MustStop: when records that were not archived yet are gone.
    """
    count = 0
    async with log_of(settings, topic) as log:
        files = {number: _Files(await _folder(log, topic, number, folder / settings.named(topic.name))) for number in log.ends}
        offsets = {number: max(of_partition.next_offset, log.begins[number]) for number, of_partition in files.items()}
        for number, of_partition in files.items():
            if log.begins[number] > of_partition.next_offset > 0 and not topic.is_compacted:
                raise MustStop(f"{topic.name}, partition {number}: records behind the archive are gone; archive more often")
        async for number, messages in log.read(offsets):
            files[number].add(messages)
            count += len(messages)
    return count


async def _folder(log: TopicLog, topic: Topic, partition: int, of_topic: Path) -> Path:
    """The partition's, in the folder of the topic's id; where that has aged out of the log, in the one that was written last."""
    if log.begins[partition] == 0 < log.ends[partition]:
        begins = {number: 0 if number == partition else end for number, end in log.ends.items()}
        async for _, messages in log.read(begins):
            first = Record.of_message(topic, messages[0], ticks_per_second=1000)
            return of_topic / first.headers.get(TOPIC_ID_HEADER, AGED_OUT) / str(partition)
    return _written_last(of_topic, partition)


def _written_last(of_topic: Path, partition: int) -> Path:
    written = sorted(of_topic.glob(f"*/{partition}"), key=lambda path: path.stat().st_mtime)
    return written[-1] if written else of_topic / AGED_OUT / str(partition)


class _Files:
    """The files of one partition."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last = max(folder.glob("*.ndjson"), default=None)
        self._lines = 0
        self.next_offset = 0
        if self._last is not None:
            self._go_on(self._last)

    def add(self, messages: Sequence[Any]) -> None:
        """Append these, and see them on the disk."""
        if self._last is None or self._lines >= _RECORDS_A_FILE:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._last, self._lines = self._folder / f"{messages[0].offset:020}.ndjson", 0
        with self._last.open("ab") as file:
            file.write(b"".join(_line(message) for message in messages))
            file.flush()
            os.fsync(file.fileno())
        self._lines += len(messages)

    def _go_on(self, file: Path) -> None:
        content = file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            # It stopped in the middle of a line, which is written again.
            os.truncate(file, len(whole))
        lines = whole.splitlines()
        self._lines = len(lines)
        # An empty file is named by the record that should have been its first.
        self.next_offset = int(orjson.loads(lines[-1])["offset"]) + 1 if lines else int(file.stem)


def _line(message: Any) -> bytes:
    """The record: text where it is text, base64 where it is not."""
    record = {
        "offset": message.offset,
        "timestamp": message.timestamp,
        "key": _written(message.key),
        "headers": [[name, _written(value)] for name, value in message.headers],
        "value": _written(message.value),
    }
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _written(raw: bytes | None) -> str | dict[str, str] | None:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
