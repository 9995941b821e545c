"""Marks of people are kept only as long as a second contact counts as one."""

from datetime import timedelta

from chassis.database.sql import Connection

_FORGET = "delete from second_contacts where heard_at < db_clock() - $1::interval"


async def forget_marks(connection: Connection, within: timedelta) -> None:
    """Forget those that no longer tell anything."""
    await connection.execute(_FORGET, within)
