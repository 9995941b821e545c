"""Progress lines: one JSON object a line, so that the supervisor's log stays readable by people and machines."""

import json
import sys
from datetime import UTC, datetime


def say(event: str, **facts: object) -> None:
    """Write one line to standard output: a constant lower-case event and its facts."""
    line = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
    sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()
