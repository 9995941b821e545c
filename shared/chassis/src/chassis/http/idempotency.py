"""`Idempotency-Key`: a command that was sent twice is done once, and answered twice with the same words."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.responses import Response

from chassis.database.sql import Connection, Transaction
from chassis.errors import Rejected, Unavailable
from chassis.http.problems import rejection
from chassis.security.auth import Caller, caller

KEPT: Final = timedelta(hours=24)

_LONGEST_KEY = 255

# One statement: waiting for the first command is part of the insert, so the limit must be set before it and not be forgotten after it.
# An old key that nobody pruned yet counts as absent.
_CLAIM = """
with limited as materialized (select set_config('lock_timeout', '3000', true))
insert into idempotency_keys as kept (caller, route, key, body_hash)
select $1, $2, $3, $4 from limited
on conflict (caller, route, key) do update set body_hash = excluded.body_hash, status = null, headers = null, body = null, created_at = now()
where kept.created_at < now() - $5::interval
returning true
"""
_FIRST = "select body_hash, status, headers, body from idempotency_keys where caller = $1 and route = $2 and key = $3"
_KEEP = "update idempotency_keys set status = $4, headers = $5, body = $6 where caller = $1 and route = $2 and key = $3"
_PRUNE = "delete from idempotency_keys where created_at < now() - $1::interval"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key that a caller gave to one of its commands, with a keyed hash of what it sent."""

    caller: str
    route: str
    key: str
    body_hash: bytes


async def idempotency_key(request: Request, who: Annotated[Caller, Depends(caller)]) -> IdempotencyKey | None:
    """A dependency: the request's key, or None when it has none.

    Raises:
        Rejected: 400 when the key is no printable ASCII of at most 255 characters.
    """
    sent = request.headers.get("idempotency-key")
    if sent is None:
        return None
    if not sent or len(sent) > _LONGEST_KEY or not sent.isascii() or not sent.isprintable():
        raise Rejected("bad-idempotency-key", "`Idempotency-Key` takes 1 to 255 printable ASCII characters.", status=400)
    # The path and the query belong to what was sent: a key used for one unit must not answer for another.
    sealed = blake2b(key=request.app.state.hash_key, digest_size=32)
    sealed.update(request.scope.get("raw_path") or request.url.path.encode())
    sealed.update(b"?" + request.scope["query_string"] + b"\n")
    sealed.update(await request.body())
    return IdempotencyKey(who.subject, f"{request.method} {request.scope['route'].path}", sent, sealed.digest())


MaybeKey = Annotated[IdempotencyKey | None, Depends(idempotency_key)]


async def once(tx: Transaction, key: IdempotencyKey | None, command: Callable[[], Awaitable[Response]]) -> Response:
    """Do the command and keep its answer in its own transaction, or give the answer that was kept.

    The key is taken first: a second command with the same one waits for the first to commit. A refusal (4xx) is kept too, with
    everything undone that came before it; whatever else is raised, and any 5xx, leaves nothing.

    Raises:
        Rejected: 422 when the key was used for something else; without a key also whatever the command raises.
        Unavailable: when the first command takes longer than 3 s.
    """
    if key is None:
        return await command()
    kept = await _kept(tx.connection, key)
    if kept is not None:
        return kept
    try:
        async with tx.savepoint():
            answer = await command()
    except Rejected as refused:
        answer = rejection(refused)
    if answer.status_code >= 500:  # noqa: PLR2004  a server's own trouble is never the answer to a command
        raise Unavailable("This could not be done just now.")
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    await tx.connection.execute(_KEEP, key.caller, key.route, key.key, answer.status_code, headers, bytes(answer.body))
    return answer


async def prune_idempotency_keys(connection: Connection) -> None:
    """Forget keys after a day."""
    await connection.execute(_PRUNE, KEPT)


async def _kept(connection: Connection, key: IdempotencyKey) -> Response | None:
    if await connection.fetchval(_CLAIM, key.caller, key.route, key.key, key.body_hash, KEPT):
        return None
    first = await connection.fetchrow(_FIRST, key.caller, key.route, key.key)
    if first is None or first["status"] is None:
        # Pruned between the two statements; the next attempt finds no key.
        raise Unavailable("The first command with this key is being forgotten.")
    if first["body_hash"] != key.body_hash:
        raise Rejected("idempotency-key-reused", "This `Idempotency-Key` was used for something else.")
    return Response(first["body"], first["status"], first["headers"])
