"""The tables of capacity: the register, what was reported, and of each unit the fold of it."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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
    "locations",
    metadata,
    Column("location_id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("municipality", Text, comment="as it was given"),
    Column("vr", Text, nullable=False),
    Column("roaz", Text, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("phone", Text),
    Column("external_id", Text),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("locations_by_external_id", "organisation", "external_id", unique=True, postgresql_where=text("external_id is not null")),
)
Table(
    "units",
    metadata,
    Column("unit_id", Uuid, primary_key=True),
    Column("location_id", Uuid, ForeignKey("locations.location_id"), nullable=False),
    Column("version", Integer, nullable=False, comment="raised with every published change; the ETag"),
    Column("organisation", Text, nullable=False, comment="its location's, which never changes"),
    Column("name", Text, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("features", JSONB, nullable=False),
    Column("external_id", Text),
    Column("folded", JSONB, nullable=False, comment="per source and field the value that counts, and of which report it is"),
    Column("has_flows", Boolean, nullable=False, server_default=text("false"), comment="a flow ever named it"),
    Column("timer_at", DateTime(timezone=True), comment="when its timer goes off, which may be before fresh_until"),
    # What is shown; only ever written from the fold.
    Column("total", Integer),
    Column("open", Integer),
    Column("occupied", Integer),
    Column("reserved", Integer),
    Column("free", Integer),
    Column("closed_reason", Text),
    Column("closed_reason_sent", Text),
    Column("source", Text),
    Column("observed_at", DateTime(timezone=True)),
    Column("fresh_until", DateTime(timezone=True)),
    Column("age_limit_seconds", Integer, nullable=False),
    Column("conflict", Boolean, nullable=False),
    Column("warnings", JSONB, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column(
        "includes_holds", ARRAY(Uuid), nullable=False, server_default=text("'{}'"), comment="held places that the figures already contain"
    ),
    changed_xid(),
    live_index("units"),
    Index("units_of_location", "location_id"),
    Index("units_by_external_id", "organisation", "external_id", unique=True, postgresql_where=text("external_id is not null")),
)
# What placement holds of each unit, as it last told. Of units that we do not know too: they may yet be registered, or registered again.
Table(
    "unit_holds",
    metadata,
    Column("unit_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False, comment="on placement.holds.v1; 0 before the first that could be read"),
    Column("hold_ids", ARRAY(Uuid), nullable=False),
    Column("full_since", DateTime(timezone=True), comment="declined as full then: nothing is free until places are counted later"),
    Column("changed_at", DateTime(timezone=True), comment="when placement changed it"),
    Column("is_incomplete", Boolean, nullable=False, server_default=text("false"), comment="a newer state of it is parked"),
)
# What was said, as it came, never changed: the fold and all history are made of this.
Table(
    "observations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="REPORT or CONFIRMATION"),
    Column("report_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("retracted", Boolean, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column(
        "stated", SmallInteger, nullable=False, comment="which figures it states: total 1, open 2, occupied 4, reserved 8, closed_reason 16"
    ),
    Column("total", Integer),
    Column("open", Integer),
    Column("occupied", Integer),
    Column("reserved", Integer),
    Column("availability", Integer, comment="open - occupied - reserved by this report alone"),
    Column("closed_reason_sent", Text),
    Column("includes_holds", JSONB, comment="held places that its figures already contain"),
    Column("digest", LargeBinary, nullable=False),
    Column("sender", Text, nullable=False, comment="subject of the token"),
    *_recorded(),
    CheckConstraint("kind in ('REPORT', 'CONFIRMATION')", name="observation_kind"),
    Index("observations_of_unit", "unit_id", "observed_at"),
    Index("observations_by_report", "report_id", "revision"),
)
# Not partitioned by time, unlike what the observations may become: that is what makes an id count once. Kept 15 days.
Table(
    "report_ids",
    metadata,
    Column("report_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("report_id", "revision"),
    Index("report_ids_by_age", "received_at"),
)
Table(
    "flows",
    metadata,
    Column("flow_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("retracted", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("location_id", Uuid, nullable=False),
    Column("unit_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("destination_sent", Text),
    Column("count", Integer, nullable=False),
    Column("occupancy_change", Integer, nullable=False, comment="how many more places of the unit are occupied by this"),
    Column("digest", LargeBinary, nullable=False),
    Column("sender", Text, nullable=False),
    *_recorded(),
    PrimaryKeyConstraint("flow_id", "revision"),
    Index("flows_of_unit", "unit_id", "source", "occurred_at", postgresql_where=text("unit_id is not null")),
)
# What the register said and when: a board of the past needs the names and places of then.
Table(
    "registry_changes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="LOCATION or UNIT"),
    Column("subject_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("said", JSONB, nullable=False),
    Column("sender", Text, nullable=False),
    *_recorded(),
    CheckConstraint("kind in ('LOCATION', 'UNIT')", name="registry_change_kind"),
    Index("registry_changes_of_subject", "subject_id", "recorded_at"),
)
