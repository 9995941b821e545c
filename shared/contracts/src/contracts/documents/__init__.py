"""The documents that people and other systems read, made from the registry so that they cannot say anything else."""

import json
from collections.abc import Mapping
from pathlib import Path

from contracts.documents.asyncapi import asyncapi
from contracts.documents.events_page import events_page
from contracts.documents.schemas import Json, schema_of
from contracts.registry import EVENTS


def documents(samples: Path) -> dict[str, str]:
    """Every generated document by its path below `docs/`.

    Args:
        samples: folder with a folder per event, from which `full.json` is shown as the example.

    Raises:
        OSError: an event has no such sample.
    """
    examples = {event: json.loads((samples / event.ce_type / "full.json").read_text(encoding="utf-8")) for event in EVENTS}
    return {
        "asyncapi.json": _as_text(asyncapi(examples)),
        "events.md": events_page(examples),
        **{f"schemas/{event.ce_type}.json": _as_text(schema_of(event)) for event in EVENTS},
    }


def _as_text(document: Mapping[str, Json]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
