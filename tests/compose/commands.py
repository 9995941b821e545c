"""`docker compose`, as an operator types it."""

import asyncio
from collections.abc import Container
from pathlib import Path

ROOT = Path(__file__).parents[2]


async def compose(*arguments: str, within_seconds: float = 180, may_end_with: Container[int] = (0,)) -> str:
    """Run it to its end; gives what it printed."""
    return await _docker("compose", *arguments, within_seconds=within_seconds, may_end_with=may_end_with)


async def _docker(*arguments: str, within_seconds: float = 60, may_end_with: Container[int] = (0,)) -> str:
    command = await asyncio.create_subprocess_exec(
        *("docker", *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    typed = f"docker {' '.join(arguments)[:100]}"
    try:
        said, complained = await asyncio.wait_for(command.communicate(), within_seconds)
    except TimeoutError:
        raise AssertionError(f"{typed} takes longer than {within_seconds:.0f} s") from None
    finally:
        if command.returncode is None:
            command.kill()
            await command.wait()
    assert command.returncode in may_end_with, f"{typed} ended with {command.returncode}: {(said + complained).decode()[-2000:]}"
    return said.decode()


async def running() -> list[str]:
    """The services of which a container runs."""
    return sorted((await compose("ps", "--services", "--status", "running")).split())


async def started(*services: str) -> None:
    """Start what was stopped or killed, and wait until it is healthy."""
    await compose("up", "--detach", "--no-deps", "--no-recreate", "--wait", "--wait-timeout", "150", *services)


async def crashed(service: str) -> None:
    """Its process dies as one that runs out of memory does, so that Docker's own restart is what brings it back."""
    # The shell that says so may end with the container before it could say how it went.
    await compose("exec", "--no-TTY", service, "bash", "-c", "kill -9 -1", may_end_with=(0, 137))


async def rolled(service: str) -> None:
    """A new container in the place of the old one, as `docs/operations.md` has it for an upgrade: an API's joins before the old one ends."""
    if service.endswith("-api"):
        old = (await compose("ps", "--quiet", service)).split()
        await scaled(service, 2 * len(old))
        for container in old:
            await _docker("stop", container)
            await _docker("rm", container)
        return
    await compose("up", "--detach", "--no-deps", "--force-recreate", "--wait", "--wait-timeout", "150", service)


async def scaled(service: str, processes: int) -> None:
    await compose(
        "up", "--detach", "--no-deps", "--no-recreate", "--scale", f"{service}={processes}", "--wait", "--wait-timeout", "150", service
    )
