"""What every page is: templates that escape, strict headers, and nothing from another origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chassis.web import words
from chassis.web.static_files import static_url

CHASSIS_TEMPLATES = Path(__file__).parent / "templates"

HEADERS: Mapping[str, str] = {
    # No inline script or style at all: whatever slips into a page as text can never run.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    # A page from a cache would show figures of another hour as if they were new.
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Page(HTMLResponse):
    """An HTML page with the headers that all our pages carry."""

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        super().init_headers({**HEADERS, **(headers or {})})


def page_templates(*folders: Path) -> Environment:
    """Templates from the given folders and, after those, the shared layout; a name that is not there is an error, never an empty cell."""
    environment = Environment(
        loader=FileSystemLoader([*folders, CHASSIS_TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static_url"] = static_url
    filters: dict[str, Any] = {"number": words.number, "age": words.age, "clock": words.clock, "iso": words.iso}
    environment.filters.update(filters)
    return environment
