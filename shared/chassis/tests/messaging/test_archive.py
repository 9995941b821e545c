"""An archive of topics: all records, each once, whatever stopped in between."""

from pathlib import Path
from typing import Any

import orjson
import probe
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from playground import Playground

from chassis.errors import MustStop
from chassis.kafka import archive as archiving
from chassis.kafka.archive import archive
from chassis.settings import ServiceSettings
from chassis.testing.waiting import eventually

EVENTS, REPORTS = probe.EVENTS, probe.REPORTS


@pytest.fixture
async def folder(tmp_path: Path, probe_topics: None) -> Path:
    return tmp_path / "archive"


async def test_every_record_is_archived_once_however_often_it_runs(playground: Playground, settings: ServiceSettings, folder: Path) -> None:
    await _publish(playground, 1, 2, 3)
    first = await archive(settings, EVENTS, folder)
    assert await archive(settings, EVENTS, folder) == 0
    await _publish(playground, 4)

    assert (first, await archive(settings, EVENTS, folder)) == (5, 1)  # the topic's id in each of two partitions, and three events
    records = _records(folder)
    assert [orjson.loads(one["value"])["n"] for one in records if one["key"] == "a"] == [1, 2, 3, 4]
    assert {dict(one["headers"])["topic_id"] for one in records if one["offset"] == 0} == {
        path.parent.parent.name for path in _files(folder)
    }


async def test_a_line_that_was_torn_is_written_again(playground: Playground, settings: ServiceSettings, folder: Path) -> None:
    await _publish(playground, 1, 2)
    await archive(settings, EVENTS, folder)
    [file] = [path for path in _files(folder) if b'"a"' in path.read_bytes()]
    file.write_bytes(file.read_bytes()[:-10])

    assert await archive(settings, EVENTS, folder) == 1

    assert [orjson.loads(one["value"])["n"] for one in _records(folder) if one["key"] == "a"] == [1, 2]


async def test_files_end_and_others_begin(
    playground: Playground, settings: ServiceSettings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "_RECORDS_A_FILE", 2)
    for n in (1, 2, 3):
        await _publish(playground, n)
        await archive(settings, EVENTS, folder)

    assert [orjson.loads(one["value"])["n"] for one in _records(folder) if one["key"] == "a"] == [1, 2, 3]
    assert len(_files(folder)) == 3


async def test_what_outsiders_sent_is_kept_as_it_was(playground: Playground, settings: ServiceSettings, folder: Path) -> None:
    async with playground.producer() as producer:
        await producer.send_and_wait(settings.named(REPORTS.name), b"\xff\x00", key=b"\xfe", headers=[("x", b"\xfd")])

    await archive(settings, REPORTS, folder)

    [record] = [one for one in _records(folder) if one["offset"] == 1]
    assert (record["value"], record["key"], record["headers"]) == ({"base64": "/wA="}, {"base64": "/g=="}, [["x", {"base64": "/Q=="}]])


async def test_what_aged_out_before_it_was_archived_is_said(playground: Playground, settings: ServiceSettings, folder: Path) -> None:
    await _publish(playground, 1)
    await archive(settings, EVENTS, folder)
    await _publish(playground, 2, 3)
    admin = AIOKafkaAdminClient(**settings.kafka())
    await admin.start()
    [last] = [one for one in await playground.log(EVENTS) if probe.ProbeEvent.parse(one.value).n == 3]
    await admin.delete_records({TopicPartition(last.topic, last.partition): RecordsToDelete(last.offset)})
    await admin.close()

    with pytest.raises(MustStop, match="archive more often"):
        await archive(settings, EVENTS, folder)


async def _publish(playground: Playground, *ns: int) -> None:
    await playground.publish("a", *ns)
    async with playground.relaying():
        await eventually(lambda: playground.value("select not exists (select from outbox where published_at is null)"))


def _records(folder: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for path in _files(folder) for line in path.read_bytes().splitlines()]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.ndjson"))
