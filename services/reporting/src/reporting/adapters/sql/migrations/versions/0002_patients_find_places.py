"""Places held through placement, and what placement did day by day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.migrations import chassis_0002

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNITS_TOPIC = "capacity.units.v1"


def upgrade() -> None:
    chassis_0002.upgrade()
    holds()
    parked()
    placements()


def holds() -> None:
    op.add_column(
        "contributions",
        sa.Column(
            "includes_holds",
            ARRAY(sa.Uuid()),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="held places that its figures contain",
        ),
    )
    op.create_table(
        "unit_holds",
        sa.Column("unit_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="of the event of the unit's holds; 0 before the first"),
        sa.Column("holds", ARRAY(sa.Uuid()), nullable=False, server_default=sa.text("'{}'")),
        sa.Column(
            "absorbed_by",
            ARRAY(sa.BigInteger()),
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="of each absorbed hold: the version of the unit that contains it",
        ),
    )
    # Rewritten with every offer: see the first migration.
    op.execute("alter table unit_holds set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)")


def parked() -> None:
    # Until now there was one topic whose events could be parked here.
    op.add_column(
        "parked_units",
        sa.Column(
            "topic",
            sa.Text(),
            nullable=False,
            server_default=UNITS_TOPIC,
            comment="on which; a newer state there lifts it, and no other",
        ),
    )
    op.alter_column("parked_units", "topic", server_default=None)
    op.drop_constraint("parked_units_pkey", "parked_units")
    op.create_primary_key("parked_units_pkey", "parked_units", ["unit", "topic"])


def placements() -> None:
    op.create_table(
        "placement_counts",
        sa.Column("day", sa.Date(), primary_key=True, comment="the local day on which it happened"),
        sa.Column("sector", sa.Text(), primary_key=True),
        sa.Column("care_type", sa.Text(), primary_key=True),
        sa.Column("cohort", sa.Text(), primary_key=True),
        sa.Column("vr", sa.Text(), primary_key=True),
        sa.Column(
            "roaz",
            sa.Text(),
            primary_key=True,
            comment="the region it counts in at this level, `ONBEKEND` where it is none of ours; as the next",
        ),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("reason", sa.Text(), primary_key=True, comment="of a decline; empty for all else"),
        sa.Column(
            "partition",
            sa.Integer(),
            primary_key=True,
            comment="the event's, so that workers of different partitions never wait for each other",
        ),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False, comment="from request to acceptance, of all that are counted here"),
    )
