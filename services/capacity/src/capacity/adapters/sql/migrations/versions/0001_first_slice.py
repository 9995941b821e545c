"""The register, what was reported, flows, and of each unit the fold of it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import chassis_0001

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0001.upgrade()
    op.create_table(
        "flows",
        sa.Column("flow_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("retracted", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destination_sent", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("occupancy_change", sa.Integer(), nullable=False, comment="how many more places of the unit are occupied by this"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "revision"),
    )
    op.create_index(
        "flows_of_unit", "flows", ["unit_id", "source", "occurred_at"], unique=False, postgresql_where=sa.text("unit_id is not null")
    )
    op.create_table(
        "locations",
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True, comment="as it was given"),
        sa.Column("vr", sa.Text(), nullable=False),
        sa.Column("roaz", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("location_id"),
    )
    op.create_index(
        "locations_by_external_id",
        "locations",
        ["organisation", "external_id"],
        unique=True,
        postgresql_where=sa.text("external_id is not null"),
    )
    op.create_table(
        "observations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="REPORT or CONFIRMATION"),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("retracted", sa.Boolean(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "stated",
            sa.SmallInteger(),
            nullable=False,
            comment="which figures it states: total 1, open 2, occupied 4, reserved 8, closed_reason 16",
        ),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("open", sa.Integer(), nullable=True),
        sa.Column("occupied", sa.Integer(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=True),
        sa.Column("availability", sa.Integer(), nullable=True, comment="open - occupied - reserved by this report alone"),
        sa.Column("closed_reason_sent", sa.Text(), nullable=True),
        sa.Column("includes_holds", JSONB(), nullable=True, comment="held places that its figures already contain"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False, comment="subject of the token"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False),
        sa.CheckConstraint("kind in ('REPORT', 'CONFIRMATION')", name="observation_kind"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("observations_by_report", "observations", ["report_id", "revision"], unique=False)
    op.create_index("observations_of_unit", "observations", ["unit_id", "observed_at"], unique=False)
    op.create_table(
        "registry_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="LOCATION or UNIT"),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("said", JSONB(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_xid", sa.BigInteger(), server_default=sa.text("(pg_current_xact_id()::text)::bigint"), nullable=False),
        sa.CheckConstraint("kind in ('LOCATION', 'UNIT')", name="registry_change_kind"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("registry_changes_of_subject", "registry_changes", ["subject_id", "recorded_at"], unique=False)
    op.create_table(
        "report_ids",
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("report_id", "revision"),
    )
    op.create_index("report_ids_by_age", "report_ids", ["received_at"], unique=False)
    op.create_table(
        "units",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="raised with every published change; the ETag"),
        sa.Column("organisation", sa.Text(), nullable=False, comment="its location's, which never changes"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("features", JSONB(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("folded", JSONB(), nullable=False, comment="per source and field the value that counts, and of which report it is"),
        sa.Column("has_flows", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="a flow ever named it"),
        sa.Column(
            "timer_at", sa.DateTime(timezone=True), nullable=True, comment="when its timer goes off, which may be before fresh_until"
        ),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("open", sa.Integer(), nullable=True),
        sa.Column("occupied", sa.Integer(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=True),
        sa.Column("free", sa.Integer(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("closed_reason_sent", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fresh_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("age_limit_seconds", sa.Integer(), nullable=False),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("warnings", JSONB(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["locations.location_id"],
        ),
        sa.PrimaryKeyConstraint("unit_id"),
    )
    op.create_index(
        "units_by_external_id", "units", ["organisation", "external_id"], unique=True, postgresql_where=sa.text("external_id is not null")
    )
    op.create_index("units_of_location", "units", ["location_id"], unique=False)
    # Rows that are rewritten by the thousand a second: vacuum when a few hundred are dead, not when a fifth of the table is.
    for table in ("units", "outbox_versions"):
        op.execute(f"alter table {table} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")
    # Room on each page, so that a new version of a row lies beside the old one and no index has to know.
    op.execute("alter table units set (fillfactor = 50)")
