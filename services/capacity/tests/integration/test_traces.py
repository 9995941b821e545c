"""Reports of many requests share a transaction, and each is still found in the trace of its own."""

import asyncio
import secrets

_OF_EACH_UNIT = """
select aggregateid, array_agg(distinct substr(traceparent, 4, 32)) as traces from outbox
where type like '%observation-recorded%' or type like '%unit-changed%' group by aggregateid
"""


async def test_reports_that_are_taken_together_keep_their_own_traces(capacity):
    location_id = await capacity.location()
    units = [await capacity.unit(location_id, name=f"Afdeling {nth}") for nth in range(8)]
    await capacity.rows("delete from outbox")
    traces = {unit_id: secrets.token_hex(16) for unit_id in units}

    answers = await asyncio.gather(
        *(
            capacity.post("reports", capacity.a_report(unit_id), headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
            for unit_id, trace in traces.items()
        )
    )

    assert {answer.status_code for answer in answers} == {202}
    told = {row["aggregateid"]: row["traces"] for row in await capacity.rows(_OF_EACH_UNIT)}
    assert told == {unit_id: [trace] for unit_id, trace in traces.items()}
    # Nobody follows them, so a timer is no wider than it must be.
    assert await capacity.rows("select from timers where traceparent is not null") == []
