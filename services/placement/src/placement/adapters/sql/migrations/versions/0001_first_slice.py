"""Requests, offers and the places that are held."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chassis.database.schema import Xid8
from chassis.migrations import chassis_0001, chassis_0002

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0001.upgrade()
    chassis_0002.upgrade()
    op.create_table(
        "ended_requests",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("through_round", sa.Integer(), nullable=False, comment="the last round that ended before we heard of it"),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("ended_requests_by_age", "ended_requests", ["at"], unique=False)
    op.create_table(
        "requests",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=False),
        sa.Column("is_assessed", sa.Boolean(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("place_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("region", sa.Text(), nullable=False, comment="the VR in whose region a place is wanted"),
        sa.Column("roaz", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True, comment="who asks"),
        sa.Column("needs", JSONB(), nullable=False),
        sa.Column("target_group", sa.Integer(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("regions", ARRAY(sa.Text()), nullable=False, comment="ROAZ regions to look in, in this order"),
        sa.Column("region_index", sa.Integer(), nullable=False, comment="which of them is looked in now; their number once LCPS looks"),
        sa.Column("asked_in_region", sa.Integer(), nullable=False, comment="how many the automatic search asked there"),
        sa.Column("unattended_at", sa.DateTime(timezone=True), nullable=True, comment="when the automatic search goes on by itself"),
        sa.Column("is_on_top", sa.Boolean(), nullable=False, comment="it had a place and lost it"),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False, comment="raised by every change; the ETag"),
        sa.Column("changed_xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint("(status = 'CLOSED') = (ended is not null)", name="request_ends_somehow"),
        sa.CheckConstraint("status in ('OPEN', 'BIJ_LCPS', 'PLACED', 'CLOSED')", name="request_status"),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("requests_in_region", "requests", ["region", "status"], unique=False, postgresql_where=sa.text("status <> 'CLOSED'"))
    op.create_index("requests_of_asker", "requests", ["organisation"], unique=False, postgresql_where=sa.text("status <> 'CLOSED'"))
    op.create_table(
        "offers",
        sa.Column("offer_id", sa.Uuid(), nullable=False, comment="also the hold's and the placement's"),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False, comment="where the place is held; after admission the unit really used"),
        sa.Column("offered_unit_id", sa.Uuid(), nullable=False, comment="which unit was asked"),
        sa.Column("organisation", sa.Text(), nullable=False, comment="whose unit it is"),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=True, comment="subject of the token; null when nobody acted in time"),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "held_until", sa.DateTime(timezone=True), nullable=True, comment="when the hold ends by itself; null once it no longer does"
        ),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True, comment="when it was true at the bedside"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True, comment="since when nothing is held"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why declined or released, as sent"),
        sa.Column(
            "warned_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it was said that the hold is about to end, or the patient late",
        ),
        sa.Column("needs_confirmation", sa.Boolean(), nullable=False, comment="the unit's figures leave no room for all that it holds"),
        sa.Column("absorbed_version", sa.BigInteger(), nullable=True, comment="the version of the unit whose figures contain the patient"),
        sa.Column("version", sa.Integer(), nullable=False, comment="raised by every change; the ETag"),
        sa.Column("changed_xid", Xid8(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.CheckConstraint("(status in ('OFFERED', 'ACCEPTED')) <= (held_until is not null)", name="offer_hold_has_an_end"),
        sa.CheckConstraint(
            "(status in ('OFFERED', 'ACCEPTED', 'UNDERWAY', 'ADMITTED')) = (ended_at is null)", name="offer_holds_or_has_ended"
        ),
        sa.CheckConstraint(
            "status in ('OFFERED', 'ACCEPTED', 'UNDERWAY', 'ADMITTED', 'ABSORBED', 'DECLINED', 'EXPIRED', 'WITHDRAWN', 'RELEASED')",
            name="offer_status",
        ),
        sa.PrimaryKeyConstraint("offer_id"),
    )
    op.create_index("asked_once_at_a_time", "offers", ["case_id", "unit_id"], unique=True, postgresql_where=sa.text("status = 'OFFERED'"))
    op.create_index("offers_absorbed", "offers", ["unit_id", "ended_at"], unique=False, postgresql_where=sa.text("status = 'ABSORBED'"))
    op.create_index(
        "offers_holding",
        "offers",
        ["unit_id"],
        unique=False,
        postgresql_where=sa.text("status in ('OFFERED', 'ACCEPTED', 'UNDERWAY', 'ADMITTED')"),
    )
    op.create_index("offers_of_organisation", "offers", ["organisation", "status"], unique=False)
    op.create_index("offers_of_request", "offers", ["case_id", "round"], unique=False)
    op.create_index("offers_ended", "offers", ["ended_at"], unique=False, postgresql_where=sa.text("ended_at is not null"))
    op.create_index("offers_to_answer", "offers", ["answer_by"], unique=False, postgresql_where=sa.text("status = 'OFFERED'"))
    op.create_index(
        "one_placement_a_request", "offers", ["case_id"], unique=True, postgresql_where=sa.text("status in ('ACCEPTED', 'UNDERWAY')")
    )
    op.create_table(
        "units",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of capacity's event"),
        sa.Column("location_id", sa.Uuid(), nullable=False),
        sa.Column("location_name", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("care_type", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Text(), nullable=False),
        sa.Column("municipality", sa.Text(), nullable=True),
        sa.Column("vr", sa.Text(), nullable=False),
        sa.Column("roaz", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("features", JSONB(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("open", sa.Integer(), nullable=True),
        sa.Column("occupied", sa.Integer(), nullable=True),
        sa.Column("reserved", sa.Integer(), nullable=True),
        sa.Column(
            "free", sa.Integer(), nullable=True, comment="as capacity said; 0 from a decline with VOL until an observation later than it"
        ),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fresh_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("occupied_reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("includes_holds", ARRAY(sa.Uuid()), nullable=False, comment="held places that the figures already contain"),
        sa.Column("held", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="holds that count beside the figures"),
        sa.Column("claimed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("full_since", sa.DateTime(timezone=True), nullable=True, comment="declined with VOL then"),
        sa.Column("overcommitted_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("held >= 0", name="held_not_negative"),
        sa.PrimaryKeyConstraint("unit_id"),
    )
    op.create_index("units_of_organisation", "units", ["organisation"], unique=False)
    op.create_index("units_to_offer", "units", ["care_type", "cohort", "roaz", "vr"], unique=False)

    chassis_0002.make_live("requests", "placement_requests")
    chassis_0002.make_live("offers", "placement_offers")
    # Rows that are rewritten all day: vacuum when a few hundred are dead, not when a fifth of the table is.
    for table in ("units", "offers", "requests"):
        op.execute(f"alter table {table} set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")
    # Room on each page, so that a new version of a row lies beside the old one and no index has to know.
    op.execute("alter table units set (fillfactor = 50)")
