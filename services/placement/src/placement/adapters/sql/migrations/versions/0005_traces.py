"""A timer goes on in the trace of what set it."""

from chassis.migrations import chassis_0004

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0004.upgrade()
