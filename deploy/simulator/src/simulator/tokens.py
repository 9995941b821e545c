"""Bearer tokens: a given one, or from the local issuer's own command, as any user of `make token` gets one."""

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Tokens live 12 hours; one that is half through is renewed, so that none ends on its way.
RENEW_AFTER_SECONDS = 6 * 3600.0
ISSUE_SECONDS = 30.0


class NoToken(Exception):  # noqa: N818 - it names what happened
    """No token could be had; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Who:
    """As whom one speaks."""

    role: str
    organisation: str | None = None
    region: str | None = None
    """ROAZ code; of a coordinator the VR code."""


ADMIN = Who("admin")


class Tokens:
    """Hands out a token per role, organisation and region, and a new one when it grows old or is refused."""

    def __init__(self, keys_dir: Path, given: str | None) -> None:
        self._keys_dir = keys_dir
        self._given = given
        self._issued: dict[Who, tuple[str, float]] = {}
        self._issuing = asyncio.Lock()

    @property
    def can_issue(self) -> bool:
        """Whether tokens of other roles than the given one can be had."""
        return self._given is None

    async def get(self, who: Who = ADMIN) -> str:
        """A token that is good for hours.

        Raises:
            NoToken: the issuer cannot be reached or refuses.
        """
        if self._given is not None:
            return self._given
        # Whoever has a token already does not wait for those who have none.
        if (token := self._held(who)) is not None:
            return token
        await self.fetch([who])
        return self._issued[who][0]

    async def fetch(self, people: Iterable[Who]) -> None:
        """Get tokens for many at once, which costs no more than one.

        Raises:
            NoToken: the issuer cannot be reached or refuses.
        """
        if self._given is not None:
            return
        async with self._issuing:
            # With one that has grown old the others have as well: those that are still used would otherwise come one by one.
            old = [who for who in self._issued if self._held(who) is None]
            lacking = [who for who in dict.fromkeys([*people, *old]) if self._held(who) is None]
            if lacking:
                now = time.monotonic()
                self._issued |= {who: (token, now) for who, token in zip(lacking, await self._issue(lacking), strict=True)}

    def forget(self, token: str) -> None:
        """This token was refused: the next `get` asks for another."""
        self._issued = {who: held for who, held in self._issued.items() if held[0] != token}

    def _held(self, who: Who) -> str | None:
        token, issued_at = self._issued.get(who, (None, 0.0))
        return token if time.monotonic() - issued_at < RENEW_AFTER_SECONDS else None

    async def _issue(self, people: Sequence[Who]) -> list[str]:
        asked = "".join(f"{who.role}\t{who.organisation or ''}\t{who.region or ''}\n" for who in people)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chassis", "tokens"),
            env=os.environ | {"KEYS_DIR": str(self._keys_dir)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            out, _ = await asyncio.wait_for(process.communicate(asked.encode()), ISSUE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise NoToken("the local issuer does not answer; pass a token of role admin in TOKEN") from None
        tokens = out.decode().split()
        if process.returncode != 0 or len(tokens) != len(people):
            raise NoToken("the local issuer gave no token: does KEYS_DIR name the keys of the running system? Else pass one in TOKEN")
        return tokens
