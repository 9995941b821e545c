import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from chassis.http.server import apis

SERVICES = ("triage", "capacity", "placement", "reporting")


def ways() -> list[tuple[re.Pattern[str], str]]:
    """The patterns of paths, and which process answers them."""
    conf = (Path(__file__).parents[1] / "nginx.conf").read_text()
    [block] = re.findall(r"map \$uri \$api \{(.*?)\n    \}", conf, re.DOTALL)
    return [(re.compile(pattern.replace("(?<", "(?P<")), process) for pattern, process in re.findall(r"~(\S+) (\S+);", block)]


def process_of(path: str) -> str | None:
    for pattern, process in ways():
        if found := pattern.search(path):
            return process.replace("$service", found.groupdict().get("service", ""))
    return None


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, FastAPI]:
    monkeypatch.setenv("KEYS_DIR", str(tmp_path))
    return dict(zip(SERVICES, apis(SERVICES), strict=True))


def test_every_path_of_every_service_leads_to_it(served: dict[str, FastAPI]) -> None:
    astray = [
        (context.path, process_of(context.path))
        for service, app in served.items()
        for context in iter_route_contexts(app.routes)
        if context.path and process_of(context.path) != f"{service}-api"
    ]

    assert astray == []


@pytest.mark.parametrize("path", ["/nothing", "/triagex", "/rapportages", "/metrics", "/.env"])
def test_what_no_service_has_leads_nowhere(path: str) -> None:
    assert process_of(path) is None
