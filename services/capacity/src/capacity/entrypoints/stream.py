"""What is read from Kafka.

Reports that providers put there themselves get the same checks as the API's, each taken or rejected alone; of placement, what is held.
"""

from collections.abc import Sequence
from uuid import UUID

from capacity.adapters.sql.work import SqlWork
from capacity.application.keep_holds import keep_holds, note_parked_holds
from capacity.application.take_reports import Submission, take_reports
from capacity.domain.age_limits import AgeLimits
from capacity.domain.holds import UnitHolds
from capacity.entrypoints.api.forms import ReportForm
from capacity.entrypoints.api.lines import read_line
from chassis.database.sql import Transaction
from chassis.errors import Rejected
from chassis.kafka.record import Record
from chassis.messaging.reading import SOON_SECONDS, Reading, Received, Submissions, Take
from chassis.security.auth import Caller, Keyring
from chassis.security.roles import REPORTERS, Role
from contracts.capacity import REPORTS, ReportV1
from contracts.event import SOURCE_PREFIX
from contracts.placement import HOLDS, HoldsChangedV1

_PROVIDER = f"{SOURCE_PREFIX}provider:"


def submissions(keyring: Keyring, ages: AgeLimits) -> Submissions:
    """What is done with the topic of reports."""
    return Submissions(REPORTS, taking(keyring, ages))


def holds(ages: AgeLimits) -> Reading:
    """What is done with the topic of held places."""

    async def keep(tx: Transaction, received: Sequence[Received[HoldsChangedV1]]) -> None:
        await keep_holds(SqlWork(tx, ages), [_holds(one) for one in received])

    async def note_parked(tx: Transaction, keys: Sequence[str], is_parked: bool) -> None:  # the chassis' form of it
        # A key that is no unit's was never somebody's place.
        unit_ids = [unit_id for key in keys if (unit_id := _id(key))]
        await note_parked_holds(SqlWork(tx, ages), unit_ids, is_parked=is_parked)

    return Reading(HOLDS, {HoldsChangedV1: keep}, on_parked=note_parked, within_seconds=SOON_SECONDS)


def _holds(received: Received[HoldsChangedV1]) -> UnitHolds:
    told = received.event
    return UnitHolds(
        unit_id=told.unit_id,
        version=received.version,
        hold_ids=tuple(held.hold_id for held in told.holds),
        full_since=told.full_since,
        changed_at=told.changed_at,
    )


def taking(keyring: Keyring, ages: AgeLimits) -> Take:
    """Take a batch in its transaction, as one call of the use case."""

    async def take(tx: Transaction, records: Sequence[Record]) -> Sequence[Rejected | None]:
        verdicts: list[Rejected | None] = [None] * len(records)
        good: dict[int, Submission] = {}
        for nth, record in enumerate(records):
            try:
                good[nth] = _submission(record, keyring)
            except Rejected as rejected:
                verdicts[nth] = rejected
        if good:
            for nth, verdict in zip(good, await take_reports(SqlWork(tx, ages), list(good.values())), strict=True):
                verdicts[nth] = verdict if isinstance(verdict, Rejected) else None
        return verdicts

    return take


def _submission(record: Record, keyring: Keyring) -> Submission:
    attributes = record.attributes
    if attributes.type != ReportV1.ce_type:
        raise Rejected("not-a-report", "The topic takes reports only: its `ce_type` is another or cannot be read.")
    if not attributes.id:
        raise Rejected("not-an-event", "The record lacks its `ce_id`.")
    who = _sender(record, keyring)
    form = read_line(ReportForm, record.body)
    if form.observed_at is None:
        raise Rejected("no-time", "On Kafka a report says when with `observed_at`.")
    if record.key is None or _id(record.key) != form.unit_id:
        raise Rejected("other-key", "The key of a report is its `unit_id`.")
    return Submission(form.sent(), who, received_at=record.appended_at)


def _sender(record: Record, keyring: Keyring) -> Caller:
    scheme, _, token = record.headers.get("authorization", "").partition(" ")
    # The header of HTTP says `Bearer`, and some senders will put the bare token.
    sent = token.strip() if scheme.lower() == "bearer" else scheme
    if not sent:
        raise Rejected("unauthorised", "The record carries no token.", status=401)
    who = keyring.authenticate(sent, record.appended_at)
    if who.role not in REPORTERS:
        raise Rejected("forbidden", "This role may not report.", status=403)
    source = record.attributes.source or ""
    if not source.startswith(_PROVIDER):
        raise Rejected("other-source", "The `ce_source` of a report is a provider's.", status=403)
    if who.role not in {Role.ADMIN, Role.LCPS} and source.removeprefix(_PROVIDER) != who.org:
        raise Rejected("other-source", "The `ce_source` names another organisation than the token.", status=403)
    return who


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
