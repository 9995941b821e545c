"""Rights come from the registry alone, and no client of Kafka forgets to say who it is."""

import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.errors import MustStop
from chassis.kafka.access import Right, rights, users
from chassis.settings import ServiceSettings
from contracts.registry import SERVICES, TOPICS
from contracts.topic import Topic

_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_one_writer_and_its_readers_and_nobody_else(topic: Topic) -> None:
    of_topic = {(right.operation, right.user) for right in rights() if (right.kind, right.name) == ("TOPIC", topic.name)}

    writer = topic.owner if topic.name != "capacity.reports.v1" else "provider"
    # A service also looks up what it told itself.
    itself = {("READ", writer)} if writer in SERVICES else set()
    assert of_topic == {("WRITE", writer), *itself, *(("READ", reader) for reader in topic.readers)}


def test_every_service_has_its_own_group_and_its_own_relay_and_no_other() -> None:
    for service in SERVICES:
        others = {(right.operation, right.kind, right.name) for right in rights() if right.user == service and right.kind != "TOPIC"}
        assert others == {("READ", "GROUP", service), ("WRITE", "TRANSACTIONAL_ID", f"{service}.relay")}


def test_lcps_and_providers_have_one_topic_each() -> None:
    of = {user: {right for right in rights() if right.user == user} for user in ("lcps", "provider")}

    assert of["lcps"] == {Right("lcps", "READ", "TOPIC", "reporting.national.v1"), Right("lcps", "READ", "GROUP", "lcps")}
    assert of["provider"] == {Right("provider", "WRITE", "TOPIC", "capacity.reports.v1")}


def test_systems_that_share_a_broker_share_no_user_and_no_name() -> None:
    one, two = (rights(ServiceSettings(namespace=namespace).named) for namespace in ("one", "two"))

    assert not {right.user for right in one} & {right.user for right in two}
    assert not {right.name for right in one} & {right.name for right in two}
    assert len(one) == len(two) == len(rights())


def test_all_who_have_a_right_are_users() -> None:
    assert {right.user for right in rights()} == users()


def test_every_client_of_kafka_in_the_product_is_made_with_the_settings_of_its_process() -> None:
    """A client made with an address alone would be refused, and only where Kafka is guarded."""
    sources = [file for folder in ("shared/chassis/src/chassis", "services") for file in (_ROOT / folder).rglob("*.py")]
    made = {
        f"{file.relative_to(_ROOT)}: {call}": arguments
        for file in sources
        if "tests" not in file.parts and "testing" not in file.parts
        for call, arguments in re.findall(r"\b((?:AIO)?Kafka\w*(?:Consumer|Producer|Client))\(\s*([^,)]*)", file.read_text())
    }

    assert len(made) > 5
    assert {place for place, arguments in made.items() if not re.search(r"\*\*(self\._)?settings\.kafka\(", arguments)} == set()


@pytest.mark.parametrize(
    "half",
    [
        {"kafka_security_protocol": "SASL_PLAINTEXT"},
        {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_sasl_username": "triage"},
        {"kafka_sasl_username": "triage", "kafka_sasl_password_file": "password"},
    ],
    ids=["without user", "without password", "without protocol"],
)
def test_half_a_login_is_a_wrong_setting(half: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="KAFKA_SASL_PASSWORD_FILE"):
        ServiceSettings(**half)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff-not-to-be-shown"], ids=["no file", "empty", "blank", "not text"])
def test_a_password_that_cannot_be_read_is_named_by_its_setting_and_never_shown(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    settings = ServiceSettings(kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="triage", kafka_sasl_password_file=file)

    with pytest.raises(MustStop, match="KAFKA_SASL_PASSWORD_FILE") as stopped:
        settings.kafka()

    assert "not-to-be-shown" not in "".join(traceback.format_exception(stopped.value))


def test_without_a_guard_a_client_is_told_an_address_and_nothing_else() -> None:
    assert ServiceSettings(kafka_bootstrap_servers="kafka:9092").kafka() == {"bootstrap_servers": "kafka:9092"}
