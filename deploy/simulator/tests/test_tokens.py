"""Tokens come from the local issuer's own command, for many people at once."""

import asyncio
import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest

from simulator.chain.live import everybody
from simulator.tokens import ADMIN, NoToken, Tokens, Who
from simulator.world import build


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    said: dict[str, Any] = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return said


async def test_everybody_of_a_country_has_a_token_of_their_own_and_asks_no_second_time(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, None)
    people = list(everybody(build(7)))

    await tokens.fetch(people)
    # Nobody can be asked any more.
    tokens._keys_dir = Path("/dev/null")

    assert len(people) > 200
    for who in people:
        said = claims(await tokens.get(who))
        assert (said["role"], said.get("org"), said.get("region")) == (who.role, who.organisation, who.region)


async def test_who_needs_one_at_the_same_moment_gets_the_same(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, None)

    first, second = await asyncio.gather(tokens.get(Who("provider", "zorggroep-x")), tokens.get(Who("provider", "zorggroep-x")))

    assert first == second


async def test_a_token_that_was_refused_is_not_given_again(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path, None)
    refused = await tokens.get()

    tokens.forget(refused)

    assert claims(await tokens.get())["jti"] != claims(refused)["jti"]


async def test_a_given_token_stands_for_everybody(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "no such folder", "given")

    await tokens.fetch([ADMIN])

    assert await tokens.get(Who("provider", "zorggroep-x")) == "given"


async def test_what_the_issuer_does_not_know_is_said_without_its_words(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match="KEYS_DIR"):
        await Tokens(tmp_path, None).get(Who("emperor"))
