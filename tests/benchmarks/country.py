"""The units that the benchmarks report on: each alone in its figure, so that a figure tells which report it shows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, product
from uuid import uuid4

import aiohttp
import orjson

from contracts.codes import CareType, Cohort

FigureKey = tuple[str, str, str]
"""Region (VR), care type, cohort."""


@dataclass
class BenchUnit:
    """A unit, and how often it was reported on: its occupied beds are that number."""

    unit_id: str
    figure: FigureKey
    reports: int = 0

    def next_report(self) -> dict[str, object]:
        self.reports += 1
        return {
            "report_id": str(uuid4()),
            "unit_id": self.unit_id,
            "source": "EPD",
            "observed_at": datetime.now(UTC).isoformat(),
            "total": 100_000,
            "open": 100_000,
            "occupied": self.reports,
            "reserved": 0,
        }


async def registered_units(session: aiohttp.ClientSession, how_many: int) -> list[BenchUnit]:
    """Register so many units over the regions, through the public API."""
    regions = [f"VR{number:02d}" for number in range(1, 26)]
    lines: list[dict[str, object]] = [
        {"kind": "location", "name": f"Meethuis {vr}", "organisation": "bench", "sector": "VVT", "vr": vr, "external_id": f"bench-{vr}"}
        for vr in regions
    ]
    figures = list(islice(product(regions, CareType, Cohort), how_many))
    for vr, care_type, cohort in figures:
        lines.append(
            {
                "kind": "unit",
                "location_external_id": f"bench-{vr}",
                "organisation": "bench",
                "name": f"{care_type} {cohort}",
                "care_type": care_type,
                "cohort": cohort,
                "external_id": f"bench-{vr}-{care_type}-{cohort}",
            }
        )
    answers = await post_ndjson(session, "/capacity/v1/registry/batch", lines)
    made = [answer for answer in answers if answer.get("unit_id")]
    if len(made) != how_many:
        raise RuntimeError(f"{how_many} units were asked for and {len(made)} registered")
    return [
        BenchUnit(answer["unit_id"], (str(vr), str(care), str(cohort))) for answer, (vr, care, cohort) in zip(made, figures, strict=True)
    ]


async def post_ndjson(session: aiohttp.ClientSession, path: str, lines: list[dict[str, object]]) -> list[dict[str, str]]:
    """Post lines and read a result a line."""
    body = b"\n".join(orjson.dumps(line) for line in lines)
    async with session.post(path, data=body, headers={"Content-Type": "application/x-ndjson"}) as answer:
        answer.raise_for_status()
        return [orjson.loads(line) async for line in answer.content if line.strip()]
