"""The chassis' tables as they first were; called by each service's first migration, and never changed after.

Written out, because `schema.chassis_tables` says what they are today: a later column would otherwise be there before its own migration.
"""

from alembic import op

_STATEMENTS = (
    """
    create table outbox (
        id bigint generated always as identity primary key,
        aggregatetype text not null,
        aggregateid text not null,
        type text not null,
        payload bytea not null,
        event_id uuid not null,
        subject text not null,
        version bigint not null,
        partition integer,
        traceparent text,
        created_at timestamptz not null default clock_timestamp(),
        published_at timestamptz,
        refused text
    )
    """,
    "comment on column outbox.aggregatetype is 'topic, without namespace'",
    "comment on column outbox.aggregateid is 'key'",
    "comment on column outbox.refused is 'why this row can never be sent; its key waits behind it'",
    "create index outbox_unsent on outbox (id) where published_at is null",
    "create index outbox_refused on outbox (aggregatetype, aggregateid) where refused is not null",
    """
    create table outbox_versions (
        topic text not null,
        key text not null,
        version bigint not null,
        primary key (topic, key)
    )
    """,
    """
    create table reader_versions (
        reader text not null,
        topic text not null,
        key text not null,
        version bigint not null,
        primary key (reader, topic, key)
    )
    """,
    "comment on column reader_versions.version is 'the last one applied; 0 before the first'",
    """
    create table reader_positions (
        reader text not null,
        topic text not null,
        partition integer not null,
        topic_id text not null,
        next_offset bigint not null,
        primary key (reader, topic, partition)
    )
    """,
    "comment on column reader_positions.topic_id is 'what the partition''s first record says; another one is another topic'",
    """
    create table parked (
        id bigint generated always as identity primary key,
        reader text not null,
        kind text not null,
        topic text not null,
        partition integer not null,
        "offset" bigint not null,
        key text,
        blocks_key boolean not null,
        follows boolean not null,
        type text,
        event_id text,
        sequence bigint,
        recorded_at timestamptz,
        appended_at timestamptz not null,
        headers jsonb not null,
        body bytea not null,
        size bigint not null,
        sha256 text not null,
        reason text not null,
        set_aside_at timestamptz not null default clock_timestamp(),
        resolved_at timestamptz,
        resolution text,
        constraint parked_once unique (reader, topic, partition, "offset")
    )
    """,
    "comment on column parked.kind is 'rejected (a report broke a rule) or parked (an event broke its contract)'",
    "comment on column parked.blocks_key is 'later events of the key wait for this one'",
    "comment on column parked.follows is 'nothing is wrong with it: it waits for an earlier event of its key'",
    "comment on column parked.body is 'whole, or its first 64 KiB'",
    "comment on column parked.resolution is 'replayed, superseded or discarded'",
    "create index parked_open on parked (reader, topic, key) where resolved_at is null",
    """
    create table timers (
        kind text not null,
        subject text not null,
        due_at timestamptz not null,
        primary key (kind, subject)
    )
    """,
    "create index timers_due on timers (kind, due_at)",
    """
    create table heartbeats (
        reader text not null,
        topic text not null,
        partition integer not null,
        at timestamptz not null default clock_timestamp(),
        position bigint not null,
        end_offset bigint not null,
        moved_at timestamptz not null,
        instance text not null,
        primary key (reader, topic, partition)
    )
    """,
    """
    create table idempotency_keys (
        caller text not null,
        route text not null,
        key text not null,
        body_hash bytea not null,
        status integer,
        headers jsonb,
        body bytea,
        created_at timestamptz not null default clock_timestamp(),
        primary key (caller, route, key)
    )
    """,
    "create index idempotency_keys_by_age on idempotency_keys (created_at)",
    """
    create table clock_shift (
        shift interval not null,
        only_row boolean primary key default true
    )
    """,
    "comment on column clock_shift.shift is 'for tests: how far db_clock() is ahead of the clock'",
    # The one clock that timers and ages go by, which tests can shift.
    """
    create function db_clock() returns timestamptz language sql volatile as
    $$ select clock_timestamp() + coalesce((select shift from clock_shift), interval '0') $$
    """,
    # Rows come and go, or change, by the thousand a second: vacuum when a few hundred are dead, not when a fifth of the table is, and
    # without pauses: the relay would step over the dead meanwhile.
    *(
        f"alter table {table} set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)"
        for table in ("outbox", "timers", "heartbeats", "outbox_versions", "reader_versions", "reader_positions")
    ),
    # Room on the page, so that a row that changes with every event stays on it and its index is left alone.
    *(f"alter table {table} set (fillfactor = 70)" for table in ("heartbeats", "outbox_versions", "reader_versions", "reader_positions")),
)


def upgrade() -> None:
    """Create them, and `db_clock()`."""
    for statement in _STATEMENTS:
        op.execute(statement)
