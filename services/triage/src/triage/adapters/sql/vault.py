"""The vault in PostgreSQL: sealed rows, and who opened which."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from chassis.auth import Caller
from chassis.sql import Connection
from triage.adapters.sealing import CaseSeal, Sealing, WrappedKey
from triage.domain.identity import Identity, Patient, WishTexts

_KEEP = "insert into vault (case_id, wrapped_by, wrapped_key, patient, complaint) values ($1, $2, $3, $4, $5)"
_KEEP_WISHES = "update vault set wishes = $2 where case_id = $1"
_KEY = "select wrapped_by, wrapped_key from vault where case_id = $1"
_OPEN = "select wrapped_by, wrapped_key, patient, complaint, wishes from vault where case_id = $1"
_LOOKED = "insert into identity_reads (case_id, by, role, organisation, recorded_at) values ($1, $2, $3, $4, $5)"

# A lock on marks that may not be rows yet, so that of two that call at once one is the second; sorted, so that they never wait for each other.
_ONE_AT_A_TIME = """
select pg_advisory_xact_lock(lock) from (select distinct ('x' || left(encode(mark, 'hex'), 16))::bit(64)::bigint as lock
    from unnest($1::bytea[]) as n (mark) order by 1) as locks
"""
# Two people with different numbers are two people, however alike the rest.
_WAS_HEARD = """
select exists (
    select from second_contacts
    where mark = any($1::bytea[]) and heard_at > $2 and (mark = $3 or $3 is null or not has_number)
)
"""
_REMEMBER = """
insert into second_contacts (mark, case_id, has_number, heard_at) select mark, $2, $3, $4 from unnest($1::bytea[]) as n (mark)
"""

_PATIENT: Final = TypeAdapter(Patient)
_TEXTS: Final = TypeAdapter(WishTexts)


class SqlVault:
    """The vault's port on one transaction's connection."""

    def __init__(self, connection: Connection, sealing: Sealing) -> None:
        self._connection = connection
        self._sealing = sealing

    async def keep(self, case_id: UUID, patient: Patient, complaint: str) -> None:
        seal, wrapped = self._sealing.new_case(case_id)
        await self._connection.execute(
            _KEEP,
            case_id,
            wrapped.by,
            wrapped.sealed,
            seal.seal("patient", _PATIENT.dump_json(patient)),
            seal.seal("complaint", complaint.encode()),
        )

    async def keep_wishes(self, case_id: UUID, texts: WishTexts) -> None:
        row = await self._connection.fetchrow(_KEY, case_id)
        assert row is not None, "every case has its row in the vault"
        sealed = self._seal(case_id, row["wrapped_by"], row["wrapped_key"]).seal("wishes", _TEXTS.dump_json(texts))
        await self._connection.execute(_KEEP_WISHES, case_id, sealed)

    async def open(self, case_id: UUID, who: Caller, now: datetime) -> Identity | None:
        row = await self._connection.fetchrow(_OPEN, case_id)
        if row is None:
            return None
        await self._connection.execute(_LOOKED, case_id, who.subject, who.role, who.org, now)
        seal = self._seal(case_id, row["wrapped_by"], row["wrapped_key"])
        return Identity(
            # Parsed before pydantic sees it: errors of its own parser could quote what they choke on.
            patient=_PATIENT.validate_python(orjson.loads(seal.open("patient", row["patient"]))),
            complaint=seal.open("complaint", row["complaint"]).decode(),
            wishes=_TEXTS.validate_python(orjson.loads(seal.open("wishes", row["wishes"]))) if row["wishes"] else None,
        )

    async def recognise(self, case_id: UUID, patient: Patient, now: datetime, within: timedelta) -> bool:
        number = self._sealing.fingerprint(b"bsn:" + patient.bsn.encode()) if patient.bsn else None
        marks = [*([number] if number else []), *map(self._sealing.fingerprint, patient.marks())]
        if not marks:
            return False
        await self._connection.fetch(_ONE_AT_A_TIME, marks)
        was_heard: bool = await self._connection.fetchval(_WAS_HEARD, marks, now - within, number)
        await self._connection.execute(_REMEMBER, marks, case_id, number is not None, now)
        return was_heard

    def _seal(self, case_id: UUID, wrapped_by: str, wrapped_key: bytes) -> CaseSeal:
        return self._sealing.known_case(case_id, WrappedKey(wrapped_by, wrapped_key))
