"""What was published once stays readable: samples of every version of every event, added to and never edited."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from contracts.capacity import FlowRecordedV1, ReportV1, UnitChangedV1
from contracts.event import Event
from contracts.registry import EVENTS

SAMPLES = Path(__file__).parent / "samples"
ALL = [
    pytest.param(event, path, id=f"{event.__name__}-{path.stem}")
    for event in EVENTS
    for path in sorted(SAMPLES.glob(f"{event.ce_type}/*.json"))
]


def sample(event: type[Event], name: str) -> bytes:
    return (SAMPLES / event.ce_type / f"{name}.json").read_bytes()


def fields_in(event: type[Event], name: str) -> set[str]:
    return set(json.loads(sample(event, name)))


@pytest.mark.parametrize(("event", "path"), ALL)
def test_every_sample_of_every_version_still_parses_and_says_the_same_when_sent_on(event: type[Event], path: Path) -> None:
    parsed = event.parse(path.read_bytes())

    assert event.parse(parsed.body()) == parsed
    assert parsed.subject


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_has_a_full_a_minimal_and_a_later_sample(event: type[Event]) -> None:
    names = {path.stem for path in SAMPLES.glob(f"{event.ce_type}/*.json")}

    assert names >= {"full", "minimal", "later-version"}


def test_every_folder_of_samples_belongs_to_an_event() -> None:
    # A version that is taken out of the registry while its records are still kept would park all of them.
    assert {folder.name for folder in SAMPLES.iterdir()} == {event.ce_type for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS)
def test_no_version_asks_for_more_than_it_did_or_promises_less(event: type[Event]) -> None:
    required = {name for name, field in event.model_fields.items() if field.is_required()}

    assert required == fields_in(event, "minimal"), "within a version only optional fields are added; anything else is a new version"


@pytest.mark.parametrize("event", EVENTS)
def test_no_field_disappears_and_every_new_one_gets_a_sample(event: type[Event]) -> None:
    sampled = {
        name for path in SAMPLES.glob(f"{event.ce_type}/*.json") if path.stem != "later-version" for name in json.loads(path.read_bytes())
    }

    assert sampled == set(event.model_fields), "a field was taken out or renamed, or a new one has no sample yet"


@pytest.mark.parametrize("event", EVENTS)
def test_a_reader_ignores_the_fields_of_a_later_version(event: type[Event]) -> None:
    parsed = event.parse(sample(event, "later-version"))

    unknown = fields_in(event, "later-version") - set(event.model_fields)
    assert unknown
    assert unknown.isdisjoint(json.loads(parsed.body()))


def test_a_reason_that_we_do_not_know_survives() -> None:
    assert UnitChangedV1.parse(sample(UnitChangedV1, "unknown-reason")).closed_reason == "WATERSCHADE_KELDER"
    assert ReportV1.parse(sample(ReportV1, "unknown-reason")).closed_reason == "WATERSCHADE_KELDER"
    assert FlowRecordedV1.parse(sample(FlowRecordedV1, "unknown-destination")).destination == "ZORGBOERDERIJ"


@pytest.mark.parametrize("field", ["sector", "care_type", "cohort", "source"])
def test_a_code_that_decides_and_that_we_do_not_know_breaks_the_contract_without_being_repeated(field: str) -> None:
    body = json.dumps(json.loads(sample(UnitChangedV1, "full")) | {field: "RUIMTEZORG"}).encode()

    with pytest.raises(ValidationError) as broken:
        UnitChangedV1.parse(body)

    assert field in str(broken.value)
    assert "RUIMTEZORG" not in str(broken.value)


def test_in_a_report_left_out_is_not_the_same_as_unknown() -> None:
    report = ReportV1.parse(sample(ReportV1, "unknown-values"))

    assert json.loads(report.body()) == json.loads(sample(ReportV1, "unknown-values"))
    assert {"open", "occupied"} <= report.model_fields_set
    assert "reserved" not in report.model_fields_set
