"""The tables of triage: cases and what happened to them; apart from these the vault, where who the patients are lies sealed."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from chassis.database.schema import changed_xid, chassis_tables, live_index

metadata = MetaData()
chassis_tables(metadata)


def _recorded() -> tuple[Column[Any], Column[Any]]:
    """When a history row was known to us, and in which transaction: what `as_of` goes by, since times alone do not tell who committed first."""
    return (
        Column("recorded_at", DateTime(timezone=True), nullable=False),
        Column("recorded_xid", BigInteger, nullable=False, server_default=text("(pg_current_xact_id()::text)::bigint")),
    )


Table(
    "cases",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, comment="raised with every change of what is shown; the ETag"),
    Column("channel", Text, nullable=False),
    Column("caller_role", Text, nullable=False),
    Column("origin", Text),
    Column("municipality", Text, nullable=False),
    Column("vr", Text, nullable=False),
    Column("roaz", Text, nullable=False),
    Column("needs", JSONB, nullable=False),
    Column("is_second_contact", Boolean, nullable=False),
    Column("registered_by", Text, nullable=False, comment="subject of the token"),
    Column("organisation", Text, comment="of that token"),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    Column("assessment", JSONB),
    Column("wishes", JSONB, comment="the choices; their words are in the vault"),
    Column("request", JSONB),
    Column("journey", JSONB, comment="how far placement is with the request's round"),
    Column("is_journey_uncertain", Boolean, nullable=False, comment="an event about it is parked"),
    Column("handed_over_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    Column("outcome", Text),
    # What lists and filters go by; only ever written from the case.
    Column("status", Text, nullable=False),
    Column("urgency", Text),
    Column("queue_rank", SmallInteger, comment="lowest first; null when it does not stand in the queue"),
    changed_xid(),
    live_index("cases"),
    Index("cases_queue", "queue_rank", "registered_at", "case_id", postgresql_where=text("queue_rank is not null")),
)
Table(
    "timeline",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("what", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it happened"),
    Column("by", Text, comment="subject of the token; null for what placement told"),
    Column("facts", JSONB, nullable=False, comment="codes and ids, never who the patient is"),
    *_recorded(),
    Index("timeline_of_case", "case_id", "id"),
    comment="only ever added to",
)
Table(
    "acceptances",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("offer_id", Uuid, nullable=False),
    Column("organisation", Text, nullable=False, comment="the provider that accepted last, and may see who the patient is"),
    Column("version", BigInteger, nullable=False, comment="of the newest event that said so, on placement.placements.v1"),
    Column("partition", Integer, nullable=False, comment="on which a release would come"),
    Column("accepted_at", DateTime(timezone=True), nullable=False),
    Column("has_ended", Boolean, nullable=False),
)
Table(
    "placement_heartbeats",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("heard_at", DateTime(timezone=True), nullable=False, comment="when placement recorded the newest one that was read"),
)
Table(
    "vault",
    metadata,
    Column("case_id", Uuid, primary_key=True),
    Column("wrapped_by", Text, nullable=False, comment="which key of the file sealed the case's key"),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("patient", LargeBinary, nullable=False, comment="sealed, as all below"),
    Column("complaint", LargeBinary, nullable=False),
    Column("wishes", LargeBinary),
    comment="who the patients are; the key lies outside the database",
)
Table(
    "second_contacts",
    metadata,
    Column("mark", LargeBinary, nullable=False, comment="keyed hash of what tells a person from others"),
    Column("case_id", Uuid, nullable=False),
    Column("has_number", Boolean, nullable=False, comment="the citizen service number was known too, in a mark of its own"),
    Column("heard_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("mark", "case_id"),
    Index("second_contacts_by_age", "heard_at"),
    comment="kept as long as a second contact counts as one",
)
Table(
    "identity_reads",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", Uuid, nullable=False),
    Column("by", Text, nullable=False, comment="subject of the token"),
    Column("role", Text, nullable=False),
    Column("organisation", Text),
    *_recorded(),
    Index("identity_reads_of_case", "case_id", "id"),
    comment="who looked at whom; only ever added to",
)
