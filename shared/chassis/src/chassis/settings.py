"""Settings of a service, from the environment; built in `bootstrap`, never at import."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """What every service needs to know about where it runs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    kafka_bootstrap_servers: str = Field(default="127.0.0.1:9092", title="Kafka", description="Bootstrap servers, comma separated.")
    database_url: str = Field(
        default="",
        title="Database",
        description="The service's own PostgreSQL database and role: postgresql://role:password@host:port/database.",
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
    metrics_port: int = Field(
        default=0, title="Metrics", description="Where a worker shows its metrics, on the loopback address; 0 for nowhere."
    )
    session_timeout_seconds: float = Field(
        default=10, gt=0, title="Session timeout", description="Kafka takes a silent worker's partitions away after this long."
    )

    def named(self, name: str) -> str:
        """The name of a topic, consumer group or transactional id in this namespace."""
        return f"{self.namespace}.{name}" if self.namespace else name

    @classmethod
    def from_environment(cls, service: str = "") -> Self:
        """Read the environment; where several services share a process, `<SERVICE>_DATABASE_URL` is this one's own.

        Raises:
            pydantic.ValidationError: naming the setting that is wrong, never its value.
        """
        own = os.environ.get(f"{service.upper()}_DATABASE_URL")
        return cls(database_url=own) if own else cls()
