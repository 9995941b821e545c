"""Settings of a service, from the environment; built in `bootstrap`, never at import."""

import os
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import MustStop

SASL_MECHANISM = "SCRAM-SHA-512"
"""How a client of a guarded Kafka shows who it is: the password itself never travels."""


class ServiceSettings(BaseSettings):
    """What every service needs to know about where it runs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap_servers: str = Field(default="127.0.0.1:9092", title="Kafka", description="Bootstrap servers, comma separated.")
    kafka_security_protocol: Literal["PLAINTEXT", "SASL_PLAINTEXT"] = Field(
        default="PLAINTEXT", title="Kafka's guard", description="SASL_PLAINTEXT where every client must show who it is."
    )
    kafka_sasl_username: str = Field(default="", title="Kafka user", description="Who this process is there.")
    kafka_sasl_password_file: Path | None = Field(default=None, title="Kafka password", description="File that holds that user's password.")
    database_url: str = Field(
        default="",
        title="Database",
        description="The service's own PostgreSQL database and role: postgresql://role:password@host:port/database.",
    )
    database_password_file: Path | None = Field(
        default=None, title="Database password", description="File that holds the role's password, which the URL then lacks."
    )
    namespace: str = Field(
        default="", title="Namespace", description="Prefix of topics, consumer groups and transactional ids, so that systems share servers."
    )
    instance: str = Field(default="1", title="Instance", description="Tells processes of one kind apart, in logs.")
    keys_dir: Path = Field(
        default=Path(".run/keys"),
        title="Keys",
        description="Folder with `jwks.json` (whose tokens we accept) and, locally, the issuer's own key.",
    )
    auth_issuer: str = Field(default="urn:nl:zorgcoordinatie:local", title="Issuer", description="The `iss` that tokens must carry.")
    auth_audience: str = Field(default="schakel", title="Audience", description="The `aud` that tokens must carry.")
    log_format: str = Field(default="json", title="Log format", description="`json` for machines, `console` for people.")
    log_level: str = Field(default="info", title="Log level", description="debug, info, warning or error.")
    database_pool: int = Field(default=8, ge=1, title="Connections", description="Most database connections a process holds.")
    metrics_port: int = Field(default=0, title="Metrics", description="Port on which a worker or relay shows its metrics; 0 for nowhere.")
    metrics_host: str = Field(
        default="127.0.0.1", title="Metrics address", description="Address on which it does; 0.0.0.0 where Prometheus is another container."
    )
    session_timeout_seconds: float = Field(
        default=10, gt=0, title="Session timeout", description="Kafka takes a silent worker's partitions away after this long."
    )

    def named(self, name: str) -> str:
        """The name of a topic, consumer group or transactional id in this namespace."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def kafka(self) -> dict[str, Any]:
        """How a client of Kafka connects: where to and, at a guarded Kafka, as whom. Every client is made with it.

        Raises:
            MustStop: naming the setting, when the password cannot be read.
        """
        where: dict[str, Any] = {"bootstrap_servers": self.kafka_bootstrap_servers}
        if self.kafka_sasl_password_file is None:
            return where
        return where | {
            "security_protocol": self.kafka_security_protocol,
            "sasl_mechanism": SASL_MECHANISM,
            "sasl_plain_username": self.kafka_sasl_username,
            "sasl_plain_password": read_password(self.kafka_sasl_password_file, "KAFKA_SASL_PASSWORD_FILE"),
        }

    @model_validator(mode="after")
    def _is_guarded_or_not(self) -> Self:
        is_named = bool(self.kafka_sasl_username), self.kafka_sasl_password_file is not None
        if is_named != (self.is_kafka_guarded,) * 2:
            raise ValueError("SASL_PLAINTEXT needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE, and nothing else does")
        return self

    @property
    def is_kafka_guarded(self) -> bool:
        """Whether Kafka asks its clients who they are."""
        return self.kafka_security_protocol != "PLAINTEXT"

    @classmethod
    def from_environment(cls, service: str = "") -> Self:
        """Read the environment; where several services share a process, `<SERVICE>_DATABASE_URL` is this one's own.

        Raises:
            pydantic.ValidationError: naming the setting that is wrong, never its value.
            MustStop: naming the setting, when the password cannot be read.
        """
        own = os.environ.get(f"{service.upper()}_DATABASE_URL")
        read = cls(database_url=own) if own else cls()
        if read.database_password_file is None:
            return read
        password = read_password(read.database_password_file, "DATABASE_PASSWORD_FILE")
        return read.model_copy(update={"database_url": _with_password(read.database_url, password)})


def _with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    role, _, address = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{address}"))


def read_password(file: Path, setting: str) -> str:
    """The password in this file, which this setting names.

    Raises:
        MustStop: when there is none.
    """
    try:
        password = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        # The text of the latter holds what it could not decode.
        raise MustStop(f"{setting}: the file cannot be read ({type(error).__name__})") from None
    if not password:
        raise MustStop(f"{setting}: the file is empty")
    return password
