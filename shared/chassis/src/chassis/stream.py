"""Faust, set up so that it loses nothing; what was tried stands in docs/adr/0003.

Only three things together keep an event whose handler raises: explicit acknowledgement after the commit (`noack_take`), a supervisor that
lets the worker crash, and one stream at a time with acknowledgements in order. The worker ends, and its restart processes the event.
"""

from typing import Any

import faust
from faust.transport.consumer import Consumer
from mode.supervisors import CrashingSupervisor

from chassis.delivery import Delivery
from chassis.foreign_records import accept_foreign_records
from chassis.records import HasTopic, Record
from chassis.settings import ServiceSettings

# A backlog fills a batch at once; without one, a reading says how long an event waits for company.
_BATCH = 500


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped
    """Faust without its folder: tables would keep files there, and there are none."""

    def _create_directories(self) -> None:
        pass


def make_app(settings: ServiceSettings, delivery: Delivery) -> faust.App:
    """A Faust app that hands every topic of this delivery to it, a batch at a time."""
    correct_offset_gaps()
    accept_foreign_records()
    app = _App(
        settings.named(delivery.reader),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        key_serializer="raw",
        value_serializer="raw",
        agent_supervisor=CrashingSupervisor,
        # Topics are made by the topics job and nothing else; the leader topic serves tables, of which there are none.
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        # Two batches: outsiders may send a megabyte a record, and Faust would keep four thousand of them.
        stream_buffer_maxsize=2 * _BATCH,
        web_enabled=False,
        # Faust's defaults stall the others for a minute when a worker is killed.
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.session_timeout_seconds / 3,
        broker_rebalance_timeout=settings.session_timeout_seconds,
        broker_commit_interval=0.5,
        broker_max_poll_interval=60,
        broker_request_timeout=30,
        producer_request_timeout=30,
        consumer_auto_offset_reset="earliest",
    )
    for reading in delivery.readings:
        _attach(app, settings, delivery, reading)
    return app


def _attach(app: faust.App, settings: ServiceSettings, delivery: Delivery, reading: HasTopic) -> None:
    topic = app.topic(settings.named(reading.topic.name), key_serializer="raw", value_serializer="raw")

    async def on_records(stream: Any) -> None:
        # When a handler raises, `noack_take` puts acknowledging back as it found it, and Faust acknowledges what waits behind the failed
        # batch while it dies: those offsets are committed, and the records lost. So it finds it off.
        stream.enable_acks = False
        async for batch in stream.noack_take(_BATCH, within=reading.within_seconds):
            await delivery.deliver(reading, [Record.of_message(reading.topic, event.message) for event in batch])
            for event in batch:
                event.ack()

    app.agent(topic, name=f"{delivery.reader}.{reading.topic.name}", concurrency=1)(on_records)


_original_add_gap = Consumer._add_gap  # noqa: SLF001  the fault is inside


def correct_offset_gaps() -> None:
    """Correct Faust 0.15.3, which counts the message after an offset gap as part of the gap.

    It then waits for that message twice, and commits one gap an interval: on compacted topics the committed offset crawls for hours behind
    what was processed. The end of a gap is the offset before the next message. `test_offset_gaps.py` fails when Faust has been corrected.
    """

    async def add_gap(self: Consumer, tp: Any, offset_from: int, offset_to: int) -> None:
        await _original_add_gap(self, tp, offset_from, offset_to - 1)

    Consumer._add_gap = add_gap  # noqa: SLF001
