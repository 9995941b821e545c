"""Records of many requests are processed together, and each is still found in its own trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.observability.trace_context import current_traceparent, traceparent_of
from chassis.observability.tracing import firing, processing


@dataclass(frozen=True)
class Read:
    key: str | None
    headers: Mapping[str, str] = field(default_factory=dict)
    partition: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Due:
    subject: str
    traceparent: str | None


def _sent_in(trace: str, *, flags: str = "01") -> str:
    return f"00-{trace * 32}-{trace * 16}-{flags}"


def _traced(key: str, trace: str, **more: str) -> Read:
    return Read(key, {"traceparent": _sent_in(trace, **more)})


def _trace(traceparent: str | None) -> str | None:
    return traceparent and traceparent[3:35]


def _trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def test_each_record_has_a_span_in_the_trace_that_sent_it(spans: InMemorySpanExporter) -> None:
    with processing("placement", "triage.cases.v1", [_traced("case-1", "a"), Read("case-2"), _traced("case-3", "b")]):
        pass

    first, second = sorted(spans.get_finished_spans(), key=_trace_of)
    assert (_trace_of(first), _trace_of(second)) == ("a" * 32, "b" * 32)
    assert (first.name, first.kind.name) == ("process triage.cases.v1", "CONSUMER")
    assert first.parent is not None
    assert f"{first.parent.span_id:016x}" == "a" * 16
    # From one to the others and back, for whoever looks at either.
    assert [link.context.trace_id for link in first.links] == [int("b" * 32, 16)]
    assert [link.context for link in second.links] == [first.context]
    assert first.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": "triage.cases.v1",
        "messaging.consumer.group.name": "placement",
        "messaging.batch.message_count": 3,
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
    }


def test_what_comes_of_a_patient_stays_in_that_patients_trace(spans: InMemorySpanExporter) -> None:
    with processing("placement", "triage.cases.v1", [_traced("case-1", "a"), _traced("case-2", "b")]):
        assert _trace(traceparent_of("case-1")) == "a" * 32
        assert _trace(traceparent_of("case-2")) == "b" * 32
        # What comes of both goes on in one of them.
        assert _trace(traceparent_of("unit-1")) == "a" * 32
        assert _trace(current_traceparent.get()) == "a" * 32
    assert (traceparent_of("case-1"), current_traceparent.get()) == (None, None)


def test_what_nobody_follows_stays_unfollowed_and_leads_no_one(spans: InMemorySpanExporter) -> None:
    with processing("placement", "triage.cases.v1", [_traced("case-1", "a", flags="00"), _traced("case-2", "b")]):
        assert traceparent_of("case-1") == _sent_in("a", flags="00")
        assert _trace(traceparent_of("unit-1")) == "b" * 32
    assert [_trace_of(span) for span in spans.get_finished_spans()] == ["b" * 32]


@pytest.mark.parametrize("headers", [{}, {"traceparent": "<script>"}, {"traceparent": _sent_in("0")}])
def test_a_record_that_says_nothing_of_a_trace_begins_none(headers: dict[str, str], spans: InMemorySpanExporter) -> None:
    with processing("capacity", "capacity.reports.v1", [Read("unit-1", headers)]):
        assert traceparent_of("unit-1") is None
    assert spans.get_finished_spans() == ()


def test_a_failure_is_named_by_its_kind_and_never_by_its_words(spans: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), processing("triage", "placement.placements.v1", [_traced("case-1", "a")]):
        raise KeyError("J. de Vries")

    (span,) = spans.get_finished_spans()
    assert (span.status.status_code.name, span.status.description, span.events) == ("ERROR", None, ())
    assert span.attributes is not None
    assert span.attributes["error.type"] == "KeyError"
    assert "Vries" not in span.to_json()


def test_a_timer_goes_on_in_the_trace_of_who_set_it(spans: InMemorySpanExporter) -> None:
    with firing("request-unattended", [Due("case-1/3", _sent_in("a")), Due("case-2/1", None), Due("case-3/1", _sent_in("b"))]):
        assert _trace(traceparent_of("case-1")) == "a" * 32
        assert _trace(traceparent_of("case-3")) == "b" * 32
    assert {span.name for span in spans.get_finished_spans()} == {"fire request-unattended"}


def test_without_traces_what_is_processed_has_no_trace() -> None:
    with processing("placement", "triage.cases.v1", [_traced("case-1", "a")]), firing("hold-ends", [Due("x", _sent_in("a"))]):
        assert traceparent_of("case-1") is None
