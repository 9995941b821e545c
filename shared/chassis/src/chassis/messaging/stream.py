"""Faust, set up so that it loses nothing; what was tried stands in docs/adr/0003.

Only three things together keep an event whose handler raises: explicit acknowledgement after the commit, a supervisor that lets the worker
crash, and one stream at a time with acknowledgements in order. The worker ends, and its restart processes the event.
"""

from contextlib import aclosing
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor

from chassis.kafka.foreign_records import accept_foreign_records
from chassis.kafka.record import Record
from chassis.messaging.batches import LARGEST, batches, still_counts
from chassis.messaging.delivery import Delivery
from chassis.messaging.faust_offsets import correct_offsets
from chassis.messaging.reading import HasTopic
from chassis.settings import ServiceSettings


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped
    """Faust without its folder: tables would keep files there, and there are none."""

    def _create_directories(self) -> None:
        pass


def make_app(settings: ServiceSettings, delivery: Delivery) -> faust.App:
    """A Faust app that hands every topic of this delivery to it, a batch at a time."""
    correct_offsets()
    accept_foreign_records()
    app = _App(
        settings.named(delivery.reader),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        key_serializer="raw",
        value_serializer="raw",
        broker_credentials=_credentials(settings),
        agent_supervisor=CrashingSupervisor,
        # Topics are made by the topics job and nothing else; the leader topic serves tables, of which there are none.
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        # A batch, beside the one that waits in `batches`: outsiders may send a megabyte a record, and Faust would keep four thousand of them.
        stream_buffer_maxsize=LARGEST,
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


def _credentials(settings: ServiceSettings) -> faust.SASLCredentials | None:
    """What all other clients take from `settings.kafka()`, in Faust's own form."""
    if not settings.is_kafka_guarded:
        return None
    kafka = settings.kafka()
    return faust.SASLCredentials(
        username=kafka["sasl_plain_username"], password=kafka["sasl_plain_password"], mechanism=kafka["sasl_mechanism"]
    )


def _attach(app: faust.App, settings: ServiceSettings, delivery: Delivery, reading: HasTopic) -> None:
    topic = app.topic(settings.named(reading.topic.name), key_serializer="raw", value_serializer="raw")

    async def on_records(stream: Any) -> None:
        # Off for good: Faust would acknowledge what waits behind a failed batch while it dies, and those records would be lost.
        stream.enable_acks = False
        async with aclosing(batches(stream, reading.within_seconds)) as arrivals:
            async for batch in arrivals:
                await delivery.deliver(reading, [Record.of_message(reading.topic, event.message) for event in batch])
                for event in batch:
                    if still_counts(event):
                        event.ack()

    app.agent(topic, name=f"{delivery.reader}.{reading.topic.name}", concurrency=1)(on_records)
