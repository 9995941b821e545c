"""Ids of reports are kept a day longer than reports may reach back: an older report is refused for its age."""

from datetime import timedelta

from chassis.database.sql import Connection

KEPT = timedelta(days=15)

# In portions, so that no report waits for the deletion of a day's ids.
_FORGET = """
delete from report_ids where (report_id, revision) in (
    select report_id, revision from report_ids where received_at < db_clock() - $1::interval order by received_at limit 5000
)
"""


async def forget_report_ids(connection: Connection) -> None:
    """Forget the ids of reports that are older than that."""
    while await connection.execute(_FORGET, KEPT) != "DELETE 0":
        pass
