"""The chassis' own tables, in each service's database; every service adds them to its metadata, and alembic compares them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType

_NOW = text("clock_timestamp()")


class Xid8(UserDefinedType[int]):
    """PostgreSQL's 64-bit transaction number, which SQLAlchemy does not know."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name."""
        return "xid8"


# For alembic, which compares what it finds in the database.
ischema_names["xid8"] = Xid8


def changed_xid() -> Column[int]:
    """The column of a table that feeds a live list: which transaction changed the row last."""
    return Column("changed_xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()"))


def live_index(table: str) -> Index:
    """The index of a table that feeds a live list."""
    return Index(f"{table}_changed", "changed_xid")


def chassis_tables(metadata: MetaData) -> None:
    """Add the chassis' tables to a service's metadata."""
    # Debezium's outbox columns (id, aggregatetype, aggregateid, type, payload), and beside them what becomes a header, so that change
    # data capture can take the relay's place.
    Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("aggregatetype", Text, nullable=False, comment="topic, without namespace"),
        Column("aggregateid", Text, nullable=False, comment="key"),
        Column("type", Text, nullable=False),
        Column("payload", LargeBinary, comment="null is a tombstone: the key is gone for good"),
        Column("event_id", Uuid, nullable=False),
        Column("subject", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("partition", Integer),
        Column("traceparent", Text),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        Column("published_at", DateTime(timezone=True)),
        Column("refused", Text, comment="why this row can never be sent; its key waits behind it"),
        Index("outbox_unsent", "id", postgresql_where=text("published_at is null")),
        Index("outbox_refused", "aggregatetype", "aggregateid", postgresql_where=text("refused is not null")),
    )
    Table(
        "outbox_versions",
        metadata,
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        PrimaryKeyConstraint("topic", "key"),
    )
    Table(
        "generation",
        metadata,
        Column("only_row", Boolean, primary_key=True, server_default=text("true")),
        Column("number", Integer, nullable=False, comment="of the versions that are published; higher after every restore"),
        Column(
            "history", Text, nullable=False, comment="the server and its timeline that this database belongs to; another one was restored"
        ),
    )
    Table(
        "reader_versions",
        metadata,
        Column("reader", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("version", BigInteger, nullable=False, comment="the last one applied; 0 before the first"),
        PrimaryKeyConstraint("reader", "topic", "key"),
    )
    Table(
        "reader_positions",
        metadata,
        Column("reader", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("topic_id", Text, nullable=False, comment="what the partition's first record says; another one is another topic"),
        Column("next_offset", BigInteger, nullable=False),
        PrimaryKeyConstraint("reader", "topic", "partition"),
    )
    Table(
        "parked",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("reader", Text, nullable=False),
        Column("kind", Text, nullable=False, comment="rejected (a report broke a rule) or parked (an event broke its contract)"),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("key", Text),
        Column("blocks_key", Boolean, nullable=False, comment="later events of the key wait for this one"),
        Column("follows", Boolean, nullable=False, comment="nothing is wrong with it: it waits for an earlier event of its key"),
        Column("type", Text),
        Column("event_id", Text),
        Column("sequence", BigInteger),
        Column("recorded_at", DateTime(timezone=True)),
        Column("appended_at", DateTime(timezone=True), nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False, comment="whole, or its first 64 KiB"),
        Column("size", BigInteger, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("set_aside_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        Column("resolved_at", DateTime(timezone=True)),
        Column("resolution", Text, comment="replayed, superseded or discarded"),
        UniqueConstraint("reader", "topic", "partition", "offset", name="parked_once"),
        Index("parked_open", "reader", "topic", "key", postgresql_where=text("resolved_at is null")),
    )
    Table(
        "timers",
        metadata,
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("due_at", DateTime(timezone=True), nullable=False),
        Column("traceparent", Text, comment="of what set it, where traces are on"),
        PrimaryKeyConstraint("kind", "subject"),
        Index("timers_due", "kind", "due_at"),
    )
    Table(
        "heartbeats",
        metadata,
        Column("reader", Text, nullable=False),
        Column("topic", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        Column("position", BigInteger, nullable=False),
        Column("end_offset", BigInteger, nullable=False),
        Column("moved_at", DateTime(timezone=True), nullable=False),
        Column("instance", Text, nullable=False),
        PrimaryKeyConstraint("reader", "topic", "partition"),
    )
    Table(
        "idempotency_keys",
        metadata,
        Column("caller", Text, nullable=False),
        Column("route", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("body_hash", LargeBinary, nullable=False),
        Column("status", Integer),
        Column("headers", JSONB),
        Column("body", LargeBinary),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=_NOW),
        PrimaryKeyConstraint("caller", "route", "key"),
        Index("idempotency_keys_by_age", "created_at"),
    )
    Table(
        "clock_shift",
        metadata,
        Column("shift", Interval, nullable=False, comment="for tests: how far db_clock() is ahead of the clock"),
        Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    )
    Table(
        "live_epochs",
        metadata,
        Column("database", Text, primary_key=True, comment="a copy or a restored dump is another database"),
        Column("epoch", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
        prefixes=["UNLOGGED"],
        comment="since when transaction numbers have meant what they mean now",
    )
