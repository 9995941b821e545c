"""Generations of versions, and tombstones in the outbox; called by a service's migration after `chassis_0002`, and never changed after."""

from alembic import op

from chassis.database.generations import FIRST

_STATEMENTS = (
    """
    create table generation (
        only_row boolean primary key default true,
        number integer not null,
        history text not null
    )
    """,
    "comment on column generation.number is 'of the versions that are published; higher after every restore'",
    "comment on column generation.history is 'the server and its timeline that this database belongs to; another one was restored'",
    FIRST,
    "alter table outbox alter column payload drop not null",
    "comment on column outbox.payload is 'null is a tombstone: the key is gone for good'",
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)
