"""A broker that asks everyone who they are, with the settings of the deployment, so that tests see who is refused what."""

from pathlib import Path
from typing import Any

from embedded.kafka import Kafka, broker_answers

_ACCESS = Path(__file__).resolve().parents[3] / "kafka" / "access.properties"
_PASSWORDS_OF_A_CONTAINER = "/run/secrets/kafka"


class GuardedKafka(Kafka):
    """Starts without any user but ``broker``; the access job makes the others."""

    _port_names = ("broker", "brokers", "controller")

    def __init__(self, folder: Path, *, passwords: Path, **options: Any) -> None:
        """Take a folder in which the file ``broker`` holds the password of the brokers."""
        super().__init__(folder, **options)
        self._passwords = passwords.resolve()

    @property
    def brokers_bootstrap_servers(self) -> str:
        """Where brokers speak with each other, and the access job with them."""
        return f"127.0.0.1:{self._ports['brokers']}"

    async def is_ready(self) -> bool:
        """Whether it answers its own user."""
        password = (self._passwords / "broker").read_text()
        return await broker_answers(
            self.brokers_bootstrap_servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            sasl_plain_username="broker",
            sasl_plain_password=password,
        )

    def _properties(self) -> dict[str, object]:
        lines = _ACCESS.read_text().replace(_PASSWORDS_OF_A_CONTAINER, str(self._passwords)).splitlines()
        access = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
        listeners = {"CLIENTS": "broker", "BROKERS": "brokers", "CONTROLLER": "controller"}
        return {
            **super()._properties(),
            **access,
            "listeners": ",".join(f"{name}://127.0.0.1:{self._ports[port]}" for name, port in listeners.items()),
        }
