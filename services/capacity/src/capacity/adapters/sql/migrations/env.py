"""Alembic's way in."""

from capacity.adapters.sql.tables import metadata
from chassis.migrations.running import run_env

run_env(metadata)
