"""An event says the same after the journey, and stands where its name says."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime, ValidationError

from contracts.capacity import ReportV1, UnitChangedV1
from contracts.codes import CareType, Cohort, DescribingCode, FlowKind, Sector, Source
from contracts.documents.schemas import schema_of
from contracts.event import FIRST_VERSION, Event, generation_of
from contracts.parking import RecordSetAsideV1
from contracts.registry import EVENTS, SERVICES, TOPICS
from contracts.topic import Topic

# Offsets of whole minutes, as RFC 3339 has them.
offsets = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=offsets)  # noqa: DTZ001 - hypothesis adds the zone itself
E = TypeVar("E", bound=Event)

st.register_type_strategy(AwareDatetime, instants)
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    return st.from_type(annotation)


def events_of(event: type[E]) -> st.SearchStrategy[E]:
    """Any event of this class; optional fields are stated or left out."""
    fields = event.model_fields.items()
    required = {name: values_of(field.annotation) for name, field in fields if field.is_required()}
    optional = {name: values_of(field.annotation) for name, field in fields if not field.is_required()}
    return st.fixed_dictionaries(required, optional=optional).map(event.model_validate)


@pytest.mark.parametrize("event", EVENTS)
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_an_event_comes_back_as_it_was_sent_and_fits_its_schema(event: type[Event], data: st.DataObject) -> None:
    sent = data.draw(events_of(event))

    body = sent.body()

    assert event.parse(body) == sent
    assert event.parse(body).subject == sent.subject
    Draft202012Validator(schema_of(event)).validate(json.loads(body))


@given(report=events_of(ReportV1))
def test_a_report_states_after_the_journey_exactly_what_it_stated_before(report: ReportV1) -> None:
    assert ReportV1.parse(report.body()).model_fields_set == report.model_fields_set
    assert set(json.loads(report.body())) == report.model_fields_set


@pytest.mark.parametrize("not_a_number", [float("nan"), float("inf")])
def test_an_owner_cannot_state_a_number_that_json_does_not_have(not_a_number: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        UnitChangedV1.model_validate({"latitude": not_a_number, "features": {"oxygen_l_min": not_a_number}})


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_carries_only_its_owners_events(topic: Topic) -> None:
    assert re.fullmatch(rf"{topic.owner}\.[a-z]+\.v[1-9]\d*", topic.name)
    assert topic.owner in SERVICES
    assert all(event is RecordSetAsideV1 or event.ce_type.split(".")[2] == topic.owner for event in topic.events)


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_is_called_by_its_owner_its_fact_and_its_version(event: type[Event]) -> None:
    named = re.fullmatch(r"nl\.zorgcoordinatie\.([a-z]+)\.([a-z]+(?:-[a-z]+)*)\.v([1-9]\d*)", event.ce_type)

    assert named
    assert named[1] in {*SERVICES, "schakel"}
    assert "".join(word.capitalize() for word in named[2].split("-")) + f"V{named[3]}" == event.__name__


def test_every_topic_and_every_type_is_there_once() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert len({event.ce_type for event in EVENTS}) == len(EVENTS)


def test_the_topics_are_those_of_the_architecture_with_their_keys_and_how_long_they_are_kept() -> None:
    assert {topic.name: (topic.key, topic.retention.days if topic.retention else None) for topic in TOPICS} == {
        "triage.cases.v1": ("case_id", 30),
        "capacity.reports.v1": ("unit_id", 14),
        "capacity.observations.v1": ("unit_id", 30),
        "capacity.units.v1": ("unit_id", None),
        "capacity.flows.v1": ("location_id", 30),
        "capacity.stops.v1": ("location_id", 30),
        "placement.placements.v1": ("case_id", 30),
        "placement.holds.v1": ("unit_id", None),
        "reporting.national.v1": ("figure", None),
        "reporting.phases.v1": ("region", None),
        **{f"{service}.parked.v1": ("original key", 30) for service in ("triage", "capacity", "placement", "reporting")},
    }


def test_a_topic_knows_its_own_types_only() -> None:
    for topic in TOPICS:
        assert [topic.event_type(event.ce_type) for event in topic.events] == list(topic.events)
        assert topic.event_type("nl.zorgcoordinatie.capacity.unit-changed.v2") is None


def test_the_first_version_is_number_one_of_the_first_generation() -> None:
    assert FIRST_VERSION == 2**40 + 1
    assert generation_of(FIRST_VERSION) == 1
    assert generation_of(2 * 2**40) == 2


def test_no_code_that_decides_ever_disappears() -> None:
    assert set(Sector) >= {
        "ZIEKENHUIS",
        "HUISARTS",
        "HAP",
        "VVT",
        "WIJKVERPLEGING",
        "GHZ",
        "GGZ",
        "AMBULANCE",
        "ZORGCENTRALE",
        "TIJDELIJKE_LOCATIE",
    }
    assert set(CareType) >= {
        "ELV_LAAG",
        "ELV_HOOG",
        "ELV_PALLIATIEF",
        "GRZ",
        "WLZ_CRISIS",
        "WLZ_REGULIER",
        "WMO_SPOED",
        "HOSPICE",
        "MSVT",
        "RESPIJT",
        "ZORGHOTEL",
        "WZD_PLEK",
        "GGZ_CRISIS",
        "WV_PLANBAAR",
        "WV_ONPLANBAAR",
        "CORONA_UNIT",
        "CORONACENTRUM",
        "WIJKVERPLEGINGHOTEL",
        "THUISMONITORING_O2",
        "KLINIEK",
        "IC",
    }
    assert set(Cohort) >= {"COVID_POS", "COVID_VERDACHT", "COVID_NEG", "GEEN"}
    assert [*Source] == ["EPD", "ECD", "PLANNER", "TELEFOON", "IMPORT"]
    assert set(FlowKind) >= {"SEH_AANKOMST", "OPNAME", "OVERPLAATSING", "ONTSLAGGEREED", "ONTSLAG"}


@pytest.mark.parametrize("codes", DescribingCode.__subclasses__())
def test_a_describing_code_that_we_do_not_know_reads_as_unknown(codes: type[DescribingCode]) -> None:
    not_text: Any = 5
    assert "ONBEKEND" in list(codes)
    assert codes("IETS_NIEUWS") == "ONBEKEND"
    known = next(iter(codes))
    assert codes(known.value) is known
    with pytest.raises(ValueError):
        codes(not_text)


def test_errors_never_show_what_was_sent() -> None:
    with pytest.raises(ValidationError) as broken:
        UnitChangedV1.parse(b'{"unit_id": "Jan de Vries", "observed_at": "gisteren"}')

    assert "Jan" not in str(broken.value)
    assert "gisteren" not in str(broken.value)


def test_an_instant_without_an_offset_breaks_the_contract() -> None:
    with pytest.raises(ValidationError, match="observed_at"):
        ReportV1.model_validate(
            {
                "report_id": "0c9b8a76-5d4e-4f3a-9b2c-1d0e9f8a7b03",
                "unit_id": "6f1d2a54-8b1e-4c5c-9d0a-2f6c7a1b3e01",
                "source": "ECD",
                "observed_at": datetime.now(UTC).replace(tzinfo=None),
            }
        )
