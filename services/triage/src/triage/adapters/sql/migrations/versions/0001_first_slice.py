"""Cases and what happened to them, the vault, and what placement says of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.database.schema import changed_xid
from chassis.migrations import chassis_0001, chassis_0002

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What the live queue listens on.
CHANNEL = "triage_cases"

_RECORDED_XID = sa.text("(pg_current_xact_id()::text)::bigint")

_ONLY_ADDED_TO = """
create function only_added_to() returns trigger language plpgsql as
$$ begin raise exception 'rows of % are only ever added', tg_table_name using errcode = 'restrict_violation'; end $$
"""


def upgrade() -> None:
    chassis_0001.upgrade()
    chassis_0002.upgrade()
    op.create_table(
        "cases",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, comment="raised with every change of what is shown; the ETag"),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("caller_role", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("municipality", sa.Text(), nullable=False),
        sa.Column("vr", sa.Text(), nullable=False),
        sa.Column("roaz", sa.Text(), nullable=False),
        sa.Column("needs", JSONB(), nullable=False),
        sa.Column("is_second_contact", sa.Boolean(), nullable=False),
        sa.Column("registered_by", sa.Text(), nullable=False, comment="subject of the token"),
        sa.Column("organisation", sa.Text(), nullable=True, comment="of that token"),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("assessment", JSONB(), nullable=True),
        sa.Column("wishes", JSONB(), nullable=True, comment="the choices; their words are in the vault"),
        sa.Column("request", JSONB(), nullable=True),
        sa.Column("journey", JSONB(), nullable=True, comment="how far placement is with the request's round"),
        sa.Column("is_journey_uncertain", sa.Boolean(), nullable=False, comment="an event about it is parked"),
        sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("urgency", sa.Text(), nullable=True),
        sa.Column("queue_rank", sa.SmallInteger(), nullable=True, comment="lowest first; null when it does not stand in the queue"),
        changed_xid(),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index(
        "cases_queue",
        "cases",
        ["queue_rank", "registered_at", "case_id"],
        unique=False,
        postgresql_where=sa.text("queue_rank is not null"),
    )
    chassis_0002.make_live("cases", CHANNEL)
    op.create_table(
        "timeline",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="when it happened"),
        sa.Column("by", sa.Text(), nullable=True, comment="subject of the token; null for what placement told"),
        sa.Column("facts", JSONB(), nullable=False, comment="codes and ids, never who the patient is"),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_xid", sa.BigInteger(), server_default=_RECORDED_XID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="only ever added to",
    )
    op.create_index("timeline_of_case", "timeline", ["case_id", "id"], unique=False)
    op.create_table(
        "acceptances",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False, comment="the provider that accepted last, and may see who the patient is"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of the newest event that said so, on placement.placements.v1"),
        sa.Column("partition", sa.Integer(), nullable=False, comment="on which a release would come"),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("has_ended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_table(
        "placement_heartbeats",
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False, comment="when placement recorded the newest one that was read"),
        sa.PrimaryKeyConstraint("partition"),
    )
    op.create_table(
        "vault",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped_by", sa.Text(), nullable=False, comment="which key of the file sealed the case's key"),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("patient", sa.LargeBinary(), nullable=False, comment="sealed, as all below"),
        sa.Column("complaint", sa.LargeBinary(), nullable=False),
        sa.Column("wishes", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("case_id"),
        comment="who the patients are; the key lies outside the database",
    )
    op.create_table(
        "second_contacts",
        sa.Column("mark", sa.LargeBinary(), nullable=False, comment="keyed hash of what tells a person from others"),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("has_number", sa.Boolean(), nullable=False, comment="the citizen service number was known too, in a mark of its own"),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("mark", "case_id"),
        comment="kept as long as a second contact counts as one",
    )
    op.create_index("second_contacts_by_age", "second_contacts", ["heard_at"], unique=False)
    op.create_table(
        "identity_reads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False, comment="subject of the token"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_xid", sa.BigInteger(), server_default=_RECORDED_XID, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="who looked at whom; only ever added to",
    )
    op.create_index("identity_reads_of_case", "identity_reads", ["case_id", "id"], unique=False)
    op.execute(_ONLY_ADDED_TO)
    for table in ("timeline", "identity_reads"):
        op.execute(f"create trigger only_added_to before update or delete on {table} for each statement execute function only_added_to()")
    # A case is rewritten a dozen times within its hour.
    op.execute("alter table cases set (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")
