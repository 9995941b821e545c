"""The bodies of events as JSON Schema."""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from contracts.event import Event

Json = Any
"""A JSON value. JSON Schemas and AsyncAPI documents have no shape that would be worth writing down as types."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _BodySchema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        # "Unit Id" under `unit_id` says nothing.
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        # In a report null means unknown and left out means "keeps its value": a default of null would say that they are the same.
        described = super().default_schema(schema)
        if described.get("default", ...) is None:
            del described["default"]
        return described


def schema_of(event: type[Event]) -> dict[str, Json]:
    """The body of this event in dialect 2020-12, complete in itself."""
    body = event.model_json_schema(schema_generator=_BodySchema)
    return {"$schema": DIALECT, "$id": f"urn:nl:zorgcoordinatie:schema:{event.ce_type}", **body}


def schemas_by_name(events: Sequence[type[Event]], ref_template: str) -> dict[str, Json]:
    """The bodies of these events and the code lists in them, each once under its own name, referring to each other by the template."""
    _, definitions = models_json_schema(
        [(event, "validation") for event in events], ref_template=ref_template, schema_generator=_BodySchema
    )
    schemas: dict[str, Json] = definitions["$defs"]
    return schemas
