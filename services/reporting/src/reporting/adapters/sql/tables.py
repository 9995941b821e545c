"""The tables of reporting: what units contribute, what that adds up to, and what was said and done day by day."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.database.schema import chassis_tables

metadata = MetaData()
chassis_tables(metadata)

Table(
    "contributions",
    metadata,
    Column("unit_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False, comment="of the unit's event"),
    Column("partition", Integer, nullable=False, comment="the unit's, so that workers of different partitions add to different partials"),
    Column("location_id", Uuid, nullable=False),
    Column("sector", Text, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("in_country", Text, nullable=False, comment="the figure it counts in at this level, as the two after it"),
    Column("in_roaz", Text, nullable=False),
    Column("in_vr", Text, nullable=False),
    Column("total", Integer),
    Column("open", Integer),
    Column("occupied", Integer),
    Column("reserved", Integer),
    Column("free", Integer),
    Column("held", Integer, nullable=False, server_default=text("0")),
    Column("observed_at", DateTime(timezone=True)),
    Column("fresh_until", DateTime(timezone=True)),
    Column("counts", Boolean, nullable=False, comment="its figures are in the partials; false once it is too old to trust"),
    Column("includes_holds", ARRAY(Uuid), nullable=False, server_default=text("'{}'"), comment="held places that its figures contain"),
    Index("contributions_to_expire", "fresh_until", postgresql_where=text("counts")),
    # The oldest and newest of a figure cannot be added up and taken off again: they are looked up here.
    Index("contributions_by_age_country", "in_country", "observed_at", postgresql_where=text("counts")),
    Index("contributions_by_age_roaz", "in_roaz", "observed_at", postgresql_where=text("counts")),
    Index("contributions_by_age_vr", "in_vr", "observed_at", postgresql_where=text("counts")),
    Index("contributions_of_hospitals", "care_type", "cohort", postgresql_where=text("sector = 'ZIEKENHUIS'")),
)
Table(
    "partials",
    metadata,
    Column("figure", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("units", Integer, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("total_known", Integer, nullable=False, comment="of how many units; as the others"),
    Column("open", BigInteger, nullable=False),
    Column("open_known", Integer, nullable=False),
    Column("occupied", BigInteger, nullable=False),
    Column("occupied_known", Integer, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("reserved_known", Integer, nullable=False),
    Column("free", BigInteger, nullable=False),
    Column("free_known", Integer, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("available", BigInteger, nullable=False),
    PrimaryKeyConstraint("figure", "partition"),
)
Table(
    "dirty",
    metadata,
    # No unique figure: a transaction that finds the figure already noted, by a row that the publisher is about to take, would write
    # none of its own and its change would never go out. Rows of one's own also make nobody wait.
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("figure", Text, nullable=False),
    Column("since", DateTime(timezone=True), comment="when the oldest fact that touched it was recorded; null where only time did"),
    Column("traceparent", Text, comment="of what touched it, where traces are on"),
)
Table(
    "figures",
    metadata,
    Column("figure", Text, primary_key=True),
    Column("said", Text, comment="the body last published; null before the first"),
    Column("said_at", DateTime(timezone=True)),
)
Table(
    "unit_holds",
    metadata,
    # Also of units that are not known yet: their holds may come first.
    Column("unit_id", Uuid, primary_key=True),
    Column("version", BigInteger, nullable=False, comment="of the event of the unit's holds; 0 before the first"),
    Column("holds", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    Column(
        "absorbed_by",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="of each absorbed hold: the version of the unit that contains it",
    ),
)
Table(
    "parked_units",
    metadata,
    Column("unit", Text, primary_key=True, comment="a key of which an event is parked"),
    Column("topic", Text, primary_key=True, comment="on which; a newer state there lifts it, and no other"),
)
Table(
    "recounts",
    metadata,
    Column("only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("counted_at", DateTime(timezone=True), nullable=False),
    Column("differing", JSONB, nullable=False, comment="the figures that differ; an empty list when all is equal"),
)
Table(
    "observations",
    metadata,
    Column("unit_id", Uuid, nullable=False),
    Column("report_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False, comment="the highest that was seen"),
    Column("counts", Boolean, nullable=False, comment="of a hospital's beds in the feed, states occupied, not taken back"),
    Column("day", Date, nullable=False, comment="the local day on which it was true"),
    Column("location_id", Uuid, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("occupied", Integer),
    Column("free", Integer),
    PrimaryKeyConstraint("unit_id", "report_id"),
    # The first row of a unit's day is the one that counts: newest, then the lowest availability (unknown is lowest), then the greater id.
    Index(
        "observations_first_counts",
        "unit_id",
        "day",
        text("observed_at desc"),
        text("free nulls first"),
        text("report_id desc"),
        postgresql_where=text("counts"),
    ),
)
Table(
    "unit_days",
    metadata,
    Column("day", Date, nullable=False),
    Column("unit_id", Uuid, nullable=False),
    Column("location_id", Uuid, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("occupied", Integer),
    PrimaryKeyConstraint("day", "unit_id"),
)
Table(
    "flows",
    metadata,
    Column("flow_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False, comment="the highest that was seen"),
    Column("counts", Boolean, nullable=False, comment="an admission to beds of the feed, not taken back"),
    Column("day", Date, nullable=False),
    Column("location_id", Uuid, nullable=False),
    Column("unit_id", Uuid),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Index("flows_of_day", "day", postgresql_where=text("counts")),
)
Table(
    "dirty_days",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
)
Table(
    "feed_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("ic_beds_covid", Integer),
    Column("ic_beds_non_covid", Integer),
    Column("ward_beds_covid", Integer),
    Column("ic_admissions_covid", Integer),
    Column("ward_admissions_covid", Integer),
    Column("coverage", JSONB, nullable=False, server_default=text("'{}'"), comment="by cell: hospitals, units, units_known"),
    Column("said_at", DateTime(timezone=True), comment="null before the first statement"),
)
Table(
    "feed_statements",
    metadata,
    # Append-only: what was said, and when, is never made again, also not by a rebuild.
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("ic_beds_covid", Integer),
    Column("ic_beds_non_covid", Integer),
    Column("ward_beds_covid", Integer),
    Column("ic_admissions_covid", Integer),
    Column("ward_admissions_covid", Integer),
    Column("coverage", JSONB, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False, server_default=text("clock_timestamp()")),
    Column("recorded_xid", BigInteger, nullable=False, server_default=text("pg_current_xact_id()::text::bigint")),
    Index("feed_statements_by_day", "day", "id"),
)
Table(
    "placement_counts",
    metadata,
    Column("day", Date, nullable=False, comment="the local day on which it happened"),
    Column("roaz", Text, nullable=False, comment="the region it counts in at this level, `ONBEKEND` where it is none of ours; as the next"),
    Column("vr", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("care_type", Text, nullable=False),
    Column("cohort", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="of a decline; empty for all else"),
    Column("partition", Integer, nullable=False, comment="the event's, so that workers of different partitions never wait for each other"),
    Column("count", BigInteger, nullable=False),
    Column("seconds", BigInteger, nullable=False, comment="from request to acceptance, of all that are counted here"),
    PrimaryKeyConstraint("day", "sector", "care_type", "cohort", "vr", "roaz", "what", "reason", "partition"),
)
