"""What asyncpg has to ask of the server about types, asked once a process instead of on every new connection.

It knows the built-in types, but not the arrays of them, and every list of keys is one: on each new connection the first statement with
another kind of list cost a query of 10 ms, just when more connections were wanted because all were busy
(https://github.com/MagicStack/asyncpg/issues/1272). A test fails when asyncpg knows them itself.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg

from chassis.database.connection import Connection

# Ids below are given with PostgreSQL's source, and are the same in every database (FirstNormalObjectId).
_FIRST_OF_OURS = 16_384

_known: dict[frozenset[int], Sequence[asyncpg.Record]] = {}


class KnowingConnection(Connection):
    """asyncpg's connection, which has heard of the types that another one has met."""

    async def _introspect_types(self, typeoids: Sequence[int], *limit: Any) -> tuple[Sequence[asyncpg.Record], Any]:
        asked = frozenset(typeoids)
        if (known := _known.get(asked)) is not None:
            # The name of the statement that asked, of which there was none here: nothing took the place of the one being prepared.
            return known, SimpleNamespace(name="none")
        types, statement = await super()._introspect_types(typeoids, *limit)  # type: ignore[misc]  # asyncpg keeps it to itself
        if max(asked) < _FIRST_OF_OURS:
            _known[asked] = types
        return types, statement
