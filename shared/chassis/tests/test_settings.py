from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from chassis.errors import MustStop
from chassis.settings import ServiceSettings


@pytest.fixture
def password_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "password"
    monkeypatch.setenv("DATABASE_URL", "postgresql://triage@postgres:5432/triage")
    monkeypatch.setenv("DATABASE_PASSWORD_FILE", str(file))
    return file


def test_the_password_of_the_database_comes_out_of_its_file_whatever_characters_it_has(password_file: Path) -> None:
    password_file.write_text("p@ss/w:rd%20\n")

    url = urlsplit(ServiceSettings.from_environment().database_url)

    assert (url.username, url.hostname, url.port, url.path) == ("triage", "postgres", 5432, "/triage")
    assert unquote(url.password or "") == "p@ss/w:rd%20"


def test_a_password_that_is_not_there_stops_the_service_and_names_the_setting(password_file: Path) -> None:
    with pytest.raises(MustStop, match="DATABASE_PASSWORD_FILE"):
        ServiceSettings.from_environment()
