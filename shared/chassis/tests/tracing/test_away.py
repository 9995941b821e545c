"""A collector that is away keeps nobody waiting."""

import socket
from time import monotonic

import pytest

from chassis.observability import spans as made
from chassis.observability import tracing
from chassis.observability.tracing import begin_tracing, end_tracing


def test_a_collector_that_never_answers_holds_up_neither_a_request_nor_the_end_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(made, "_LAST_SECONDS", 0.2)
        begin_tracing("ward.api", "1")
        making = tracing.spans()
        assert making is not None
        began = monotonic()

        for _ in range(3_000):
            making.serving(None).end()
        asked = monotonic() - began
        end_tracing()

        # More than its queue holds, and no more than making them takes.
        assert asked < 2
        assert monotonic() - began - asked < 1
    assert tracing.spans() is None
