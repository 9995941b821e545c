"""The commands a developer types, run as they are typed."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chassis.security.auth import Caller, Keyring, Unauthorised
from chassis.security.roles import Role
from chassis.settings import ServiceSettings


def run(keys_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "KEYS_DIR": str(keys_dir)}
    return subprocess.run([sys.executable, "-m", "chassis", *arguments], env=env, capture_output=True, text=True, timeout=60, check=False)


def who(keys_dir: Path, token: str) -> Caller:
    return Keyring.of(ServiceSettings(keys_dir=keys_dir)).authenticate(token, datetime.now(UTC))


def test_a_token_is_printed_and_nothing_else(keys_dir: Path) -> None:
    made = run(keys_dir, "token", "--role", "provider", "--org", "zorggroep")

    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.count("\n") == 1
    caller = who(keys_dir, made.stdout.strip())
    assert (caller.role, caller.org, caller.region) == (Role.PROVIDER, "zorggroep", None)


def test_a_negative_time_to_live_makes_an_expired_token(keys_dir: Path) -> None:
    made = run(keys_dir, "token", "--role", "admin", "--ttl", "-1")

    assert made.returncode == 0
    with pytest.raises(Unauthorised, match="expired"):
        who(keys_dir, made.stdout.strip())


def test_an_unknown_role_is_an_error_that_names_the_roles(keys_dir: Path) -> None:
    made = run(keys_dir, "token", "--role", "directeur")

    assert made.returncode != 0
    assert made.stdout == ""
    assert "coordinator" in made.stderr
    assert "visitor" not in made.stderr


def test_an_unknown_service_is_an_error_that_names_it(keys_dir: Path) -> None:
    made = run(keys_dir, "serve", "koekoek")

    assert made.returncode != 0
    assert "koekoek" in made.stderr
