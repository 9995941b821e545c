"""The generated documents are valid, complete in themselves and say what the registry says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT7

from contracts.__main__ import main
from contracts.documents import documents
from contracts.event import Event
from contracts.registry import EVENTS, TOPICS

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    return documents(SAMPLES)


@pytest.fixture(scope="module")
def asyncapi(rendered: dict[str, str]) -> Any:
    return json.loads(rendered["asyncapi.json"])


def references(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        for value in document.values():
            yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    assert reference.startswith("#/"), "the document would not be complete in itself"
    for step in reference[2:].split("/"):
        document = document[step.replace("~1", "/").replace("~0", "~")]
    return document


def test_the_asyncapi_document_is_valid_by_the_official_schema(asyncapi: Any) -> None:
    official = json.loads((HERE / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
    registry: Registry[Any] = DRAFT7.create_resource(official) @ Registry()

    errors = [error.json_path for error in Draft7Validator(official, registry=registry.crawl()).iter_errors(asyncapi)]

    assert errors == []


@pytest.mark.parametrize("path", ["asyncapi.json", *(f"schemas/{event.ce_type}.json" for event in EVENTS)])
def test_every_reference_leads_somewhere_in_the_same_document(rendered: dict[str, str], path: str) -> None:
    document = json.loads(rendered[path])

    found = [resolve(document, reference) for reference in references(document)]

    assert found or path.endswith(("heartbeat.v1.json", "record-set-aside.v1.json"))


@pytest.mark.parametrize("event", EVENTS)
def test_every_schema_is_valid_and_takes_every_sample(rendered: dict[str, str], event: type[Event]) -> None:
    schema = json.loads(rendered[f"schemas/{event.ce_type}.json"])
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema, format_checker=FormatChecker())

    for path in SAMPLES.glob(f"{event.ce_type}/*.json"):
        assert [error.json_path for error in validator.iter_errors(json.loads(path.read_bytes()))] == [], path.name


@pytest.mark.parametrize("event", EVENTS)
def test_a_schema_refuses_a_body_without_what_is_required(rendered: dict[str, str], event: type[Event]) -> None:
    validator = Draft202012Validator(json.loads(rendered[f"schemas/{event.ce_type}.json"]))
    minimal = json.loads((SAMPLES / event.ce_type / "minimal.json").read_bytes())

    for name in minimal:
        assert not validator.is_valid({other: value for other, value in minimal.items() if other != name})


def test_in_the_schema_of_a_report_left_out_is_not_null(rendered: dict[str, str]) -> None:
    properties = json.loads(rendered["schemas/nl.zorgcoordinatie.capacity.report.v1.json"])["properties"]

    assert all("default" not in properties[name] for name in ("total", "open", "occupied", "reserved", "closed_reason"))


def test_every_topic_is_a_channel_with_its_sender_and_its_readers(asyncapi: Any) -> None:
    operations = {
        (name.split(".")[0], operation["action"], operation["channel"]["$ref"]) for name, operation in asyncapi["operations"].items()
    }

    assert list(asyncapi["channels"]) == [topic.name for topic in TOPICS]
    assert operations == {(topic.writer, "send", f"#/channels/{topic.name}") for topic in TOPICS} | {
        (reader, "receive", f"#/channels/{topic.name}") for topic in TOPICS for reader in topic.readers
    }


def test_a_provider_sees_that_it_sends_reports_itself_and_with_what(asyncapi: Any) -> None:
    assert asyncapi["operations"]["provider.send.capacity.reports.v1"]["messages"] == [
        {"$ref": "#/channels/capacity.reports.v1/messages/nl.zorgcoordinatie.capacity.report.v1"}
    ]
    headers = asyncapi["components"]["messages"]["nl.zorgcoordinatie.capacity.report.v1"]["headers"]["allOf"][1]
    assert headers["required"] == ["authorization"]


def test_how_long_a_topic_is_kept_stands_in_its_binding(asyncapi: Any) -> None:
    configured = {name: channel["bindings"]["kafka"]["topicConfiguration"] for name, channel in asyncapi["channels"].items()}

    assert configured["capacity.units.v1"] == {"cleanup.policy": ["compact"]}
    assert configured["capacity.reports.v1"] == {
        "cleanup.policy": ["delete"],
        "retention.ms": 14 * 24 * 3600 * 1000,
        "message.timestamp.type": "LogAppendTime",
    }


def test_the_payloads_shown_fit_the_schemas_of_the_asyncapi_document(asyncapi: Any) -> None:
    for message in asyncapi["components"]["messages"].values():
        schema = {**message["payload"], "components": asyncapi["components"]}
        for example in message["examples"]:
            Draft7Validator(schema).validate(example["payload"])


def test_the_headers_of_an_event_fit_and_those_of_another_do_not(asyncapi: Any) -> None:
    message = asyncapi["components"]["messages"]["nl.zorgcoordinatie.capacity.unit-changed.v1"]
    validator = Draft7Validator({**message["headers"], "components": asyncapi["components"]})
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "2b6c0f3e-7d55-4a0e-9a6b-0d3f5c1e8a07",
        "ce_type": "nl.zorgcoordinatie.capacity.unit-changed.v1",
        "ce_source": "urn:nl:zorgcoordinatie:capacity",
        "ce_subject": "6f1d2a54-8b1e-4c5c-9d0a-2f6c7a1b3e01",
        "ce_time": "2021-01-12T02:10:04.12Z",
        "ce_sequence": "1099511627777",
        "content-type": "application/json",
    }

    assert validator.is_valid(headers)
    assert not validator.is_valid(headers | {"ce_type": "nl.zorgcoordinatie.capacity.report.v1"})
    assert not validator.is_valid({name: value for name, value in headers.items() if name != "ce_sequence"})


def test_the_page_names_every_topic_every_event_and_every_field(rendered: dict[str, str]) -> None:
    page = rendered["events.md"]

    assert all(f"| `{topic.name}`: {topic.description} |" in page for topic in TOPICS)
    for event in EVENTS:
        chapter = page.partition(f"\n## {event.__name__}\n")[2].partition("\n## ")[0]
        assert all(f"| `{field}` |" in chapter for field in event.model_fields)
        assert "```json" in chapter


def test_a_second_run_says_the_same(rendered: dict[str, str]) -> None:
    assert documents(SAMPLES) == rendered


def test_stale_documents_are_named_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--docs", str(tmp_path), "--samples", str(SAMPLES)]
    assert main(["--check", *arguments]) == 1
    assert main(arguments) == 0
    assert main(["--check", *arguments]) == 0
    capsys.readouterr()

    (tmp_path / "events.md").write_text("changed by hand", encoding="utf-8")
    (tmp_path / "schemas" / "nl.zorgcoordinatie.capacity.gone.v1.json").write_text("{}", encoding="utf-8")

    assert main(["--check", *arguments]) == 1
    told = capsys.readouterr().err
    assert [line.rpartition("/")[2].split(";")[0] for line in told.splitlines()] == [
        "events.md",
        "nl.zorgcoordinatie.capacity.gone.v1.json",
    ]
    assert main(arguments) == 0
    assert main(["--check", *arguments]) == 0


def test_the_documents_in_the_repository_are_up_to_date() -> None:
    docs = HERE.parents[2] / "docs"

    assert main(["--check", "--docs", str(docs), "--samples", str(SAMPLES)]) == 0
