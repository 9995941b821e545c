"""Spans that stay in memory."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from chassis.observability import tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@pytest.fixture
def spans() -> "Iterator[InMemorySpanExporter]":
    """Traces are on in this process, and what is told of them is kept here."""
    # Here, so that the tests that ask for no traces load none of it either.
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  as said
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415  as said
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: PLC0415  as said

    from chassis.observability.spans import Spans  # noqa: PLC0415  as said

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracing.use(Spans(provider))
    yield kept
    tracing.use(None)
