"""The settings of ``make run``, from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import CannotStartError

_HIGHEST_PORT = 65_535


@dataclass(frozen=True)
class Settings:
    port: int  # of the page and the APIs
    run_dir: Path  # data, logs, pids; one running system each
    simulate: bool
    speed: str  # how many events the simulator makes; it reads the number itself
    kafka_bootstrap_servers: str  # empty: our own broker
    database_url: str  # an administrator's; empty: our own PostgreSQL
    namespace: str
    partitions: int
    reporting_workers: int  # every report of the country goes through these

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def from_environment(cls) -> "Settings":
        return cls(
            port=_number("PORT", 8080, _HIGHEST_PORT),
            run_dir=Path(os.environ.get("RUN_DIR") or ".run").resolve(),
            simulate=os.environ.get("SIMULATE", "1") not in ("0", "false", "no"),
            speed=os.environ.get("SPEED") or "1",
            kafka_bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", ""),
            database_url=os.environ.get("DATABASE_URL", ""),
            namespace=os.environ.get("NAMESPACE", ""),
            # Two cores run no more than this side by side, and every partition costs the broker files and memory.
            partitions=_number("PARTITIONS", 4, 1000),
            reporting_workers=_number("REPORTING_WORKERS", 1, 100),
        )


def _number(name: str, default: int, highest: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= highest:
        raise CannotStartError(f"{name} has to be a number from 1 to {highest}")
    return int(text)
