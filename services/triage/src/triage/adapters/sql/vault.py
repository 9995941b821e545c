"""The vault in PostgreSQL: sealed rows, and who opened which."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from chassis.database.clock import TransactionClock, then_clock
from chassis.database.sql import Connection
from chassis.security.auth import Caller
from triage.adapters.sealing import CaseSeal, Sealing, WrappedKey
from triage.domain.identity import Identity, Patient, WishTexts

_KEEP_WISHES = "update vault set wishes = $2 where case_id = $1"
_KEY = "select wrapped_by, wrapped_key from vault where case_id = $1"
_OPEN = """
with looked as (
    insert into identity_reads (case_id, by, role, organisation, recorded_at) select case_id, $2, $3, $4, $5 from vault where case_id = $1
)
select wrapped_by, wrapped_key, patient, complaint, wishes from vault where case_id = $1
"""

# A lock on marks that may not be rows yet, so that of two that call at once one is the second; sorted, so that they never wait for each other.
_ONE_AT_A_TIME = then_clock("""
select pg_advisory_xact_lock(lock) from (select distinct ('x' || left(encode(mark, 'hex'), 16))::bit(64)::bigint as lock
    from unnest($1::bytea[]) as n (mark) order by 1) as locks
""")
# After the lock, in a statement of its own, so that it sees what whoever held it wrote; what it writes itself it does not see. Two people
# with different numbers are two people, however alike the rest.
_KEEP = """
with kept as (
    insert into vault (case_id, wrapped_by, wrapped_key, patient, complaint) values ($1, $2, $3, $4, $5)
), remembered as (
    insert into second_contacts (mark, case_id, has_number, heard_at)
    select mark, $1, $7::bytea is not null, $8 from unnest($6::bytea[]) as n (mark)
)
select exists (
    select from second_contacts
    where mark = any($6::bytea[]) and heard_at > $8::timestamptz - $9::interval and (mark = $7 or $7 is null or not has_number)
)
"""

_PATIENT: Final = TypeAdapter(Patient)
_TEXTS: Final = TypeAdapter(WishTexts)


class SqlVault:
    """The vault's port on one transaction's connection."""

    def __init__(self, connection: Connection, sealing: Sealing, clock: TransactionClock) -> None:
        self._connection = connection
        self._sealing = sealing
        self._clock = clock

    async def keep(self, case_id: UUID, patient: Patient, complaint: str, second_within: timedelta) -> bool:
        seal, wrapped = self._sealing.new_case(case_id)
        number = self._sealing.fingerprint(b"bsn:" + patient.bsn.encode()) if patient.bsn else None
        marks = [*([number] if number else []), *map(self._sealing.fingerprint, patient.marks())]
        await self._clock.lock(_ONE_AT_A_TIME, marks)
        was_heard: bool = await self._connection.fetchval(
            _KEEP,
            case_id,
            wrapped.by,
            wrapped.sealed,
            seal.seal("patient", _PATIENT.dump_json(patient)),
            seal.seal("complaint", complaint.encode()),
            marks,
            number,
            await self._clock.now(),
            second_within,
        )
        return was_heard

    async def keep_wishes(self, case_id: UUID, texts: WishTexts) -> None:
        row = await self._connection.fetchrow(_KEY, case_id)
        assert row is not None, "every case has its row in the vault"
        sealed = self._seal(case_id, row["wrapped_by"], row["wrapped_key"]).seal("wishes", _TEXTS.dump_json(texts))
        await self._connection.execute(_KEEP_WISHES, case_id, sealed)

    async def open(self, case_id: UUID, who: Caller) -> Identity | None:
        row = await self._connection.fetchrow(_OPEN, case_id, who.subject, who.role, who.org, await self._clock.now())
        if row is None:
            return None
        seal = self._seal(case_id, row["wrapped_by"], row["wrapped_key"])
        return Identity(
            # Parsed before pydantic sees it: errors of its own parser could quote what they choke on.
            patient=_PATIENT.validate_python(orjson.loads(seal.open("patient", row["patient"]))),
            complaint=seal.open("complaint", row["complaint"]).decode(),
            wishes=_TEXTS.validate_python(orjson.loads(seal.open("wishes", row["wishes"]))) if row["wishes"] else None,
        )

    def _seal(self, case_id: UUID, wrapped_by: str, wrapped_key: bytes) -> CaseSeal:
        return self._sealing.known_case(case_id, WrappedKey(wrapped_by, wrapped_key))
