"""What a statement reads, by PostgreSQL's own account: a wrong plan is right in every answer, and noticed only when there is much to read."""

from collections.abc import Iterator
from typing import Any

import orjson

from chassis.database.connection import Connection


async def rows_read(connection: Connection, statement: str, table: str) -> float:
    """Run this statement, without arguments; gives how many rows of the table it read, those that it left out again as well."""
    [explained] = orjson.loads(await connection.fetchval(f"explain (analyze, format json) {statement}"))
    rows: float = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in _nodes(explained["Plan"])
        if node.get("Relation Name") == table and node["Node Type"] != "ModifyTable"
    )
    return rows


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
