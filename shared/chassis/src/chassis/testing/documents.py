"""Everything that a generated OpenAPI document says may be asked is asked, and nothing unexpected comes back."""

import time
from collections.abc import Mapping
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

_LONGEST_SECONDS = 45
_ASKED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]

Operation = tuple[str, str]
"""Method and path."""


def ask_everything(url: str, token: str, known: Mapping[str, str]) -> dict[Operation, int]:
    """Ask all operations of the document at this URL, with this token; gives how often each was asked.

    Args:
        url: of the document.
        token: of somebody who may do everything that there is to do.
        known: values of path parameters that are there; half of the cases use them, since of what is not there, nothing but 404 can be asked.
    """
    schema: Any = schemathesis.openapi.from_url(url)
    # A stream does not end, so nobody can hold its answer to anything; its own test reads it.
    operations = [operation for result in schema.get_all_operations() if not (operation := result.ok()).path.endswith("/stream")]
    asked: dict[Operation, int] = {}
    for operation in operations:
        _ask(operation, token, known, time.monotonic() + _LONGEST_SECONDS / len(operations), asked)
    return asked


def _ask(operation: Any, token: str, known: Mapping[str, str], end: float, asked: dict[Operation, int]) -> None:
    name = (operation.method, operation.path)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        if name in asked and time.monotonic() > end:
            return
        asked[name] = asked.get(name, 0) + 1
        if case.path_parameters and asked[name] % 2:
            case.path_parameters = {parameter: known.get(parameter, value) for parameter, value in case.path_parameters.items()}
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=_ASKED, timeout=10)

    ask()
