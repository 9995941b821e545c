"""The national picture and the daily feed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import chassis_0001

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
CELLS = ("ic_beds_covid", "ic_beds_non_covid", "ward_beds_covid", "ic_admissions_covid", "ward_admissions_covid")


def upgrade() -> None:
    chassis_0001.upgrade()
    contributions()
    figures()
    facts()
    feed()
    # Rows that are rewritten or taken off by the thousand a second: vacuum when a few hundred are dead, not when a fifth of the table is.
    for table in ("contributions", "partials", "dirty", "dirty_days", "figures"):
        op.execute(f"alter table {table} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")
    # Room on each page, so that a new version of a row lies beside the old one and no index has to know.
    for table in ("partials", "figures"):
        op.execute(f"alter table {table} set (fillfactor = 50)")


def contributions() -> None:
    op.create_table(
        "contributions",
        sa.Column("unit_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of the unit's event"),
        sa.Column(
            "partition",
            sa.Integer(),
            nullable=False,
            comment="the unit's, so that workers of different partitions add to different partials",
        ),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("in_country", sa.Text(), nullable=False, comment="the figure it counts in at this level, as the two after it"),
        sa.Column("in_roaz", sa.Text(), nullable=False),
        sa.Column("in_vr", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer()),
        sa.Column("open", sa.Integer()),
        sa.Column("occupied", sa.Integer()),
        sa.Column("reserved", sa.Integer()),
        sa.Column("free", sa.Integer()),
        sa.Column("held", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("observed_at", INSTANT),
        sa.Column("fresh_until", INSTANT),
        sa.Column("counts", sa.Boolean(), nullable=False, comment="its figures are in the partials; false once it is too old to trust"),
    )
    op.create_index("contributions_to_expire", "contributions", ["fresh_until"], postgresql_where=sa.text("counts"))
    for level in ("country", "roaz", "vr"):
        op.create_index(
            f"contributions_by_age_{level}", "contributions", [f"in_{level}", "observed_at"], postgresql_where=sa.text("counts")
        )
    op.create_index(
        "contributions_of_hospitals", "contributions", ["care_type", "cohort"], postgresql_where=sa.text("sector = 'ZIEKENHUIS'")
    )


def figures() -> None:
    op.create_table(
        "partials",
        sa.Column("figure", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("total_known", sa.Integer(), nullable=False, comment="of how many units; as the others"),
        sa.Column("open", sa.BigInteger(), nullable=False),
        sa.Column("open_known", sa.Integer(), nullable=False),
        sa.Column("occupied", sa.BigInteger(), nullable=False),
        sa.Column("occupied_known", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("reserved_known", sa.Integer(), nullable=False),
        sa.Column("free", sa.BigInteger(), nullable=False),
        sa.Column("free_known", sa.Integer(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("available", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "dirty",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("figure", sa.Text(), nullable=False),
    )
    op.create_table(
        "figures",
        sa.Column("figure", sa.Text(), primary_key=True),
        sa.Column("said", sa.Text(), comment="the body last published; null before the first"),
        sa.Column("said_at", INSTANT),
    )
    op.create_table("parked_units", sa.Column("unit", sa.Text(), primary_key=True, comment="a key of which an event is parked"))
    op.create_table(
        "recounts",
        sa.Column("only_row", sa.Boolean(), primary_key=True, server_default=sa.text("true")),
        sa.Column("counted_at", INSTANT, nullable=False),
        sa.Column("differing", JSONB(), nullable=False, comment="the figures that differ; an empty list when all is equal"),
    )


def facts() -> None:
    op.create_table(
        "observations",
        sa.Column("unit_id", sa.Uuid(), primary_key=True),
        sa.Column("report_id", sa.Uuid(), primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False, comment="the highest that was seen"),
        sa.Column("counts", sa.Boolean(), nullable=False, comment="of a hospital's beds in the feed, states occupied, not taken back"),
        sa.Column("day", sa.Date(), nullable=False, comment="the local day on which it was true"),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("observed_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("occupied", sa.Integer()),
        sa.Column("free", sa.Integer()),
    )
    op.create_index(
        "observations_first_counts",
        "observations",
        ["unit_id", "day", sa.text("observed_at desc"), sa.text("free nulls first"), sa.text("report_id desc")],
        postgresql_where=sa.text("counts"),
    )
    op.create_table(
        "flows",
        sa.Column("flow_id", sa.Uuid(), primary_key=True),
        sa.Column("revision", sa.Integer(), nullable=False, comment="the highest that was seen"),
        sa.Column("counts", sa.Boolean(), nullable=False, comment="an admission to beds of the feed, not taken back"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid()),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
    )
    op.create_index("flows_of_day", "flows", ["day"], postgresql_where=sa.text("counts"))


def feed() -> None:
    op.create_table(
        "unit_days",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("unit_id", sa.Uuid(), primary_key=True),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("occupied", sa.Integer()),
    )
    op.create_table(
        "dirty_days",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
    )
    op.create_table(
        "feed_days",
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(cell, sa.Integer()) for cell in CELLS),
        sa.Column("coverage", JSONB(), nullable=False, server_default=sa.text("'{}'"), comment="by cell: hospitals, units, units_known"),
        sa.Column("said_at", INSTANT, comment="null before the first statement"),
    )
    op.create_table(
        "feed_statements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(cell, sa.Integer()) for cell in CELLS),
        sa.Column("coverage", JSONB(), nullable=False),
        sa.Column("said_at", INSTANT, nullable=False, server_default=sa.text("clock_timestamp()")),
        sa.Column("recorded_xid", sa.BigInteger(), nullable=False, server_default=sa.text("pg_current_xact_id()::text::bigint")),
    )
    op.create_index("feed_statements_by_day", "feed_statements", ["day", "id"])
