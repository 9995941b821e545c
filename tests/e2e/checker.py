"""What is wrong with a run, told afterwards from what was answered, what lies on the topics, and what the databases hold.

Nothing of the product's own code is used to tell it. Nobody leaves a bed during a run and each unit always has the same places, so
that what may be held is known without asking anyone: all that was ever held of a unit and has not been given back.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from .kafka_log import Seen, faults_in_order

Row = Mapping[str, Any]

# From each event of an offer to those that may be next; what is not a key is an end.
_BEGINS = "offer-made"
_NEXT = {
    "offer-made": {"offer-accepted", "offer-declined", "offer-ended"},
    "offer-accepted": {"transport-left", "patient-admitted", "placement-released"},
    "transport-left": {"patient-admitted", "placement-released"},
}
# What the row of an offer must say after its last event.
_STATES = {
    "offer-made": {"OFFERED"},
    "offer-accepted": {"ACCEPTED"},
    "offer-declined": {"DECLINED"},
    "offer-ended": {"EXPIRED", "WITHDRAWN"},
    "transport-left": {"UNDERWAY"},
    "patient-admitted": {"ADMITTED", "ABSORBED"},
    "placement-released": {"RELEASED"},
}
_OF_OFFERS = {*_STATES}
_LATE_SECONDS = 30
_HOLDING = {"OFFERED", "ACCEPTED", "UNDERWAY", "ADMITTED"}


@dataclass(frozen=True)
class Done:
    """A command that was answered with success, by the event that it must have caused and what that is about."""

    fact: str
    subject: UUID


@dataclass(frozen=True)
class Evidence:
    """All that a run leaves behind."""

    done: Sequence[Done]
    places: Mapping[UUID, int]
    """How many each unit has, all through the run."""
    cases: Sequence[Seen]
    placements: Sequence[Seen]
    holds: Sequence[Seen]
    offers: Sequence[Row]
    requests: Sequence[Row]
    timers: Sequence[Row]
    units: Sequence[Row]
    now: datetime
    offers_elsewhere: Sequence[Row] = ()
    """Of patients who are not looked at here, but who hold places too."""

    def of(self, cases: Collection[UUID]) -> "Evidence":
        """What it says of these patients alone; of units it says everything."""
        keys = {str(case) for case in cases}
        return replace(
            self,
            cases=[seen for seen in self.cases if seen.key in keys],
            placements=[seen for seen in self.placements if seen.key in keys],
            offers_elsewhere=[row for row in self.offers if row["case_id"] not in cases],
            offers=[row for row in self.offers if row["case_id"] in cases],
            requests=[row for row in self.requests if row["case_id"] in cases],
        )


def faults(evidence: Evidence) -> list[str]:
    """Everything that is wrong, in words; nothing when nothing was lost, doubled or given twice."""
    return [fault for check in CHECKS for fault in check(evidence)]


def in_order(evidence: Evidence) -> Iterable[str]:
    """Each key's versions are all there, once, in order."""
    for records in (evidence.cases, evidence.placements, evidence.holds):
        yield from faults_in_order(records)


def never_given_twice(evidence: Evidence) -> Iterable[str]:
    """At no version of a unit's holds were there more patients with a place than places."""
    staying: dict[str, set[str]] = defaultdict(set)
    before: dict[str, dict[str, str]] = defaultdict(dict)
    for seen in _once(evidence.holds):
        said = seen.json
        now = {hold["hold_id"]: hold["status"] for hold in said["holds"]}
        if len(now) != len(said["holds"]):
            yield f"unit {seen.key}: a hold is there twice"
        # Whoever was admitted and is no longer held is in the unit's own figures; nobody leaves.
        staying[seen.key] |= {hold_id for hold_id, status in before[seen.key].items() if status == "ADMITTED" and hold_id not in now}
        staying[seen.key] |= {absorbed["hold_id"] for absorbed in said["absorbed"]}
        before[seen.key] = now
        places = evidence.places.get(UUID(seen.key))
        taken = staying[seen.key] | set(now)
        if places is not None and len(taken) > places:
            yield f"unit {seen.key}: {len(taken)} have a place, there are {places}"


def offers_live_once(evidence: Evidence) -> Iterable[str]:
    """Each offer is made once, goes one way, ends once, and its row says what its last event says."""
    rows = {str(row["offer_id"]): row for row in evidence.offers}
    last: dict[str, str] = {}
    for seen in _once(evidence.placements):
        fact = _fact(seen)
        if fact not in _OF_OFFERS:
            continue
        offer = seen.json["offer_id"]
        allowed = {_BEGINS} if offer not in last else _NEXT.get(last[offer], set())
        if fact not in allowed:
            yield f"offer {offer}: {fact} after {last.get(offer, 'nothing')}"
        last[offer] = fact
    for offer in sorted(last.keys() | rows.keys()):
        if offer not in rows or offer not in last:
            yield f"offer {offer}: {'an event without a row' if offer not in rows else 'a row without an event'}"
        elif rows[offer]["status"] not in _STATES[last[offer]]:
            yield f"offer {offer}: {rows[offer]['status']} after {last[offer]}"


