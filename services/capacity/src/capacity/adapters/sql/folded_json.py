"""What each source said about a unit, as it is kept in the unit's row."""

from datetime import datetime
from typing import Any
from uuid import UUID

from capacity.domain.fold import Folded, Said, Statement, Voice
from capacity.domain.report import ClosedBecause
from contracts.capacity import FIGURE_FIELDS
from contracts.codes import Source

_CLOSED = "closed_reason"
_OCCUPIED_REPORTED = "occupied_reported_at"
_PLACES_REPORTED = "places_reported_at"


def to_json(folded: Folded) -> dict[str, dict[str, Any]]:
    """Per source and field: value, observed at, availability of its report, id of its report, and the held places that it names."""
    written: dict[str, dict[str, Any]] = {}
    for source, voice in folded.items():
        said: dict[str, Any] = {str(field): [figure.value, *_statement(figure.by)] for field, figure in voice.figures.items()}
        if voice.closed is not None:
            said[_CLOSED] = [voice.closed.value.sent, *_statement(voice.closed.by)]
        if voice.occupied_reported_at is not None:
            said[_OCCUPIED_REPORTED] = voice.occupied_reported_at.isoformat()
        if voice.places_reported_at is not None:
            said[_PLACES_REPORTED] = voice.places_reported_at.isoformat()
        written[source.value] = said
    return written


def from_json(written: dict[str, dict[str, Any]]) -> Folded:
    """Read it back."""
    folded: dict[Source, Voice] = {}
    for source, said in written.items():
        closed = said.get(_CLOSED)
        folded[Source(source)] = Voice(
            figures={field: Said(said[field][0], _read(said[field])) for field in FIGURE_FIELDS if field in said},
            closed=Said(ClosedBecause(closed[0]), _read(closed)) if closed else None,
            occupied_reported_at=_instant(said.get(_OCCUPIED_REPORTED)),
            places_reported_at=_instant(said.get(_PLACES_REPORTED)),
        )
    return folded


def _statement(by: Statement) -> list[Any]:
    kept: list[Any] = [by.observed_at.isoformat(), by.availability, str(by.report_id)]
    # Most reports name none, and this is written with every one of them.
    return [*kept, [str(hold_id) for hold_id in by.includes_holds]] if by.includes_holds else kept


def _read(kept: list[Any]) -> Statement:
    _, observed_at, availability, report_id, *named = kept
    return Statement(
        observed_at=datetime.fromisoformat(observed_at),
        availability=availability,
        report_id=UUID(report_id),
        includes_holds=tuple(UUID(hold_id) for hold_id in named[0]) if named else (),
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
