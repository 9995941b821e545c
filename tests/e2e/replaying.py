"""LCPS's own figures go in at 75 bedsides, as an operator has them replayed."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from .running import Running

# Facts go through capacity, Kafka and reporting on whatever machine runs the tests, beside other tests.
REPLAY_SECONDS = 300.0


@dataclass(frozen=True)
class Ended:
    code: int
    said: str


async def replay(system: Running, file: Path, **how: str) -> Ended:
    """`make replay`, as an operator runs it."""
    command = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "simulator", "replay", str(file)),
        env=os.environ | {"SCHAKEL_URL": system.url, "TOKEN": system.token("admin")} | how,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(command.communicate(), REPLAY_SECONDS)
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()
    assert command.returncode is not None
    return Ended(command.returncode, output.decode())
