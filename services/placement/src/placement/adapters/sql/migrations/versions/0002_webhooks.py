"""Webhooks of organisations, and what they are to be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False, comment="opens with a key that is not in this database"),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organisation"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("delivery_id", sa.Uuid(), nullable=False, comment="the webhook-id, the same at every attempt"),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("body", JSONB(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False, comment="when it is tried again, or its lease runs out"),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False, comment="from then on it is of no use"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True, comment="what was answered; null when nothing was"),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("told in ('offer.made', 'offer.ended')", name="delivery_told"),
        sa.CheckConstraint("state in ('PENDING', 'DELIVERED', 'NOT_DELIVERED')", name="delivery_state"),
        sa.CheckConstraint("(state = 'DELIVERED') = (delivered_at is not null)", name="delivery_has_its_time"),
        sa.PrimaryKeyConstraint("delivery_id"),
    )
    op.create_index("told_once", "webhook_deliveries", ["offer_id", "told"], unique=True)
    op.create_index("deliveries_due", "webhook_deliveries", ["next_at"], unique=False, postgresql_where=sa.text("state = 'PENDING'"))
    op.create_index("deliveries_of_organisation", "webhook_deliveries", ["organisation", "made_at"], unique=False)
