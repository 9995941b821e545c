"""Settings from the environment, as `make` passes them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PACKAGED_SERIES = Path(__file__).parent / "data" / "lcps-covid-19.csv"
DEFAULT_SEED = 2021


class BadSetting(ValueError):  # noqa: N818 - it names what happened, as the services' `Rejected` does
    """A setting that cannot be read; the text names it, never its value."""


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """Where the running system is and how we show who we are."""

    url: str
    """Origin of the system: `SCHAKEL_URL`, else the loopback address on `PORT` (8080)."""
    keys_dir: Path
    """Folder of the local issuer's key: `KEYS_DIR`, else `keys` in `RUN_DIR` (`.run`)."""
    token: str | None
    """`TOKEN`: a ready token of role `admin`; without it the local issuer is asked for one."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "SystemSettings":
        port = _number(environ, "PORT", 8080, least=1)
        run_dir = Path(environ.get("RUN_DIR") or ".run")
        return cls(
            url=(environ.get("SCHAKEL_URL") or f"http://127.0.0.1:{port:.0f}").rstrip("/"),
            keys_dir=Path(environ.get("KEYS_DIR") or run_dir / "keys"),
            token=environ.get("TOKEN") or None,
        )


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """Who providers are to a Kafka that asks, by the names that the services use; nobody, where it does not ask."""

    user: str = ""
    """`KAFKA_SASL_USERNAME`, where `KAFKA_SECURITY_PROTOCOL` is `SASL_PLAINTEXT`."""
    password: str = field(default="", repr=False)
    """What stands in `KAFKA_SASL_PASSWORD_FILE`."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "KafkaLogin":
        protocol = environ.get("KAFKA_SECURITY_PROTOCOL") or "PLAINTEXT"
        if protocol == "PLAINTEXT":
            return cls()
        user, file = environ.get("KAFKA_SASL_USERNAME"), environ.get("KAFKA_SASL_PASSWORD_FILE")
        if protocol != "SASL_PLAINTEXT" or not user or not file:
            raise BadSetting(
                "KAFKA_SECURITY_PROTOCOL is PLAINTEXT, or SASL_PLAINTEXT with KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE"
            )
        try:
            return cls(user, Path(file).read_text().strip())
        except (OSError, UnicodeDecodeError):
            raise BadSetting("the file of KAFKA_SASL_PASSWORD_FILE cannot be read") from None

    def credentials(self) -> dict[str, str]:
        """What a client of Kafka is told beside the address."""
        if not self.user:
            return {}
        return {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


@dataclass(frozen=True, slots=True)
class DaySettings:
    """How the simulated day goes."""

    speed: float
    """`SPEED` (1): how many events; about 25 a second at 1, times stay real."""
    seed: int
    """`SEED`: the same seed gives the same world and the same stream of events."""
    kafka_bootstrap_servers: str | None
    """`KAFKA_BOOTSTRAP_SERVERS`: where some providers put their reports themselves; without it they use the API."""
    kafka_login: KafkaLogin
    namespace: str
    """`NAMESPACE`: prefix of the topic."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "DaySettings":
        return cls(
            speed=_number(environ, "SPEED", 1, least=0.01),
            seed=int(_number(environ, "SEED", DEFAULT_SEED, least=0)),
            kafka_bootstrap_servers=environ.get("KAFKA_BOOTSTRAP_SERVERS") or None,
            kafka_login=KafkaLogin.read(environ),
            namespace=environ.get("NAMESPACE", ""),
        )


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """Which series is replayed, and how."""

    file: Path
    """`FILE`: a series in LCPS's own columns; the packaged one by default."""
    shuffle: bool
    """`SHUFFLE=1`: in random order."""
    twice: bool
    """`TWICE=1`: everything twice."""
    correct: bool
    """`CORRECT=1`: what was replayed before may be corrected or taken back."""
    settle_seconds: float
    """`SETTLE_SECONDS` (120): how long the feed may take to settle before we give up."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "ReplaySettings":
        return cls(
            file=Path(environ.get("FILE") or PACKAGED_SERIES),
            shuffle=_switch(environ, "SHUFFLE"),
            twice=_switch(environ, "TWICE"),
            correct=_switch(environ, "CORRECT"),
            settle_seconds=_number(environ, "SETTLE_SECONDS", 120, least=1),
        )


def _switch(environ: Mapping[str, str], name: str) -> bool:
    said = environ.get(name, "").strip().lower()
    if said in {"", "0", "no", "false", "nee"}:
        return False
    if said in {"1", "yes", "true", "ja"}:
        return True
    raise BadSetting(f"{name} is 1 or 0")


def _number(environ: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    said = environ.get(name, "").strip()
    try:
        number = float(said) if said else default
    except ValueError:
        raise BadSetting(f"{name} is a number") from None
    # Written this way round so that "nan" is refused too.
    if not least <= number < float("inf"):
        raise BadSetting(f"{name} is {least} or more")
    return number
