"""What happened to cases, in PostgreSQL: written in the statement that writes the case; its rows refuse to be changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from triage.domain.timeline import Entry

TOLD: Final = """
told as (
    insert into timeline (case_id, what, at, by, facts, recorded_at)
    select case_id, what, at, by, facts::jsonb, $6
    from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[]) as n (case_id, what, at, by, facts)
)
"""
"""The part of a statement that adds to the timeline; its parameters are the first six."""


def told(entries: Sequence[Entry], recorded_at: datetime) -> tuple[Any, ...]:
    """Those parameters."""
    return (
        [entry.case_id for entry in entries],
        [entry.what for entry in entries],
        [entry.at for entry in entries],
        [entry.by for entry in entries],
        # As text, because asyncpg cannot tell an array of JSON values from an array of arrays; its UUIDs are a class of its own.
        [orjson.dumps(entry.facts, default=str, option=orjson.OPT_UTC_Z).decode() for entry in entries],
        recorded_at,
    )
