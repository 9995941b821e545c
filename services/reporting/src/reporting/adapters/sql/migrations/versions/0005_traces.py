"""A figure is published in the trace of what touched it."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import chassis_0004

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0004.upgrade()
    op.add_column("dirty", sa.Column("traceparent", sa.Text(), comment="of what touched it, where traces are on"))
