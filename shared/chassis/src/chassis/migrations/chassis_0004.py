"""In which trace a timer was set; called by a service's migration after `chassis_0003`, and never changed after."""

from alembic import op

_STATEMENTS = (
    "alter table timers add column traceparent text",
    "comment on column timers.traceparent is 'of what set it, where traces are on'",
)


def upgrade() -> None:
    """Create it."""
    for statement in _STATEMENTS:
        op.execute(statement)
