"""`make bench`: the promises about speed, each beside what the same machine does bare in the same run."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import uvloop

from tests.benchmarks.bare import bare_latency, bare_throughput
from tests.benchmarks.country import BenchUnit, post_ndjson, registered_units
from tests.benchmarks.figures import Latency, verdict
from tests.benchmarks.national_path import Watch, accepted_to_shown, measure, stages, watch_stream, watch_topics
from tests.benchmarks.patients import KINDS, Journeys, candidates_one_by_one, patients, registered_country
from tests.benchmarks.stack import RunningStack, running_stack

_UNITS = 1_500
_BATCH = 50_000
# About what a unit-changed event weighs.
_PAYLOAD = b'{"unit":"' + b"x" * 900 + b'"}'


async def main() -> None:
    with tempfile.TemporaryDirectory(prefix="schakel-bench-") as folder:
        # The second start is the one that users see every day: everything is installed, the data are there.
        async with running_stack(Path(folder)) as stack:
            print(f"first start to ready: {stack.ready_after_seconds:.1f} s", flush=True)
        async with running_stack(Path(folder)) as stack, stack.session() as session:
            print(f"next start to ready: {stack.ready_after_seconds:.1f} s")
            print(verdict("next start", stack.ready_after_seconds, 20, "s"), flush=True)
            units = await registered_units(session, _UNITS)
            await stack.settled(session)
            await _latencies(stack, session, units)
            await _patients(stack, session, units)
            rate = await _throughput(stack, session, units)
            bare = await bare_throughput(stack.bootstrap_servers, _PAYLOAD, _BATCH)
            print(f"  bare loop of as many records: {bare:,.0f}/s, ratio {bare / rate:.1f}")
            print(verdict("batch", rate, 1_000, "reports/s", at_least=True), flush=True)
            memory = stack.memory_mebibytes()
            print(f"memory (PSS) of the whole system: {memory:.0f} MiB")
            print(verdict("memory", memory, 2048, "MiB"))
        async with running_stack(Path(folder), REPORTING_WORKERS="3") as stack, stack.session() as session:
            print("\nthe same with three workers of reporting, on the same cores:")
            three = await _throughput(stack, session, units)
            print(f"  three workers beside one: {three:,.0f} and {rate:,.0f} reports/s, ratio {three / rate:.2f}")


async def _latencies(stack: RunningStack, session: aiohttp.ClientSession, units: list[BenchUnit]) -> None:
    watch, is_open = Watch(), asyncio.Event()
    watching = asyncio.ensure_future(watch_stream(session, watch, is_open))
    await asyncio.wait_for(is_open.wait(), 10)
    await measure(session, units, rate=50, seconds=3, watch=watch)
    for rate, seconds, p50, p99 in ((50, 20, 30, 100), (300, 15, None, 250)):
        passages = await measure(session, units, rate, seconds, watch)
        shown = accepted_to_shown(passages, watch)
        bare = await bare_latency(stack.bootstrap_servers, _PAYLOAD, rate, 5)
        print(f"\n{rate} reports/s for {seconds} s, accepted → figure on the stream: {shown}; never shown: {len(passages) - shown.count}")
        print(f"  bare aiokafka produce → consume of the same payload:        {bare}")
        print(f"  ratio p50 {shown.p50 / bare.p50:.1f}, p99 {shown.p99 / bare.p99:.1f}")
        if p50 is not None:
            print(verdict(f"p50 at {rate}/s", shown.p50, p50, "ms"))
        print(verdict(f"p99 at {rate}/s", shown.p99, p99, "ms"), flush=True)

    topics = asyncio.ensure_future(watch_topics(stack.bootstrap_servers, watch))
    await measure(session, units, rate=50, seconds=2, watch=watch)
    passages = await measure(session, units, rate=50, seconds=10, watch=watch)
    print("\nwhere the time goes, at 50 reports/s:")
    for name, latency in stages(passages, watch).items():
        print(f"  {name:64s} {latency}")
    topics.cancel()
    watching.cancel()
    await asyncio.gather(topics, watching, return_exceptions=True)


async def _patients(stack: RunningStack, session: aiohttp.ClientSession, units: list[BenchUnit]) -> None:
    country = await registered_country(session)
    await stack.settled(session)
    # A report is known by the figure that it alone moves.
    reporting = [unit for unit in units if unit.figure[1:] not in KINDS]
    await patients(session, rate=5, seconds=3)
    watch, is_open = Watch(), asyncio.Event()
    watching = asyncio.ensure_future(watch_stream(session, watch, is_open))
    await asyncio.wait_for(is_open.wait(), 10)

    met = await patients(session, rate=20, seconds=15)
    _print_patients(met, "alone")
    ranked = await candidates_one_by_one(session, list(met.requested_at), 300)
    print(f"\ncandidates over {country:,} units, one after the other: {ranked}")
    print(verdict("candidates p99", ranked.p99, 60, "ms"), flush=True)

    met, passages = await asyncio.gather(patients(session, rate=20, seconds=15), measure(session, reporting, 50, 15, watch))
    _print_patients(met, "beside 50 reports/s")
    shown = accepted_to_shown(passages, watch)
    print(f"50 reports/s beside 20 patients/s, accepted → figure on the stream: {shown}; never shown: {len(passages) - shown.count}")
    print(verdict("p50 at 50/s beside patients", shown.p50, 30, "ms"))
    print(verdict("p99 at 50/s beside patients", shown.p99, 100, "ms"), flush=True)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


def _print_patients(met: Journeys, how: str) -> None:
    triage, offer = Latency.of(met.triage), met.to_first_offer
    print(f"\n20 patients/s for 15 s, {how}: each call to triage {triage}; patients not taken: {met.unanswered}")
    print(verdict("triage p99", triage.p99, 150, "ms"))
    print(f"  placement request → first offer on the stream: {offer}; never offered: {len(met.requested_at) - offer.count}")
    print(f"  of which ranking the candidates: {Latency.of(met.candidates)}; places gone meanwhile: {met.refused}")
    print(verdict("first offer p99", offer.p99, 300, "ms"), flush=True)


async def _throughput(stack: RunningStack, session: aiohttp.ClientSession, units: list[BenchUnit]) -> float:
    lines = [units[nth % len(units)].next_report() for nth in range(_BATCH)]
    begun = time.perf_counter()
    answers = await post_ndjson(session, "/capacity/v1/reports/batch", lines)
    accepted = time.perf_counter() - begun
    refused = sum(not answer.get("report_id") or answer.get("problem") is not None for answer in answers)
    await stack.settled(session)
    through = time.perf_counter() - begun
    rate = _BATCH / through
    print(
        f"\nbatch of {_BATCH:,} NDJSON reports: answered after {accepted:.1f} s ({_BATCH / accepted:,.0f}/s, {refused} refused), through capacity and"
    )
    print(f"  reporting after {through:.1f} s ({rate:,.0f}/s)", flush=True)
    return rate


if __name__ == "__main__":
    uvloop.run(main())
    sys.exit(0)
