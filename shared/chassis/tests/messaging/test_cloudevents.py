"""The official SDK reads what we write, and writes what we read."""

from datetime import UTC, datetime
from uuid import uuid4

import orjson
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, to_binary_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from chassis.kafka.cloudevents import attributes_of, headers_of, readable

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
INSTANTS = st.datetimes(timezones=st.just(UTC)).filter(lambda instant: 1970 <= instant.year <= 2200)


@given(st.uuids(), TEXTS, INSTANTS, st.integers(1, 2**63 - 1))
def test_the_sdk_reads_our_records(event_id, subject, time, version) -> None:
    headers = headers_of(
        ce_type="nl.zorgcoordinatie.probe.happened.v1",
        event_id=event_id,
        owner="probe",
        subject=subject,
        time=time,
        version=version,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    )

    event = from_binary_event(KafkaMessage(dict(headers), b"a", b'{"n": 1}'))

    assert event.get_id() == str(event_id)
    assert event.get_type() == "nl.zorgcoordinatie.probe.happened.v1"
    assert event.get_source() == "urn:nl:zorgcoordinatie:probe"
    assert event.get_subject() == subject
    assert event.get_time() == time
    assert event.get_specversion() == "1.0"
    assert event.get_extension("sequence") == str(version)
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"n": 1}


@given(st.uuids(), TEXTS, INSTANTS, st.integers(1, 2**63 - 1))
def test_we_read_the_sdks_records(event_id, subject, time, version) -> None:
    written = to_binary_event(
        CloudEvent(
            {
                "id": str(event_id),
                "type": "nl.zorgcoordinatie.capacity.report.v1",
                "source": "urn:nl:zorgcoordinatie:provider:p",
                "subject": subject,
                "time": time,
                "sequence": str(version),
                "datacontenttype": "application/json",
            },
            {"n": 1},
        )
    )

    attributes = attributes_of(readable(written.headers))

    assert (attributes.id, attributes.type, attributes.source) == (
        event_id,
        "nl.zorgcoordinatie.capacity.report.v1",
        "urn:nl:zorgcoordinatie:provider:p",
    )
    assert (attributes.subject, attributes.time, attributes.sequence) == (subject, time, version)
    assert attributes.problem() is None
    assert orjson.loads(written.value) == {"n": 1}


def test_what_is_missing_is_said_by_its_name() -> None:
    headers = dict(headers_of(ce_type="t", event_id=uuid4(), owner="o", subject="s", time=datetime.now(UTC), version=1, traceparent=None))

    for name in ("ce_type", "ce_id", "ce_source", "ce_time", "ce_sequence"):
        without = {key: value for key, value in headers.items() if key != name}
        assert attributes_of(readable(without)).problem() == f"header {name} is missing or cannot be read"
