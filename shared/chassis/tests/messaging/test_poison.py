"""Whatever lies on a topic, it is set aside and counted: never fatal, and never in the way of another key."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import probe
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from playground import Log, Playground, a_delivery, a_header_list, deliver

from chassis.database.sql import Database
from chassis.kafka.record import Record
from chassis.settings import ServiceSettings
from contracts.event import FIRST_VERSION

GOOD = probe.ProbeEvent(name="a", n=1).body()

POISONS: dict[str, dict[str, Any]] = {
    "not JSON": {"value": b"{not json"},
    "not UTF-8": {"value": b'{"name": "\xff", "n": 1}'},
    "another shape": {"value": b'[{"name": "a"}]'},
    "a NUL in a string": {"value": b'{"name": "a\\u0000b", "n": 1}'},
    "half of a character": {"value": b'{"name": "a\\ud800b", "n": 1}'},
    "a megabyte": {"value": b'{"name": "' + b"x" * 1_000_000 + b'"}'},
    "deeply nested": {"value": b"[" * 100_000},
    "a number as long as a book": {"value": b'{"name": "a", "n": ' + b"9" * 100_000 + b"}"},
    "nothing": {"value": None},
    "a key that is not UTF-8": {"key": b"\xff\xfe"},
    "a key with a NUL": {"key": b"a\x00b"},
    "a key of ten kilobytes": {"key": b"k" * 10_000},
    "no key": {"key": None},
    "no headers": {"headers": []},
    "a wrong type": {"ce_type": b"nl.zorgcoordinatie.capacity.unit-changed.v1"},
    "a type that is not UTF-8": {"ce_type": b"\xff"},
    "a type with a NUL": {"ce_type": b"a\x00"},
    "a type of a megabyte": {"ce_type": b"t" * 1_000_000},
    "no id": {"ce_id": None},
    "an id that is none": {"ce_id": b"1"},
    "no source": {"ce_source": None},
    "a time that is none": {"ce_time": b"yesterday"},
    "a time without a zone": {"ce_time": b"2026-01-01T00:00:00"},
    "no sequence": {"ce_sequence": None},
    "a negative sequence": {"ce_sequence": b"-1"},
    "sequence zero": {"ce_sequence": b"0"},
    "a huge sequence": {"ce_sequence": b"9" * 30},
    "a sequence beyond bigint": {"ce_sequence": str(2**63).encode()},
    "text for a sequence": {"ce_sequence": b"first"},
    "a sequence in other digits": {"ce_sequence": "\u0661".encode()},
    "a header name with a NUL": {"more": [("x\x00", b"1")], "ce_id": None},
    "a thousand headers": {"more": [(f"h{n}", b"x" * 1000) for n in range(1000)], "ce_id": None},
    "a time before all calendars": {"timestamp": -1e15, "ce_id": None},
    "a time after all calendars": {"timestamp": 1e15, "ce_id": None},
}


def a_message(offset: int, poison: dict[str, Any], version: int = FIRST_VERSION) -> Any:
    """As Faust gives it."""
    headers = [(name, poison.get(name, value)) for name, value in a_header_list(probe.ProbeEvent(name="a", n=1), version)]
    return SimpleNamespace(
        partition=0,
        offset=offset,
        timestamp=poison.get("timestamp", 1_800_000_000.0),
        key=poison.get("key", b"a"),
        value=poison.get("value", GOOD),
        headers=[*poison.get("more", []), *((name, value) for name, value in poison.get("headers", headers) if value is not None)],
    )


@pytest.mark.parametrize("topic", [probe.EVENTS, probe.REPORTS], ids=["events", "reports"])
async def test_every_poison_is_set_aside_and_blocks_no_other_key(
    playground: Playground, settings: ServiceSettings, database: Database, topic: Any
) -> None:
    delivery = a_delivery(settings, database)
    good, offset = Log(topic), 0
    for name, poison in POISONS.items():
        offset += 2
        record = Record.of_message(topic, a_message(offset - 1, poison))
        if topic is probe.REPORTS and poison.get("value", b"") == b"":
            record = replace(record, body=b"{}")
        other = replace(
            good.append(f"other than {name}", 1, body=None if topic is probe.EVENTS else b'{"id": "%d"}' % offset), offset=offset
        )
        await deliver(delivery, topic, [record, other])

    parked = await playground.parked()
    assert [row["offset"] for row in parked] == list(range(1, offset, 2))
    assert all(row["reason"] for row in parked)
    if topic is probe.EVENTS:
        assert len(await playground.applied()) == len(POISONS)
    else:
        assert await playground.value("select count(*) from taken") == len(POISONS)


async def test_a_version_out_of_the_blue_does_not_silence_the_true_events(
    playground: Playground, settings: ServiceSettings, database: Database
) -> None:
    delivery, log = a_delivery(settings, database), Log()

    await deliver(delivery, probe.EVENTS, [log.append("a", 1), log.append("a", 50, body=b"{"), log.append("a", 2)])
    await deliver(delivery, probe.EVENTS, [log.append("b", 2**60, body=b"{"), log.append("b", 1)])

    assert await playground.applied() == {"a": [1, 2]}
    # Of a key never seen nobody can tell; so its events wait, and are not lost.
    assert [(row["key"], row["follows"]) for row in await playground.parked()] == [("a", False), ("b", False), ("b", True)]


async def test_a_backslash_before_a_u_is_no_nul(playground: Playground, settings: ServiceSettings, database: Database) -> None:
    delivery, log = a_delivery(settings, database), Log()

    await deliver(delivery, probe.EVENTS, [log.append("a", 1, body=b'{"name": "a", "n": 1, "text": "\\\\u0000"}')])

    assert await playground.applied() == {"a": [1]}


@given(
    st.binary(max_size=60),
    st.binary(max_size=12),
    st.dictionaries(st.sampled_from(["ce_type", "ce_id", "ce_sequence", "x"]), st.binary(max_size=30)),
)
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_bytes_whatsoever_stop_a_reader(
    settings: ServiceSettings, database: Database, value: bytes, key: bytes, changed: dict[str, bytes]
) -> None:
    message = a_message(5, {"value": value, "key": key, **changed})

    await deliver(a_delivery(settings, database), probe.STATES, [Record.of_message(probe.STATES, message)])
