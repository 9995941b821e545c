"""After a restore, of capacity's database or our own: figures say what is there, and all of it again."""

from uuid import uuid4

from contracts.capacity import UNITS
from contracts.event import Ended
from reporting.application.take_off_units import TakeOffUnits
from reporting.entrypoints.restoring import ReportingRestoring


async def test_a_unit_that_its_owner_no_longer_has_counts_nowhere(reporting, build) -> None:
    gone, stays = uuid4(), uuid4()
    await reporting.hears(build.unit(gone), build.unit(stays))
    await reporting.publishes()

    async with reporting.database.begin() as tx:
        ended = reporting.received(Ended(key=str(gone)), UNITS.name, str(gone), 2**41 + 1)
        await TakeOffUnits(reporting.contributions)(tx, [ended])

    figure = await reporting.figure()
    assert (figure["units"], figure["free"], figure["total"]) == (1, 4, 10)
    assert await reporting.recount() == []


async def test_every_figure_is_said_again_and_one_that_only_the_topic_knows_is_said_empty(reporting, build) -> None:
    await reporting.hears(build.unit())
    await reporting.publishes()
    await reporting.execute("truncate outbox")
    elsewhere = "beds/VR/VR20/VVT/ELV_HOOG/GEEN"

    published = await ReportingRestoring(reporting.figures).publish_again(
        reporting.database, {"reporting.national.v1": [elsewhere, "heartbeat/3"]}
    )

    await reporting.later(1)
    await reporting.publishes()
    said = await reporting.said()
    assert published.keys == {"reporting.national.v1": 4}
    assert len(said) == 4
    assert (said[elsewhere]["units"], said[elsewhere]["free"]) == (0, None)
    assert await reporting.recount() == []
