"""Alembic's way in."""

from chassis.migrations.running import run_env
from placement.adapters.sql.tables import metadata

run_env(metadata)
