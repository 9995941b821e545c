"""Bearer tokens: a given one, or from the local issuer's own command, as any user of `make token` gets one."""

import asyncio
import os
import sys
import time
from pathlib import Path

# Tokens live 12 hours; one that is half through is renewed, so that none ends on its way.
RENEW_AFTER_SECONDS = 6 * 3600.0
ISSUE_SECONDS = 30.0


class NoToken(Exception):  # noqa: N818 - it names what happened
    """No token could be had; the text says what to do."""


class Tokens:
    """Hands out a token per role and organisation, and a new one when it grows old or is refused."""

    def __init__(self, keys_dir: Path, given: str | None) -> None:
        self._keys_dir = keys_dir
        self._given = given
        self._issued: dict[tuple[str, str | None], tuple[str, float]] = {}
        self._lock = asyncio.Lock()

    @property
    def can_issue(self) -> bool:
        """Whether tokens of other roles than the given one can be had."""
        return self._given is None

    async def get(self, role: str = "admin", organisation: str | None = None) -> str:
        """A token that is good for hours.

        Raises:
            NoToken: the issuer cannot be reached or refuses.
        """
        if self._given is not None:
            return self._given
        async with self._lock:
            token, issued_at = self._issued.get((role, organisation), ("", 0.0))
            if not token or time.monotonic() - issued_at > RENEW_AFTER_SECONDS:
                token = await self._issue(role, organisation)
                self._issued[role, organisation] = (token, time.monotonic())
            return token

    def forget(self, token: str) -> None:
        """This token was refused: the next `get` asks for another."""
        self._issued = {who: held for who, held in self._issued.items() if held[0] != token}

    async def _issue(self, role: str, organisation: str | None) -> str:
        command = [sys.executable, "-m", "chassis", "token", "--role", role]
        if organisation is not None:
            command += ["--org", organisation]
        environment = os.environ | {"KEYS_DIR": str(self._keys_dir)}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(), ISSUE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise NoToken("the local issuer does not answer; pass a token of role admin in TOKEN") from None
        token = out.decode().strip()
        if process.returncode != 0 or not token:
            raise NoToken("the local issuer gave no token: does KEYS_DIR name the keys of the running system? Else pass one in TOKEN")
        return token
