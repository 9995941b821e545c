"""How late a figure is: since when the facts that touched it have been known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a default, so that no row is rewritten; workers of the version before this one leave it empty.
    op.add_column(
        "dirty",
        sa.Column(
            "since", sa.DateTime(timezone=True), comment="when the oldest fact that touched it was recorded; null where only time did"
        ),
    )
