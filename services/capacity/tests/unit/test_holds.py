"""What a provider's own figures say about held places, and what a decline says about the figures."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.domain.fold import NOTHING_KNOWN, from_scratch, is_full, merged, occupied_reported_at, picture
from capacity.domain.holds import UnitHolds
from capacity.domain.report import Report
from contracts.codes import Source

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = timedelta(hours=1)
UNIT = UUID(int=1)
FIRST, SECOND = UUID(int=7), UUID(int=8)
FULL = {"total": 12, "open": 10, "occupied": 5, "reserved": 1}


def at(minutes):
    return NOON + timedelta(minutes=minutes)


def a_report(number, minutes, figures=None, *, source=Source.PLANNER, **other):
    stated = FULL if figures is None else figures
    return Report(UUID(int=number), 0, is_retracted=False, unit_id=UNIT, source=source, observed_at=at(minutes), figures=stated, **other)


def shown(*reports, minutes=30, full_since=None):
    return picture(from_scratch(reports), {}, LIMIT, at(minutes), full_since)


# The truth does not change: 5 patients of the ward's own, 1 place that it keeps, and two held places. Each report tells some of it,
# and counts each held place as taken, as reserved, or not at all; it names those that its figures contain.
@st.composite
def truthful_reports(draw):
    counted_in = {hold: draw(st.sampled_from(["occupied", "reserved", None])) for hold in (FIRST, SECOND)}
    truth = {
        "total": 12,
        "open": 10,
        "occupied": 5 + list(counted_in.values()).count("occupied"),
        "reserved": 1 + list(counted_in.values()).count("reserved"),
    }
    stated = draw(st.sampled_from([tuple(truth), tuple(truth), ("open", "occupied", "reserved"), ("occupied",), ("reserved",), ("open",)]))
    figures = {field: draw(st.sampled_from([truth[field]] * 5 + [None])) for field in stated}
    return a_report(
        draw(st.integers(1, 9)),
        draw(st.integers(0, 1)),
        figures,
        source=draw(st.sampled_from([Source.EPD, Source.PLANNER])),
        includes_holds=tuple(hold for hold, field in counted_in.items() if figures.get(field) is not None),
        is_confirmation=draw(st.booleans()),
    )


held_places = UnitHolds(unit_id=UNIT, version=1, hold_ids=(FIRST, SECOND), full_since=None, changed_at=NOON)


# Enough of them that two reports which together would give a place away are among them: with fewer, a broken rule got by.
@settings(max_examples=500)
@given(ledger=st.lists(truthful_reports(), max_size=4, unique_by=lambda report: report.report_id))
def test_naming_a_held_place_never_makes_more_available_than_there_is(ledger):
    available = held_places.available(shown(*ledger))

    assert available is None or available <= 10 - 5 - 1 - 2


@given(ledger=st.lists(truthful_reports(), max_size=6, unique_by=lambda report: report.report_id))
def test_a_held_place_is_in_the_figures_only_when_everyone_who_counts_patients_says_so(ledger):
    folded = from_scratch(ledger)

    for hold in shown(*ledger).includes_holds:
        counting = [voice.figures["occupied"] for voice in folded.values() if "occupied" in voice.figures]
        assert all(hold in said.by.includes_holds for said in counting if said.value is not None)


def test_a_report_that_names_a_held_place_is_believed_until_a_count_that_does_not():
    named = a_report(1, 0, includes_holds=(FIRST,))

    assert shown(named).includes_holds == (FIRST,)
    assert held_places.beside(shown(named).includes_holds) == 1
    assert shown(named, a_report(2, 5)).includes_holds == ()
    # Only who counts patients or what is reserved can have meant another place.
    assert shown(named, a_report(2, 5, {"open": 9})).includes_holds == (FIRST,)
    assert shown(named, a_report(2, 5, {"reserved": 0})).includes_holds == ()
    assert shown(named, a_report(2, 0, {"reserved": 0})).includes_holds == ()


def test_where_sources_differ_a_held_place_counts_unless_all_of_them_name_it():
    planner = a_report(1, 0, includes_holds=(FIRST, SECOND))
    records = a_report(2, 0, {**FULL, "occupied": 6}, source=Source.EPD, includes_holds=(SECOND,))

    assert shown(planner, records).includes_holds == (SECOND,)


def test_a_source_that_falls_silent_is_not_asked_any_more_what_it_contains():
    old = a_report(1, 0, {"occupied": 5}, source=Source.EPD)
    rest = a_report(2, 20, {"total": 12, "open": 10, "reserved": 1}, source=Source.EPD)
    new = a_report(3, 25, includes_holds=(FIRST,))

    seen = shown(old, rest, new)

    # All figures stay as they are, and yet the picture changes.
    assert (seen.includes_holds, seen.fresh_until) == ((), at(60))
    later = shown(old, rest, new, minutes=60)
    assert (later.includes_holds, later.occupied, later.source) == ((FIRST,), seen.occupied, seen.source)


counts = st.one_of(st.none(), st.integers(0, 3))
any_reports = st.builds(
    Report,
    report_id=st.integers(1, 4).map(lambda number: UUID(int=number)),
    revision=st.integers(0, 2),
    is_retracted=st.booleans(),
    unit_id=st.just(UNIT),
    source=st.sampled_from([Source.EPD, Source.PLANNER, Source.IMPORT]),
    observed_at=st.integers(0, 3).map(at),
    figures=st.dictionaries(st.sampled_from(["total", "open", "occupied", "reserved"]), counts),
    is_confirmation=st.booleans(),
)
ledgers = st.lists(any_reports, max_size=8, unique_by=lambda report: (report.report_id, report.revision))


def counting(ledger):
    """The reports that count at all: the highest revisions that were not taken back."""
    highest = {report.report_id: report for report in sorted(ledger, key=lambda report: report.revision)}
    return [report for report in highest.values() if not report.is_retracted]


@given(ledger=ledgers)
def test_patients_were_last_counted_when_somebody_last_reported_them(ledger):
    counted = [
        report.observed_at
        for report in counting(ledger)
        if report.figures.get("occupied") is not None and not report.is_confirmation and report.source is not Source.IMPORT
    ]

    assert occupied_reported_at(from_scratch(ledger)) == max(counted, default=None)


@given(ledger=ledgers, minutes=st.integers(-1, 4))
def test_a_unit_that_declined_as_full_has_nothing_free_until_its_places_are_counted_at_a_later_moment(ledger, minutes):
    folded, full_since = from_scratch(ledger), at(minutes)
    is_counted_later = any(
        report.observed_at > full_since
        for report in counting(ledger)
        if not report.is_confirmation and any(report.figures.get(field) is not None for field in ("open", "occupied", "reserved"))
    )

    before, after = picture(folded, {}, LIMIT, at(5)), picture(folded, {}, LIMIT, at(5), full_since)

    assert is_full(folded, full_since) != is_counted_later
    if before.free is None or is_counted_later:
        assert after == before
    else:
        assert after.free == 0
        assert (after.open, after.occupied, after.reserved) == (before.open, before.occupied, before.reserved)


@given(ledger=ledgers, seed=st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_neither(ledger, seed):
    alone = [report for report in ledger if report.revision == 0 and sum(other.report_id == report.report_id for other in ledger) == 1]
    shuffled = list(alone)
    seed.shuffle(shuffled)
    folded = {}
    for report in shuffled:
        folded = merged(folded, report)

    assert folded == from_scratch(alone)


def test_an_unknown_unit_stays_unknown_when_it_declines():
    assert shown(full_since=NOON) == NOTHING_KNOWN
    assert shown(a_report(1, 0, {"open": 4}), full_since=NOON).free is None


def test_what_is_available_is_unknown_while_what_is_free_is():
    assert held_places.available(NOTHING_KNOWN) is None
    assert held_places.available(shown(a_report(1, 0))) == 2
    assert held_places.available(shown(a_report(1, 0, {**FULL, "occupied": 8}))) == 0
