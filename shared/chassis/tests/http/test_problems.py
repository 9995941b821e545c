"""Whoever sends something wrong reads what is wrong and where, in one form, and never reads back what was sent."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

JSON = {"Content-Type": "application/json"}


def a_report(**changes: object) -> dict[str, object]:
    return {"report_id": str(uuid4()), "source": "EPD", "occupied": 3, **changes}


def assert_problem(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"].endswith(f":{slug}")
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert len(body["trace_id"]) == 32
    return body


async def test_a_good_report_is_taken(provider: httpx.AsyncClient) -> None:
    assert (await provider.post("/ward/v1/reports", json=a_report())).status_code == 202


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b'{"occupied": NaN}', b'{"note": "\\ud800"}', b"[" * 3000, b"geen json"])
async def test_what_is_no_json_cannot_be_parsed(provider: httpx.AsyncClient, body: bytes) -> None:
    assert_problem(await provider.post("/ward/v1/reports", content=body, headers=JSON), 400, "malformed-json")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"source": "FAX"}, "/source"),
        ({"occupied": -1}, "/occupied"),
        ({"occupied": 10**30}, "/occupied"),
        ({"report_id": "zz"}, "/report_id"),
        ({"observed_at": "2026-01-01T12:00:00"}, "/observed_at"),
        ({"note": "a\x00b"}, ""),
        ({"features": {"de heer Jansen": "twee"}}, "/features"),
    ],
)
async def test_a_field_that_breaks_the_schema_is_pointed_at(provider: httpx.AsyncClient, changes: dict[str, object], pointer: str) -> None:
    response = await provider.post("/ward/v1/reports", json=a_report(**changes))

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert "Jansen" not in response.text


@pytest.mark.parametrize(
    ("field", "sent", "message"),
    [("report_id", "zz", "must be a UUID"), ("observed_at", "2026-13-01T00:00:00Z", "Input should be a valid datetime or date")],
)
async def test_a_message_does_not_even_quote_one_character(provider: httpx.AsyncClient, field: str, sent: str, message: str) -> None:
    response = await provider.post("/ward/v1/reports", json=a_report(**{field: sent}))

    assert [error["message"] for error in response.json()["errors"]] == [message]


async def test_in_a_list_the_pointer_counts_from_zero(provider: httpx.AsyncClient) -> None:
    response = await provider.post("/ward/v1/reports", json=[a_report(), a_report(occupied=-1)])

    body = assert_problem(response, 422, "invalid")
    assert [error["pointer"] for error in body["errors"]] == ["/1/occupied"]


async def test_an_escaped_backslash_before_u0000_is_ordinary_text(provider: httpx.AsyncClient) -> None:
    assert (await provider.post("/ward/v1/reports", json=a_report(note="\\u0000"))).status_code == 202


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-ndjson", "multipart/form-data; boundary=x", "jason", None])
async def test_another_content_type_is_refused(provider: httpx.AsyncClient, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    response = await provider.post("/ward/v1/reports", content=json.dumps(a_report()), headers=headers)

    assert_problem(response, 415, "unsupported-media-type")


async def test_a_body_over_a_megabyte_is_too_large(provider: httpx.AsyncClient) -> None:
    response = await provider.post("/ward/v1/reports", json=a_report(note="x" * 1024 * 1024))

    assert_problem(response, 413, "too-large")


async def test_a_body_of_unknown_length_is_refused_once_it_is_too_large(provider: httpx.AsyncClient) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield b" " * 64 * 1024

    response = await provider.post("/ward/v1/reports", content=endless(), headers=JSON)

    assert_problem(response, 413, "too-large")
    assert taken < 20


@pytest.mark.parametrize("query", ["as_of=2021-01-01", "VR=VR03", "vr=VR03&x", "cohort[]=GEEN"])
async def test_a_query_parameter_that_is_not_served_is_never_ignored(anonymous: httpx.AsyncClient, query: str) -> None:
    assert_problem(await anonymous.get(f"/ward/v1/units?{query}"), 400, "unknown-query-parameter")


async def test_a_query_parameter_given_twice_is_never_half_ignored(anonymous: httpx.AsyncClient) -> None:
    assert_problem(await anonymous.get("/ward/v1/units?vr=VR03&vr=VR04"), 400, "repeated-query-parameter")
    assert (await anonymous.get("/ward/v1/units?cohort=GEEN&cohort=COVID_POS")).json()["cohort"] == ["GEEN", "COVID_POS"]


@pytest.mark.parametrize("limit", ["0", "201", "veel", "%00"])
async def test_a_limit_out_of_range_is_refused(anonymous: httpx.AsyncClient, limit: str) -> None:
    response = await anonymous.get(f"/ward/v1/units?limit={limit}")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/limit"


@pytest.mark.parametrize("path", ["/ward/v1/units/afdeling-3", "/ward/v1/units/%00", "/ward/v1/nothing", "/ward/v1/units/", "/ward"])
async def test_what_is_not_there_is_not_found(provider: httpx.AsyncClient, path: str) -> None:
    assert_problem(await provider.get(path), 404, "not-found")


async def test_another_method_is_told_which_there_are(provider: httpx.AsyncClient) -> None:
    response = await provider.delete(f"/ward/v1/units/{uuid4()}")

    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET, PATCH"


async def test_a_database_that_is_away_is_said_with_when_to_come_back(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/ward/v1/away")

    assert_problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_a_fault_of_ours_tells_a_trace_id_and_nothing_else(anonymous: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    response = await anonymous.get("/ward/v1/broken")

    assert_problem(response, 500, "internal")
    assert "geheim" not in response.text


async def test_a_trace_that_the_caller_began_is_gone_on_with(anonymous: httpx.AsyncClient) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    response = await anonymous.get("/ward/v1/nothing", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    assert response.json()["trace_id"] == trace


async def test_a_traceparent_that_is_none_starts_a_new_trace(anonymous: httpx.AsyncClient) -> None:
    response = await anonymous.get("/ward/v1/nothing", headers={"traceparent": "<script>"})

    assert len(response.json()["trace_id"]) == 32


async def test_a_decision_needs_the_version_that_was_seen(provider: httpx.AsyncClient) -> None:
    unit = f"/ward/v1/units/{uuid4()}"

    assert_problem(await provider.patch(unit), 428, "if-match-required")
    for stale in ('"6"', 'W/"7"', "7", "*"):
        assert_problem(await provider.patch(unit, headers={"If-Match": stale}), 412, "changed-meanwhile")
    decided = await provider.patch(unit, headers={"If-Match": '"6", "7"'})
    assert (decided.status_code, decided.headers["etag"]) == (200, '"8"')


async def test_the_document_tells_of_refusals_and_headers(anonymous: httpx.AsyncClient) -> None:
    document = (await anonymous.get("/ward/openapi.json")).json()

    patch = document["paths"]["/ward/v1/units/{unit_id}"]["patch"]
    assert {"401", "403", "404", "412", "428"} <= set(patch["responses"])
    assert patch["responses"]["412"]["content"].keys() == {"application/problem+json"}
    assert any(parameter["name"] == "If-Match" and parameter["required"] for parameter in patch["parameters"])
    assert "HTTPValidationError" not in document["components"]["schemas"]


# Long enough not to stand in any answer of ours by chance.
SECRET = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), min_size=6, max_size=30).map(
    lambda text: f"ZQX{text}QZX"
)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    secret=SECRET,
    where=st.sampled_from(
        ["source", "report_id", "observed_at", "occupied", "features", "key", "body", "json", "path", "query", "value", "type"]
    ),
)
async def test_what_was_sent_is_never_read_back(provider: httpx.AsyncClient, secret: str, where: str) -> None:
    reports = "/ward/v1/reports"
    match where:
        case "key":
            response = await provider.post(reports, json=a_report(features={secret: secret}))
        case "body":
            response = await provider.post(reports, content=secret.encode(), headers=JSON)
        case "json":
            response = await provider.post(reports, json=secret)
        case "path":
            response = await provider.get(f"/ward/v1/units/{quote(secret, safe='')}")
        case "query":
            response = await provider.get("/ward/v1/units", params={secret: "1"})
        case "value":
            response = await provider.get("/ward/v1/units", params={"limit": secret})
        case "type":
            response = await provider.post(reports, content=b"{}", headers={"Content-Type": f"text/{quote(secret, safe='')}"})
        case _:
            response = await provider.post(reports, json=a_report(**{where: secret}))

    assert 400 <= response.status_code < 500
    assert "ZQX" not in response.text
    assert "ZQX" not in str(response.headers)