def one_place_a_patient(evidence: Evidence) -> Iterable[str]:
    """No request has two accepted placements at a time."""
    standing: dict[str, set[str]] = defaultdict(set)
    for seen in _once(evidence.placements):
        fact = _fact(seen)
        if fact == "offer-accepted":
            standing[seen.key].add(seen.json["offer_id"])
            if len(standing[seen.key]) > 1:
                yield f"case {seen.key}: accepted twice"
        elif fact == "placement-released":
            standing[seen.key].discard(seen.json["offer_id"])


def answered_means_told_once(evidence: Evidence) -> Iterable[str]:
    """What was answered is told exactly once; and nobody's offer or case is told whom nobody was answered about."""
    told = Counter(
        Done(fact, UUID(seen.json["offer_id" if fact in _OF_OFFERS else "case_id"]))
        for seen in (*_once(evidence.cases), *_once(evidence.placements))
        if (fact := _fact(seen)) != "placement-heartbeat"
    )
    answered = set(evidence.done)
    for done in evidence.done:
        if told[done] != 1:
            yield f"{done.fact} of {done.subject}: answered, and told {told[done]} times"
    automatic = {UUID(seen.json["offer_id"]) for seen in evidence.placements if _fact(seen) == _BEGINS and seen.json["is_automatic"]}
    for done in told:
        is_automatic = done.fact == _BEGINS and done.subject in automatic
        if done.fact in {"case-registered", "placement-requested", _BEGINS} and done not in answered and not is_automatic:
            yield f"{done.fact} of {done.subject}: told, and nobody was answered so"


def counters_equal_rows(evidence: Evidence) -> Iterable[str]:
    """What each unit counts as held is what is held of it."""
    holding = [row for row in (*evidence.offers, *evidence.offers_elsewhere) if row["status"] in _HOLDING]
    for unit in evidence.units:
        held = sum(row["unit_id"] == unit["unit_id"] and row["offer_id"] not in unit["includes_holds"] for row in holding)
        if held != unit["held"]:
            yield f"unit {unit['unit_id']}: counts {unit['held']}, holds {held}"
    last = {seen.key: seen.json for seen in _once(evidence.holds)}
    told = {(key, hold["hold_id"]) for key, said in last.items() for hold in said["holds"]}
    kept = {(str(row["unit_id"]), str(row["offer_id"])) for row in holding}
    for unit_id, hold in sorted(told ^ kept):
        yield f"hold {hold} of unit {unit_id}: {'told, not kept' if (unit_id, hold) in told else 'kept, not told'}"


def nothing_stands_still(evidence: Evidence) -> Iterable[str]:
    """What holds a place for a time has something that ends it, and nothing that was due is left."""
    for row in evidence.timers:
        if (evidence.now - row["due_at"]).total_seconds() > _LATE_SECONDS:
            yield f"{row['kind']} of {row['subject']}: due since {row['due_at']}"
    timers = _timers(evidence)
    for row in evidence.offers:
        ends = {"OFFERED": "offer-expires", "ACCEPTED": "hold-ends"}.get(row["status"])
        if ends is not None and (ends, str(row["offer_id"])) not in timers:
            yield f"offer {row['offer_id']}: {row['status']}, and nothing ends it"


def goes_on(evidence: Evidence) -> Iterable[str]:
    """Every request stands where something or somebody takes it on."""
    timers = _timers(evidence)
    statuses: dict[tuple[UUID, int], Counter[str]] = defaultdict(Counter)
    for row in evidence.offers:
        statuses[row["case_id"], row["round"]][row["status"]] += 1
    for request in evidence.requests:
        offers = statuses[request["case_id"], request["round"]]
        placed, asked = offers["ACCEPTED"] + offers["UNDERWAY"], offers["OFFERED"]
        is_woken = ("request-unattended", str(request["case_id"])) in timers
        is_well = {
            "OPEN": placed == 0 and (asked > 0 or is_woken),
            # A person at LCPS looks.
            "BIJ_LCPS": placed == 0,
            "PLACED": placed == 1 and asked == 0,
            # A second place is sought; the first is kept until then, and ends in its time.
            "MOVING": placed == 1,
            "CLOSED": placed == 0 and asked == 0 and request["ended"] is not None,
        }
        if not is_well.get(request["status"], False):
            yield f"request {request['case_id']}: {request['status']} with {dict(offers)}, and nobody goes on with it"


def _timers(evidence: Evidence) -> set[tuple[str, str]]:
    # What stands behind the id only makes the timer one of its own.
    return {(row["kind"], row["subject"].partition("/")[0]) for row in evidence.timers}


CHECKS: tuple[Callable[[Evidence], Iterable[str]], ...] = (
    in_order,
    never_given_twice,
    offers_live_once,
    one_place_a_patient,
    answered_means_told_once,
    counters_equal_rows,
    nothing_stands_still,
    goes_on,
)


def _once(records: Iterable[Seen]) -> list[Seen]:
    """Each event once, in order; sent again as it was it means nothing."""
    first: dict[str, Seen] = {}
    for seen in records:
        first.setdefault(seen.id, seen)
    return list(first.values())


def _fact(seen: Seen) -> str:
    return seen.headers["ce_type"].split(".")[-2]
