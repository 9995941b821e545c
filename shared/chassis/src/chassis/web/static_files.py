"""Stylesheets, scripts and fonts: served from our own origin, cached for as long as their content stays the same."""

from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

CHASSIS_FOLDER = Path(__file__).parent / "static"
CHASSIS_PREFIX = "/static"
VENDOR = "vendor/"

# The address changes with the content, so a browser that has it never needs to ask again.
FOREVER = "public, max-age=31536000, immutable"


def mount_static(app: FastAPI, prefix: str = CHASSIS_PREFIX, folder: Path = CHASSIS_FOLDER) -> None:
    """Serve a folder of static files under a path; without arguments the files that all services share."""
    app.mount(prefix, VersionedFiles(directory=folder), name=f"static:{prefix}")


def static_url(path: str, prefix: str = CHASSIS_PREFIX, folder: Path = CHASSIS_FOLDER) -> str:
    """The address of a static file with a short digest of its content: `/static/zcc.css?v=1f2e3d4c5b`.

    Files of others already carry their version in their folder and are named from stylesheets, which know no digest.
    """
    if path.startswith(VENDOR):
        return f"{prefix}/{path}"
    return f"{prefix}/{path}?v={_digest(folder / path)}"


class VersionedFiles(StaticFiles):
    """Static files that may be kept for a year under an address that carries their digest, and are asked for again without it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_versioned = path.startswith(VENDOR) or "v" in parse_qs(scope["query_string"].decode("latin-1"))
        response.headers["Cache-Control"] = FOREVER if is_versioned else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


@cache
def _digest(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()[:10]
