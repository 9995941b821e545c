"""The registry as a page for people."""

import json
from collections.abc import Mapping

from contracts.documents.schemas import Json, schema_of
from contracts.event import Event
from contracts.registry import EVENTS, TOPICS
from contracts.topic import Topic

OPENING = """\
# Events

What the services tell each other on Kafka, made from the registry by `python -m contracts`; change it there. The same for machines:
[asyncapi.json](asyncapi.json) and [schemas/](schemas/).

Every record is a CloudEvent 1.0 in binary mode: the body is JSON, the headers `ce_id`, `ce_type`, `ce_source`, `ce_subject`, `ce_time`
and `ce_sequence` say what it is. `ce_sequence` counts per topic and key; a reader skips what is not newer than what it has read. There
is no personal data. A deployment with a namespace has it before every topic's name.

## Topics

| Topic | Written by | Read by | Key | Kept | Partitions | Carries |
|---|---|---|---|---|---|---|
"""


def events_page(examples: Mapping[type[Event], Json]) -> str:
    """Markdown: the topics in a table, then every event with its fields and an example of its body."""
    rows = "".join(f"{_row(topic)}\n" for topic in TOPICS)
    chapters = "".join(_chapter(event, examples[event]) for event in EVENTS)
    return OPENING + rows + chapters + _code_lists()


def _row(topic: Topic) -> str:
    carries = ", ".join(f"[{_name(event)}](#{event.__name__.lower()})" for event in topic.events) or "nothing yet"
    cells = (
        f"`{topic.name}`: {topic.description}",
        topic.writer,
        ", ".join(topic.readers),
        topic.key,
        "the last of every key" if topic.retention is None else f"{topic.retention.days} days",
        str(topic.partitions),
        carries,
    )
    return f"| {' | '.join(cells)} |"


def _chapter(event: type[Event], example: Json) -> str:
    schema = schema_of(event)
    required = set(schema.get("required", ()))
    fields = "".join(
        f"| `{name}` | {_kind(field)} | {'yes' if name in required else 'no'} | {field.get('description', '')} |\n"
        for name, field in schema["properties"].items()
    )
    return (
        f"\n## {event.__name__}\n\n`{event.ce_type}` · [schema](schemas/{event.ce_type}.json)\n\n{schema['description']}\n\n"
        f"| Field | Is | Required | Means |\n|---|---|---|---|\n{fields}\n"
        f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```\n"
    )


def _code_lists() -> str:
    schemas = {name: body for event in EVENTS for name, body in schema_of(event).get("$defs", {}).items() if "enum" in body}
    lists = "".join(f"| {name} | {body['description']} | {', '.join(body['enum'])} |\n" for name, body in sorted(schemas.items()))
    return (
        f"\n## Code lists\n\nCodes that decide; those that only describe are plain text.\n\n| List | Says | Codes |\n|---|---|---|\n{lists}"
    )


def _name(event: type[Event]) -> str:
    return event.ce_type.split(".")[-2]


def _kind(field: dict[str, Json]) -> str:
    if "anyOf" in field:
        return " or ".join(_kind(choice) for choice in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " or ".join(f"`{code}`" for code in field["enum"])
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    return str(field.get("format", field["type"]))
