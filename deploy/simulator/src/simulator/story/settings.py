"""Where the story finds the running system's Kafka."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StorySettings:
    """What the story needs besides the system's address."""

    kafka_bootstrap_servers: str | None
    """`KAFKA_BOOTSTRAP_SERVERS`, else what `make run` wrote into `RUN_DIR`; None when neither says it."""
    namespace: str
    """`NAMESPACE`: prefix of the topics."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "StorySettings":
        run_dir = Path(environ.get("RUN_DIR") or ".run")
        return cls(environ.get("KAFKA_BOOTSTRAP_SERVERS") or _of_the_running_system(run_dir / "state.json"), environ.get("NAMESPACE", ""))


def _of_the_running_system(state: Path) -> str | None:
    try:
        written = json.loads(state.read_text()).get("kafka_bootstrap_servers")
    except (OSError, ValueError):
        return None
    return str(written) if written else None
