"""An API in a process of its own: a live answer needs a server that writes while it runs, and Schemathesis one that it can ask."""

import httpx

from chassis.settings import ServiceSettings
from chassis.testing.processes import Processes
from chassis.testing.waiting import eventually
from embedded.ports import free_port


async def started_api(processes: Processes, service: str, settings: ServiceSettings) -> str:
    """Start the API of a service on its test's database and keys; gives its address once it is live."""
    port = free_port()
    environment = {"DATABASE_URL": settings.database_url, "KEYS_DIR": str(settings.keys_dir)}
    api = processes.start(service, "api", "--port", str(port), env=environment)
    address = f"http://127.0.0.1:{port}"

    async def is_live() -> bool:
        try:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{address}/{service}/health/live")).is_success
        except httpx.TransportError:
            return False

    await eventually(is_live, timeout=30, what=api.log)
    return address
