"""Reports: one, a list taken whole or not at all, or a batch in which good lines count."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import Request
from starlette.responses import Response

from capacity.application.take_reports import Submission, Taken, Verdict, take_reports
from capacity.entrypoints.api.forms import ReportForm, Reports
from capacity.entrypoints.api.lines import Result, answer_lines, described, read_line
from capacity.entrypoints.api.views import TakenView, taken_view
from capacity.entrypoints.api.whole import all_or_none
from capacity.entrypoints.api.wiring import Reporter, Served
from chassis.http.answers import answer
from chassis.http.idempotency import MaybeKey, once
from chassis.http.ndjson import NdjsonAnswer, ndjson_lines
from chassis.http.route import Router

router = Router(tags=["reports"])

_BLANK: Mapping[str, Any] = {"report_id": None, "warnings": []}


@router.post("/reports", status_code=202, response_model=TakenView | list[TakenView], summary="Report what is true at the bedside")
async def post_reports(body: Reports, who: Reporter, served: Served, key: MaybeKey) -> Response:
    """Folded before the answer: a GET then shows it. A list is taken whole or not at all."""
    if key is None and not isinstance(body, list):
        (taken,) = all_or_none([await served.take_together(Submission(body.sent(), who))], is_list=False)
        return answer(202, taken_view(taken))

    forms = body if isinstance(body, list) else [body]
    submissions = [Submission(form.sent(), who) for form in forms]
    async with served.begin() as (tx, work):

        async def take() -> Response:
            taken = all_or_none(await take_reports(work, submissions), is_list=isinstance(body, list))
            views = [taken_view(one) for one in taken]
            return answer(202, views if isinstance(body, list) else views[0])

        return await once(tx, key, take)


@router.post("/reports/batch", summary="Many reports, as NDJSON", **described("`{line, status, report_id, warnings, problem}`"))
async def post_batch(request: Request, who: Reporter, served: Served) -> Response:
    """Streamed both ways, up to 50,000 lines; good lines count even if others fail."""

    async def do(forms: Sequence[ReportForm]) -> list[Result]:
        async with served.begin() as (_, work):
            verdicts = await take_reports(work, [Submission(form.sent(), who) for form in forms])
        return [_result(form, verdict) for form, verdict in zip(forms, verdicts, strict=True)]

    lines = ndjson_lines(request)
    return NdjsonAnswer(lines, partial(answer_lines, read=partial(read_line, ReportForm), do=do, blank=_BLANK))


def _result(form: ReportForm, verdict: Verdict) -> Result:
    if isinstance(verdict, Taken):
        return Result({"status": 202, **taken_view(verdict)})
    return Result({"report_id": form.report_id}, verdict)
