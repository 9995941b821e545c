"""Providers on a guarded Kafka show who they are, and nobody else sees how."""

from pathlib import Path

import pytest

from simulator.settings import BadSetting, KafkaLogin


def environment(file: Path) -> dict[str, str]:
    return {"KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_SASL_USERNAME": "provider", "KAFKA_SASL_PASSWORD_FILE": str(file)}


def test_a_provider_logs_in_with_the_password_of_its_file_which_is_never_printed(tmp_path: Path) -> None:
    (tmp_path / "provider").write_text("not-to-be-shown\n")

    login = KafkaLogin.read(environment(tmp_path / "provider"))

    assert login.credentials()["sasl_plain_password"] == "not-to-be-shown"
    assert "not-to-be-shown" not in repr(login)


def test_where_kafka_does_not_ask_nothing_is_shown() -> None:
    assert KafkaLogin.read({}).credentials() == {}


@pytest.mark.parametrize("missing", ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD_FILE"])
def test_half_a_login_is_a_bad_setting(tmp_path: Path, missing: str) -> None:
    with pytest.raises(BadSetting, match=missing):
        KafkaLogin.read({**environment(tmp_path / "provider"), missing: ""})


def test_a_file_that_is_not_there_is_named_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="KAFKA_SASL_PASSWORD_FILE"):
        KafkaLogin.read(environment(tmp_path / "nobody"))
