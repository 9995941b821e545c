"""What placement holds of each unit, and what a live board goes by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.database.schema import changed_xid
from chassis.migrations import chassis_0002

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

CHANNEL = "board"


def upgrade() -> None:
    chassis_0002.upgrade()
    op.create_table(
        "unit_holds",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="on placement.holds.v1; 0 before the first that could be read"),
        sa.Column("hold_ids", ARRAY(sa.Uuid()), nullable=False),
        sa.Column(
            "full_since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="declined as full then: nothing is free until places are counted later",
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True, comment="when placement changed it"),
        sa.Column("is_incomplete", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="a newer state of it is parked"),
        sa.PrimaryKeyConstraint("unit_id"),
    )
    op.add_column(
        "units",
        sa.Column(
            "includes_holds",
            ARRAY(sa.Uuid()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="held places that the figures already contain",
        ),
    )
    op.add_column("units", changed_xid())
    # The index costs the updates of units their place beside the old row (about 50 microseconds a unit and report, measured). A table of
    # its own for the board would cost a row more a report.
    chassis_0002.make_live("units", CHANNEL)
