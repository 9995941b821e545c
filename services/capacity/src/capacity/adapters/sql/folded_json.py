"""What each source said about a unit, as it is kept in the unit's row."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from capacity.domain.fold import Folded, Said, Statement, Voice
from capacity.domain.report import ClosedBecause
from contracts.capacity import Field_
from contracts.codes import Source

_CLOSED = "closed_reason"


def to_json(folded: Folded) -> dict[str, dict[str, list[Any]]]:
    """Per source and field: value, observed at, availability of its report, id of its report."""
    written: dict[str, dict[str, list[Any]]] = {}
    for source, voice in folded.items():
        said = {str(field): [figure.value, *_statement(figure.by)] for field, figure in voice.figures.items()}
        if voice.closed is not None:
            said[_CLOSED] = [voice.closed.value.sent, *_statement(voice.closed.by)]
        written[source.value] = said
    return written


def from_json(written: dict[str, dict[str, list[Any]]]) -> Folded:
    """Read it back."""
    folded: dict[Source, Voice] = {}
    for source, said in written.items():
        closed = said.get(_CLOSED)
        folded[Source(source)] = Voice(
            figures={cast("Field_", field): Said(kept[0], _read(kept)) for field, kept in said.items() if field != _CLOSED},
            closed=Said(ClosedBecause(closed[0]), _read(closed)) if closed else None,
        )
    return folded


def _statement(by: Statement) -> list[Any]:
    return [by.observed_at.isoformat(), by.availability, str(by.report_id)]


def _read(kept: list[Any]) -> Statement:
    return Statement(observed_at=datetime.fromisoformat(kept[1]), availability=kept[2], report_id=UUID(kept[3]))
