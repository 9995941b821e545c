"""The protocol packs."""

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from chassis.errors import Rejected
from chassis.http.answers import answer
from chassis.http.route import Router
from triage.domain.protocol import Protocol
from triage.entrypoints.api.views import ProtocolsView, protocols_view
from triage.entrypoints.api.wiring import AnyCaller, Served

router = Router(tags=["protocols"])

Code = Annotated[str, Path(max_length=100)]


@router.get("/protocols", response_model=ProtocolsView, summary="Protocol packs")
async def get_protocols(_: AnyCaller, served: Served) -> Response:
    """Every version that may be assessed by."""
    return answer(200, protocols_view(list(served.packs.values())))


@router.get("/protocols/{name}/{version}", response_model=Protocol, summary="A protocol pack")
async def get_protocol(name: Code, version: Code, _: AnyCaller, served: Served) -> Response:
    """Complaints with their criteria, most urgent first."""
    pack = served.packs.get((name, version))
    if pack is None:
        raise Rejected("protocol-not-found", "There is no such protocol in this version.", status=404)
    return answer(200, pack)
