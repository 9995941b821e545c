"""A timer goes on in the trace of what set it."""

from chassis.migrations import chassis_0004

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0004.upgrade()
