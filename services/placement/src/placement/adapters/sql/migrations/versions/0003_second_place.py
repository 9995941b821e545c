"""A second place where there is no room after all, and units whose newest state cannot be read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "requests",
        sa.Column(
            "moves", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="how often the accepted place had no room after all"
        ),
    )
    op.drop_constraint("request_status", "requests", type_="check")
    op.create_check_constraint("request_status", "requests", "status in ('OPEN', 'BIJ_LCPS', 'PLACED', 'MOVING', 'CLOSED')")

    op.add_column(
        "offers",
        sa.Column("confirm_by", sa.DateTime(timezone=True), nullable=True, comment="until when its provider may say whether there is room"),
    )
    op.add_column(
        "offers", sa.Column("has_room", sa.Boolean(), nullable=True, comment="what the provider said of that, or what stands for it")
    )
    op.add_column("offers", sa.Column("room_answered_at", sa.DateTime(timezone=True), nullable=True))
    # Who was asked before has no time by which to answer; within a minute it is asked again, and then it has.
    op.create_check_constraint("offer_question_is_asked", "offers", "(confirm_by is not null) <= needs_confirmation")
    op.create_check_constraint("offer_answer_has_its_time", "offers", "(has_room is null) = (room_answered_at is null)")

    op.add_column(
        "units",
        sa.Column("is_parked", sa.Boolean(), server_default=sa.text("false"), nullable=False, comment="its newest state cannot be read"),
    )

    op.drop_constraint("delivery_told", "webhook_deliveries", type_="check")
    op.create_check_constraint("delivery_told", "webhook_deliveries", "told in ('offer.made', 'offer.ended', 'room.asked')")
