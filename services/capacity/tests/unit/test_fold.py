"""What is shown of a unit does not depend on the order in which reports came in."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from capacity.domain.fold import NOTHING_KNOWN, from_scratch, merged, picture
from capacity.domain.plausibility import breaks_a_rule
from capacity.domain.report import ClosedBecause, Report
from contracts.codes import Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(minutes=10)
UNIT = UUID(int=1)

# Narrow ranges, so that ties, corrections and contradictions are common.
counts = st.one_of(st.none(), st.integers(0, 3))
fields = st.dictionaries(st.sampled_from(["total", "open", "occupied", "reserved"]), counts)
reports = st.builds(
    Report,
    report_id=st.integers(1, 4).map(lambda number: UUID(int=number)),
    revision=st.integers(0, 2),
    is_retracted=st.booleans(),
    unit_id=st.just(UNIT),
    source=st.sampled_from([Source.EPD, Source.PLANNER]),
    observed_at=st.integers(0, 3).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    figures=fields,
    closed=st.one_of(st.none(), st.sampled_from([None, "PERSONEEL"]).map(ClosedBecause)),
    includes_holds=st.sampled_from([(), (UUID(int=7),), (UUID(int=7), UUID(int=8))]),
    is_confirmation=st.booleans(),
)
# An id and revision is stored once, whatever else is sent under it.
ledgers = st.lists(reports, max_size=8, unique_by=lambda report: (report.report_id, report.revision))
nets = st.dictionaries(st.sampled_from([Source.EPD, Source.PLANNER]), st.integers(-3, 3))


def arriving(ledger):
    """As the service does it: merge what is new, count anew when another revision of the same report is there."""
    folded, stored = {}, []
    for report in ledger:
        stored.append(report)
        is_alone = sum(other.report_id == report.report_id for other in stored) == 1
        folded = merged(folded, report) if is_alone and report.revision == 0 else from_scratch(stored)
    return folded


@given(ledger=ledgers, seed=st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same(ledger, seed):
    shuffled = list(ledger)
    seed.shuffle(shuffled)

    assert arriving(ledger) == arriving(shuffled) == from_scratch(ledger)


@given(ledger=ledgers)
def test_the_reports_that_the_database_hands_over_decide_as_all_of_them_do(ledger):
    """The query keeps, of each source and set of fields, the first by rank of the highest revisions; of counts beside what is none."""
    highest = {}
    for report in sorted(ledger, key=lambda report: report.revision):
        highest[report.report_id] = report
    competing = defaultdict(list)
    for report in highest.values():
        if not report.is_retracted:
            unknown = tuple(report.figures.get(field) is None for field in ("open", "occupied", "reserved"))
            competing[report.source, report.stated, report.closed is None, report.is_confirmation, unknown].append(report)
    rank = lambda report: (report.observed_at, -report.availability if report.availability is not None else 10**9, report.report_id)  # noqa: E731

    assert from_scratch(max(group, key=rank) for group in competing.values()) == from_scratch(ledger)


@given(ledger=ledgers, net=nets, minutes=st.integers(0, 20))
def test_what_is_shown_stays_until_it_says_and_changes_then(ledger, net, minutes):
    now = NOON + timedelta(minutes=minutes)
    folded = from_scratch(ledger)
    shown = picture(folded, net, LIMIT, now)

    if shown.fresh_until is None:
        assert picture(folded, net, LIMIT, now + timedelta(days=1)).looks_like(shown)
    else:
        assert shown.fresh_until > now
        assert picture(folded, net, LIMIT, shown.fresh_until - timedelta(microseconds=1)).looks_like(shown)
        assert not picture(folded, net, LIMIT, shown.fresh_until).looks_like(shown)


@given(ledger=ledgers, net=nets, minutes=st.integers(0, 20))
def test_nothing_is_free_that_any_source_denies(ledger, net, minutes):
    now = NOON + timedelta(minutes=minutes)
    folded = from_scratch(ledger)
    shown = picture(folded, net, LIMIT, now)

    if shown.free is None:
        assert None in (shown.open, shown.occupied, shown.reserved)
        return
    figures = {"total": shown.total, "open": shown.open, "occupied": shown.occupied, "reserved": shown.reserved}
    if breaks_a_rule(figures):
        assert shown.conflict
        assert shown.free == 0
    elif None in (shown.open, shown.occupied, shown.reserved):
        # What one source says by itself cannot be: then nobody is sent there, whatever else is unknown.
        assert (shown.conflict, shown.free) == (True, 0)
    elif shown.conflict:
        assert 0 <= shown.free <= max(0, shown.open - shown.occupied - shown.reserved)
    else:
        assert shown.free == shown.open - shown.occupied - shown.reserved


@given(ledger=ledgers)
def test_what_is_too_old_to_trust_is_unknown_and_neither_full_nor_free(ledger):
    assert picture(from_scratch(ledger), {}, LIMIT, NOON + timedelta(minutes=13)) == NOTHING_KNOWN


@given(ledger=ledgers, net=nets)
def test_a_figure_comes_from_the_first_source_that_has_it(ledger, net):
    folded = from_scratch(ledger)
    shown = picture(folded, net, LIMIT, NOON + timedelta(minutes=4))

    for field, source in (shown.sources or {}).items():
        said = folded[source].figures[field].value
        assert shown.figure(field) == (max(0, said + net.get(source, 0)) if field == "occupied" else said)
        first = folded.get(Source.EPD)
        known_first = first is not None and field in first.figures and first.figures[field].value is not None
        assert source is (Source.EPD if known_first else Source.PLANNER)


@given(first=fields, second=fields)
def test_at_the_same_moment_the_lower_availability_wins_and_what_is_not_told_is_the_lowest(first, second):
    lower_id, greater_id = (
        Report(UUID(int=number), 0, False, UNIT, Source.EPD, NOON, figures) for number, figures in ((1, first), (2, second))
    )
    worth = [-1 if report.availability is None else max(report.availability, 0) for report in (lower_id, greater_id)]
    if None not in (lower_id.availability, greater_id.availability):
        worth = [lower_id.availability, greater_id.availability]
    winner = lower_id if worth[0] < worth[1] else greater_id

    voice = from_scratch([lower_id, greater_id]).get(Source.EPD)

    for field in first.keys() & second.keys():
        assert voice.figures[field].by.report_id == winner.report_id
