"""Whether spans are made: only where the environment says where they go (OpenTelemetry's own settings).

Without that, nothing of its SDK is loaded, a hook is one look at a variable, and the trace context still leads from a line in a log to all
that the request set off.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.observability.trace_context import Carrying, Set

if TYPE_CHECKING:
    from chassis.observability.spans import Spans


class TracingSettings(BaseSettings):
    """Where spans go; the names are OpenTelemetry's, whose SDK reads its other `OTEL_` settings (sampler, headers, limits) itself."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    otel_exporter_otlp_endpoint: str = Field(
        default="", title="Collector", description="Base address of an OTLP collector over HTTP; naming it turns traces on."
    )
    otel_exporter_otlp_traces_endpoint: str = Field(
        default="", title="Collector of traces", description="The whole address, path included."
    )
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", title="Protocol", description="The one that is spoken here."
    )
    otel_exporter_otlp_traces_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", title="Protocol of traces", description="As above."
    )
    otel_traces_exporter: Literal["otlp", "none"] | None = Field(
        default=None, title="Exporter", description="`otlp` turns traces on also without an address, `none` off also with one."
    )
    otel_sdk_disabled: bool = Field(default=False, title="Off", description="`true` turns traces off whatever else is set.")

    @property
    def is_on(self) -> bool:
        """Whether anybody wants spans."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none":
            return False
        is_named = self.otel_exporter_otlp_endpoint or self.otel_exporter_otlp_traces_endpoint
        return bool(is_named) or self.otel_traces_exporter == "otlp"


_spans: "Spans | None" = None
_NOTHING: Final = nullcontext()


def begin_tracing(process: str, instance: str) -> None:
    """Make spans from here on, where the environment asks for them.

    Args:
        process: what this process is (`capacity.worker`).
        instance: which one of its kind.

    Raises:
        pydantic.ValidationError: naming the setting that is wrong, never its value.
    """
    if not TracingSettings().is_on:
        return
    # Only here: it takes a third of a second to load, and most systems never ask for it.
    from chassis.observability.spans import Spans, exporting  # noqa: PLC0415  as said

    use(Spans(exporting(process, instance)))


def end_tracing() -> None:
    """Send what has not been sent, as far as the collector takes it in two seconds."""
    if _spans is not None:
        _spans.close()
    use(None)


def use(made: "Spans | None") -> None:
    """Make spans with these, or none."""
    global _spans  # noqa: PLW0603  one a process, as the collector it speaks to
    _spans = made


def spans() -> "Spans | None":
    """What makes spans; None when nobody asked for them."""
    return _spans


def processing(reader: str, topic: str, records: Iterable[Carrying]) -> AbstractContextManager[None]:
    """The time in which a reader processes these records together."""
    return _NOTHING if _spans is None else _spans.processing(reader, topic, records)


def firing(kind: str, timers: Sequence[Set]) -> AbstractContextManager[None]:
    """The time in which these timers, which came due, are acted upon together."""
    return _NOTHING if _spans is None else _spans.firing(kind, timers)
