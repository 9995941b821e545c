"""Whoever asks for no traces pays for none: not a module is loaded, and a hook is a look at a variable."""

import subprocess
import sys

import pytest

from chassis.observability import tracing

NOBODY_ASKS = [
    {},
    {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
]
SOMEBODY_ASKS = [
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"},
    {"OTEL_TRACES_EXPORTER": "otlp"},
]

# All that an API and a worker load of the chassis.
_PROCESS = """
import os, sys
import chassis.command, chassis.http.app, chassis.http.server, chassis.live
from chassis.observability.tracing import begin_tracing, end_tracing

for asked in {asked}:
    os.environ.update(asked)
    begin_tracing("ward.api", "1")
    print([name for name in ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf", "chassis.observability.spans") if name in sys.modules])
    for name in asked:
        del os.environ[name]
end_tracing()
"""


@pytest.fixture(autouse=True)
def _unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in {name for asked in (*NOBODY_ASKS, *SOMEBODY_ASKS) for name in asked}:
        monkeypatch.delenv(name, raising=False)


def test_a_process_loads_nothing_of_the_sdk_until_somebody_asks_for_traces() -> None:
    process = _PROCESS.format(asked=[*NOBODY_ASKS, SOMEBODY_ASKS[0]])
    ran = subprocess.run([sys.executable, "-c", process], capture_output=True, text=True, timeout=60, check=True)

    *nobody, somebody = ran.stdout.splitlines()
    assert nobody == ["[]"] * len(NOBODY_ASKS)
    assert somebody == "['opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf', 'chassis.observability.spans']"


@pytest.mark.parametrize("asked", NOBODY_ASKS)
def test_nobody_asks(asked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _is_on(asked, monkeypatch)


@pytest.mark.parametrize("asked", SOMEBODY_ASKS)
def test_naming_a_collector_by_opentelemetrys_own_settings_is_asking(asked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert _is_on(asked, monkeypatch)


@pytest.mark.parametrize("wrong", [{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_TRACES_EXPORTER": "zipkin"}])
def test_what_is_not_spoken_here_stops_the_process_instead_of_losing_every_trace(
    wrong: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).lower()):
        _is_on(wrong, monkeypatch)


def _is_on(asked: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> bool:
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    return tracing.TracingSettings().is_on
