"""The deployment that is up, with somebody who looks at its live lists all the time."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.client import Api
from tests.e2e.patients import Region, region
from tests.e2e.running import figure_key

from .commands import ROOT, running
from .deployment import Deployment
from .screens import Screen, Screens, looking

_PATHS = ("/reporting/v1/national/stream", "/capacity/v1/board/stream", "/placement/v1/requests/stream", "/triage/v1/cases/stream")


@pytest_asyncio.fixture(scope="session")
async def deployment() -> AsyncIterator[Deployment]:
    up = await running()
    if "gateway" not in up:
        pytest.exit("the deployment is not up: `make test-compose` starts it", returncode=2)
    if "simulator" in up:
        pytest.exit("the simulator is at work, beside which nothing can be counted: docker compose stop simulator", returncode=2)
    secrets = Path(os.environ.get("SECRETS_DIR") or ROOT / ".secrets")
    deployment = Deployment(f"https://127.0.0.1:{os.environ.get('GATEWAY_PORT') or 8443}", secrets)
    await deployment.begin()
    yield deployment
    await deployment.client.aclose()


@pytest_asyncio.fixture(scope="session")
async def people(deployment: Deployment) -> AsyncIterator[Region]:
    async with region(deployment) as working:
        yield working


@pytest_asyncio.fixture(scope="session")
async def api(deployment: Deployment) -> AsyncIterator[Api]:
    async with deployment.api() as speaking:
        yield speaking


@pytest_asyncio.fixture(scope="session")
async def screens(api: Api) -> AsyncIterator[Screens]:
    hung = Screens(Screen("national", figure_key), *(Screen(name, lambda item: str(item["id"])) for name in ("board", "requests", "cases")))
    async with AsyncExitStack() as stack:
        for screen, path in zip(hung.all, _PATHS, strict=True):
            await stack.enter_async_context(looking(api, path, screen))
        yield hung
