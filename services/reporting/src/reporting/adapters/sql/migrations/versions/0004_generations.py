"""In which generation this service publishes, and whether its database was restored; tombstones."""

from chassis.migrations import chassis_0003

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    chassis_0003.upgrade()
