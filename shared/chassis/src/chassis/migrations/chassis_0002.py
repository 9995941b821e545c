"""What live lists need (`chassis.live`); called by a service's migration after `chassis_0001`, and never changed after."""

from alembic import op

_STATEMENTS = (
    # Unlogged on purpose: PostgreSQL empties it whenever it had to recover from a crash, and on a standby that is promoted. Transaction
    # numbers may come a second time then, so that what a reader was told up to means nothing any more.
    """
    create unlogged table live_epochs (
        database text primary key,
        epoch uuid not null default gen_random_uuid()
    )
    """,
    "comment on table live_epochs is 'since when transaction numbers have meant what they mean now'",
    "comment on column live_epochs.database is 'a copy or a restored dump is another database'",
    """
    create function live_stamp() returns trigger language plpgsql as
    $$ begin new.changed_xid := pg_current_xact_id(); return new; end $$
    """,
    """
    create function live_notify() returns trigger language plpgsql as
    $$ begin perform pg_notify(tg_argv[0], ''); return null; end $$
    """,
)


def upgrade() -> None:
    """Create them."""
    for statement in _STATEMENTS:
        op.execute(statement)


def make_live(table: str, channel: str) -> None:
    """Let this table feed a live list: each change is stamped with its transaction and, at its commit, notified on the channel.

    The table has a column `changed_xid` (`chassis.database.schema.changed_xid()`); the index that readers go by is made here, under the name that
    `chassis.database.schema.live_index` gives it.
    """
    op.execute(f"create index {table}_changed on {table} (changed_xid)")
    op.execute(f"create trigger live_stamp before insert or update on {table} for each row execute function live_stamp()")
    op.execute(
        f"create trigger live_notify after insert or update or delete on {table} for each statement execute function live_notify('{channel}')"
    )
