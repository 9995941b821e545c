"""Alembic's way in."""

from chassis.migrations.running import run_env
from reporting.adapters.sql.tables import metadata

run_env(metadata)
