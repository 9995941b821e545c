"""The registry as an AsyncAPI 3.0 document: one channel a topic, who sends, who receives, and what."""

from collections.abc import Mapping
from datetime import timedelta

from contracts.documents.schemas import Json, schemas_by_name
from contracts.event import SOURCE_PREFIX, SPEC_VERSION, Event
from contracts.registry import EVENTS, TOPICS
from contracts.topic import Topic

KAFKA_BINDING = "0.5.0"

# Kafka's headers are bytes: each is the UTF-8 of a string, numbers included.
ENVELOPE: dict[str, Json] = {
    "type": "object",
    "description": "CloudEvents 1.0 in Kafka's binary mode: each attribute is a header, as text.",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source"],
    "properties": {
        "ce_specversion": {"type": "string", "const": SPEC_VERSION},
        "ce_id": {"type": "string", "format": "uuid", "description": "Of this event; a record sent again carries the same."},
        "ce_type": {"type": "string", "description": "What happened, with the version of its body."},
        "ce_source": {"type": "string", "pattern": f"^{SOURCE_PREFIX}", "description": "Who says so."},
        "ce_subject": {"type": "string", "description": "The id of what it is about."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it was recorded; what happened when stands in the body."},
        "ce_sequence": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The version: generation · 2^40 + n, counting per topic and key. Not newer than what was read is skipped.",
        },
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "authorization": {"type": "string", "description": "The sender's bearer token, where outsiders write."},
    },
}


def asyncapi(examples: Mapping[type[Event], Json]) -> dict[str, Json]:
    """The whole document, complete in itself; `examples` holds a body of every event."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Schakel",
            "version": "1",
            "description": (
                "What the services of care coordination tell each other, and providers tell them, on Kafka. No personal data. "
                "Within a version only optional fields are added; readers ignore what they do not know. "
                "A deployment with a namespace has it before every topic's name."
            ),
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{brokers}",
                "protocol": "kafka",
                "description": "The brokers of this deployment.",
                "variables": {"brokers": {"default": "127.0.0.1:9092", "description": "KAFKA_BOOTSTRAP_SERVERS"}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": {
            "messages": {event.ce_type: _message(event, examples[event]) for event in EVENTS},
            "schemas": {"CloudEvent": ENVELOPE, **schemas_by_name(EVENTS, ref_template="#/components/schemas/{model}")},
        },
    }


def _channel(topic: Topic) -> dict[str, Json]:
    return {
        "address": topic.name,
        "description": topic.description,
        "messages": {event.ce_type: {"$ref": f"#/components/messages/{event.ce_type}"} for event in topic.events},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": _configuration(topic),
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _configuration(topic: Topic) -> dict[str, Json]:
    kept: dict[str, Json] = {"cleanup.policy": ["compact"]}
    if topic.retention is not None:
        kept = {"cleanup.policy": ["delete"], "retention.ms": topic.retention // timedelta(milliseconds=1)}
    return {**kept, "message.timestamp.type": "LogAppendTime"} if topic.append_time else kept


def _operations(topic: Topic) -> dict[str, Json]:
    messages = [{"$ref": f"#/channels/{topic.name}/messages/{event.ce_type}"} for event in topic.events]
    who_does_what = [(topic.writer, "send"), *((reader, "receive") for reader in topic.readers)]
    return {
        f"{who}.{action}.{topic.name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "tags": [{"name": who}],
            "messages": messages,
        }
        for who, action in who_does_what
    }


def _message(event: type[Event], example: Json) -> dict[str, Json]:
    topic = next(topic for topic in TOPICS if event in topic.events)
    return {
        "name": event.ce_type,
        "title": event.__name__,
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, _headers(event, topic)]},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": KAFKA_BINDING}},
        "examples": [{"name": "full", "payload": example}],
    }


def _headers(event: type[Event], topic: Topic) -> dict[str, Json]:
    properties: dict[str, Json] = {"ce_type": {"const": event.ce_type}}
    if topic.versioned:
        return {"required": ["ce_subject", "ce_time", "ce_sequence", "content-type"], "properties": properties}
    return {"required": ["authorization"], "properties": {**properties, "ce_source": {"pattern": f"^{SOURCE_PREFIX}provider:"}}}
