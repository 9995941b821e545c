"""Flows: patients who came, moved, could leave or left."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from capacity.application.record_flows import FlowTaken, FlowVerdict, record_flows
from capacity.entrypoints.api.forms import FlowForm, Flows
from capacity.entrypoints.api.lines import Result, answer_lines, described, read_line
from capacity.entrypoints.api.views import FlowTakenView
from capacity.entrypoints.api.whole import all_or_none
from capacity.entrypoints.api.wiring import Reporter, Served
from chassis.http.answers import answer
from chassis.http.idempotency import MaybeKey, once
from chassis.http.ndjson import NdjsonAnswer, ndjson_lines
from chassis.http.route import Router

router = Router(tags=["flows"])

_BLANK: Mapping[str, Any] = {"flow_id": None}


@router.post("/flows", status_code=202, response_model=FlowTakenView | list[FlowTakenView], summary="Patients who came, moved or left")
async def post_flows(body: Flows, who: Reporter, served: Served, key: MaybeKey) -> Response:
    """A list is taken whole or not at all."""
    forms = body if isinstance(body, list) else [body]
    async with served.begin() as (tx, work):

        async def record() -> Response:
            taken = all_or_none(await record_flows(work, [(form.sent(), who) for form in forms]), is_list=isinstance(body, list))
            views = [_view(one) for one in taken]
            return answer(202, views if isinstance(body, list) else views[0])

        return await once(tx, key, record)


@router.post("/flows/batch", summary="Many flows, as NDJSON", **described("`{line, status, flow_id, duplicate, problem}`"))
async def post_batch(request: Request, who: Reporter, served: Served) -> Response:
    """Streamed both ways, up to 50,000 lines; good lines count even if others fail."""

    async def do(forms: Sequence[FlowForm]) -> list[Result]:
        async with served.begin() as (_, work):
            verdicts = await record_flows(work, [(form.sent(), who) for form in forms])
        return [_result(form, verdict) for form, verdict in zip(forms, verdicts, strict=True)]

    return NdjsonAnswer(ndjson_lines(request), partial(answer_lines, read=partial(read_line, FlowForm), do=do, blank=_BLANK))


def _view(taken: FlowTaken) -> dict[str, Any]:
    return {"flow_id": taken.flow_id, "duplicate": taken.duplicate}


def _result(form: FlowForm, verdict: FlowVerdict) -> Result:
    if isinstance(verdict, FlowTaken):
        return Result({"status": 202, **_view(verdict)})
    return Result({"flow_id": form.flow_id}, verdict)
