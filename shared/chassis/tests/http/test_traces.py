"""A request in a trace: by its method and route, with what it led to, and with nothing that was sent."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis.testing.waiting import eventually

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"


def _only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


async def test_a_report_is_a_span_of_the_callers_trace(provider: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    answer = await provider.post("/ward/v1/reports", json={"report_id": str(uuid4()), "source": "EPD"}, headers={"traceparent": CALLER})

    span = _only(spans)
    assert answer.status_code == 202
    assert (span.name, span.kind.name) == ("POST /ward/v1/reports", "SERVER")
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, "00f067aa0ba902b7")
    assert span.attributes == {"http.request.method": "POST", "http.route": "/ward/v1/reports", "http.response.status_code": 202}


async def test_a_problem_names_the_trace_in_which_it_is_found(anonymous: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    answer = await anonymous.get("/ward/v1/broken")

    span = _only(spans)
    assert span.context is not None
    assert answer.json()["trace_id"] == f"{span.context.trace_id:032x}"
    assert (span.status.status_code.name, span.status.description, span.events) == ("ERROR", None, ())


@pytest.mark.parametrize(
    "sent",
    [
        ("GET", "/ward/v1/units/8f0e2c4e-5d4c-4c7e-9a50-0d2f7c3f1a11", None),
        ("GET", "/ward/v1/units?vr=geheim", None),
        ("GET", "/ward/v1/units?geheim=1", None),
        ("GET", "/geheim/elders", None),
        ("POST", "/ward/v1/reports", {"note": "geheim", "geheim": 1}),
        ("GEHEIM", "/ward/v1/reports", None),
        ("GET", "/ward/v1/broken", None),
    ],
)
async def test_no_span_tells_an_id_a_query_a_body_or_an_error(
    sent: tuple[str, str, Any], provider: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    method, path, body = sent

    await provider.request(method, path, json=body)

    told = _only(spans).to_json().lower()
    assert "geheim" not in told
    assert "8f0e2c4e" not in told


async def test_asking_whether_all_is_well_is_nobodys_request(anonymous: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    for path in ("/ward/health/live", "/ward/health/startup", "/ward/health/ready", "/ward/metrics"):
        await anonymous.get(path)

    assert spans.get_finished_spans() == ()


async def test_a_stream_is_told_when_it_begins_because_it_may_last_for_hours(
    ward: FastAPI, running: Callable[..., AbstractAsyncContextManager[Any]], spans: InMemorySpanExporter
) -> None:
    async with running(ward) as (_, url, _task), httpx.AsyncClient() as client, client.stream("GET", f"{url}/ward/v1/stream"):
        await eventually(lambda: spans.get_finished_spans() != (), what="the span of a stream that is still open")

    assert _only(spans).name == "GET /ward/v1/stream"


async def test_a_collector_that_some_library_has_set_up_hears_nothing(provider: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = InMemorySpanExporter()
    everyones = TracerProvider(shutdown_on_exit=False)
    everyones.add_span_processor(SimpleSpanProcessor(heard))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", everyones)

    await provider.get("/ward/v1/units?vr=geheim")

    assert heard.get_finished_spans() == ()
