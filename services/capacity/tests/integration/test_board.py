"""The board: what is free, what is held through placement, and what may still be given."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from chassis.kafka.cloudevents import headers_of
from chassis.testing.waiting import eventually
from contracts.event import FIRST_GENERATION, GENERATION_BITS
from contracts.placement import HOLDS

FIRST, SECOND = uuid4(), uuid4()


def ago(**time):
    return datetime.now(UTC) - timedelta(**time)


def figures(shown):
    return tuple(shown[name] for name in ("free", "held", "available"))


async def confirm(capacity, unit_id):
    etag = (await capacity.shown(unit_id))["etag"]
    return await capacity.post(f"units/{unit_id}/confirmation", headers={"If-Match": etag})


async def test_a_held_place_is_taken_off_what_may_be_given(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    changed_at = ago(minutes=3)

    await capacity.placement_tells(capacity.held(unit_id, FIRST, changed_at=changed_at))

    on_board = (await capacity.on_board())[unit_id]
    assert figures(on_board) == (2, 1, 1)
    assert datetime.fromisoformat(on_board["holds_changed_at"]) == changed_at
    assert figures(await capacity.shown(unit_id)) == (2, 1, 1)
    await capacity.placement_tells(capacity.held(unit_id, FIRST, SECOND, uuid4()))
    assert figures((await capacity.on_board())[unit_id]) == (2, 3, 0)
    await capacity.placement_tells(capacity.held(unit_id))
    assert figures((await capacity.on_board())[unit_id]) == (2, 0, 2)


async def test_of_what_is_told_in_one_go_the_last_counts(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)

    await capacity.placement_tells(capacity.held(unit_id, FIRST), capacity.held(unit_id, FIRST, SECOND))

    assert figures((await capacity.on_board())[unit_id]) == (2, 2, 0)


async def test_that_places_are_held_is_not_told_again_to_those_who_hold_them(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    told = len(await capacity.published("capacity.units.v1", unit_id))

    await capacity.placement_tells(capacity.held(unit_id, FIRST))

    assert len(await capacity.published("capacity.units.v1", unit_id)) == told


async def test_a_place_that_the_figures_contain_is_not_taken_off_twice(capacity):
    unit_id = await capacity.unit()
    await capacity.placement_tells(capacity.held(unit_id, FIRST, SECOND))

    await capacity.report(unit_id, occupied=8, includes_holds=[str(FIRST)])

    assert figures((await capacity.on_board())[unit_id]) == (1, 1, 0)
    assert (await capacity.published("capacity.units.v1", unit_id))[-1]["includes_holds"] == [str(FIRST)]
    assert (await confirm(capacity, unit_id)).json()["held"] == 1
    # A new count that does not name it may be of before the patient came: then it counts beside it, at worst twice.
    await capacity.report(unit_id, occupied=8)
    assert figures((await capacity.on_board())[unit_id]) == (1, 2, 0)


async def test_a_figure_that_is_too_old_is_neither_free_nor_available_whether_or_not_the_worker_has_said_so(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    await capacity.placement_tells(capacity.held(unit_id, FIRST))

    await capacity.later(hours=12, seconds=1)

    assert figures((await capacity.on_board())[unit_id]) == (None, 1, None)


async def test_what_is_held_of_a_unit_that_we_do_not_know_yet_waits_for_it(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    # As if the unit's row came back later than what is held of it.
    kept = await capacity.rows("delete from units where unit_id = $1 returning *", unit_id)
    await capacity.placement_tells(capacity.held(unit_id, FIRST))
    await capacity.rows("insert into units select (jsonb_populate_record(null::units, $1)).*", jsonable(kept[0]))

    assert figures((await capacity.on_board())[unit_id]) == (2, 1, 1)


def jsonable(row):
    return {
        name: [str(one) for one in value] if name == "includes_holds" else value if isinstance(value, dict | list) else plain(value)
        for name, value in row.items()
    }


def plain(value):
    return value if value is None or isinstance(value, bool | int) else str(value)


async def test_a_state_that_could_not_be_read_is_said_to_be_missing(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    assert not (await capacity.on_board())[unit_id]["holds_incomplete"]

    await capacity.placement_is_not_understood(unit_id, is_parked=True)

    on_board = (await capacity.on_board())[unit_id]
    assert (on_board["holds_incomplete"], on_board["holds_changed_at"]) == (True, None)
    await capacity.placement_tells(capacity.held(unit_id, FIRST))
    await capacity.placement_is_not_understood(unit_id, is_parked=False)
    on_board = (await capacity.on_board())[unit_id]
    assert (on_board["holds_incomplete"], on_board["held"]) == (False, 1)


async def test_a_unit_that_declined_as_full_has_nothing_free_until_somebody_looks_later(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, observed_at=ago(minutes=20))
    declined_at = ago(minutes=10)

    await capacity.placement_tells(capacity.held(unit_id, full_since=declined_at))

    on_board = (await capacity.on_board())[unit_id]
    assert (*figures(on_board), on_board["warnings"]) == (0, 0, 0, ["declined-as-full"])
    told = (await capacity.published("capacity.units.v1", unit_id))[-1]
    assert (told["free"], told["open"], told["occupied"]) == (0, 10, 7)

    # Arrives later, but was true before.
    await capacity.report(unit_id, observed_at=ago(minutes=11), occupied=6)
    # One tap is no look: the nurse has just said that it is full.
    assert (await confirm(capacity, unit_id)).json()["free"] == 0
    # How many beds there are says nothing about whether one is free.
    await capacity.report(unit_id, total=13, open=..., occupied=..., reserved=...)
    assert (await capacity.on_board())[unit_id]["free"] == 0

    lifting = await capacity.report(unit_id, occupied=8)
    assert figures((await capacity.on_board())[unit_id]) == (1, 0, 1)
    assert (await capacity.published("capacity.units.v1", unit_id))[-1]["free"] == 1
    # What was taken back was never seen.
    await capacity.report(unit_id, report_id=lifting["report_id"], revision=1, retracted=True)
    assert (await capacity.on_board())[unit_id]["free"] == 0


async def test_of_a_unit_that_declined_as_full_unknown_stays_unknown(capacity):
    unit_id = await capacity.unit()
    await capacity.report(unit_id, occupied=...)
    told = len(await capacity.published("capacity.units.v1", unit_id))

    await capacity.placement_tells(capacity.held(unit_id, full_since=datetime.now(UTC)))

    assert figures((await capacity.on_board())[unit_id]) == (None, 0, None)
    assert len(await capacity.published("capacity.units.v1", unit_id)) == told


async def test_patients_were_counted_when_somebody_gave_their_number_and_not_by_an_import(capacity):
    unit_id = await capacity.unit()
    counted_at = ago(minutes=20)

    async def told():
        told_at = (await capacity.published("capacity.units.v1", unit_id))[-1]["occupied_reported_at"]
        return told_at and datetime.fromisoformat(told_at)

    await capacity.report(unit_id, source="IMPORT", observed_at=ago(minutes=10), role="lcps")
    assert await told() is None
    await capacity.report(unit_id, observed_at=counted_at)
    await capacity.report(unit_id, observed_at=ago(minutes=15), occupied=...)
    await capacity.report(unit_id, observed_at=ago(minutes=12), occupied=None)
    await capacity.report(unit_id, observed_at=ago(minutes=40), occupied=6)
    assert await told() == counted_at

    newest = await capacity.report(unit_id, source="EPD", observed_at=ago(minutes=5))
    assert ago(minutes=6) < await told() < ago(minutes=4)
    # Counted anew from the stored facts, as any correction does.
    await capacity.report(unit_id, source="EPD", report_id=newest["report_id"], revision=1, retracted=True)
    assert await told() == counted_at


async def test_a_confirmation_is_no_count(capacity):
    unit_id = await capacity.unit()
    counted_at = ago(minutes=20)
    await capacity.report(unit_id, observed_at=counted_at)

    assert (await confirm(capacity, unit_id)).status_code == 200
    # Counted anew from the stored facts, as any correction does.
    spare = await capacity.report(unit_id, observed_at=ago(minutes=25))
    await capacity.report(unit_id, report_id=spare["report_id"], revision=1, retracted=True)

    told = (await capacity.published("capacity.units.v1", unit_id))[-1]
    assert datetime.fromisoformat(told["occupied_reported_at"]) == counted_at
    assert datetime.fromisoformat(told["observed_at"]) > counted_at


async def test_the_board_is_whole_and_filtered_as_it_is_asked(capacity):
    units = {await capacity.unit(name=f"Kamer {nth}") for nth in range(205)}
    other = await capacity.unit(await capacity.location(municipality="GM0363", sector="GHZ"), care_type="RESPIJT", cohort="COVID_POS")

    assert set(await capacity.on_board()) == {*units, other}
    for query in ("vr=VR13", "roaz=NHF", "sector=GHZ", "care_type=RESPIJT", "cohort=COVID_POS"):
        assert set(await capacity.on_board(f"?{query}")) == {other}
    assert await capacity.on_board("?roaz=NHF&sector=VVT") == {}
    assert (await capacity.get("board?colour=red")).status_code == 400
    assert (await capacity.get("board/stream?colour=red")).status_code == 400
    assert (await capacity.get("board?sector=BAKKER")).status_code == 422
    assert (await capacity.client.get("/capacity/v1/board")).status_code == 401
    assert (await capacity.client.get("/capacity/v1/board/stream")).status_code == 401


async def test_the_worker_keeps_what_placement_holds(capacity, broker, topics, namespace, processes):
    await topics(partitions=2)
    unit_id = await capacity.unit()
    await capacity.report(unit_id)
    environment = {
        "DATABASE_URL": capacity.settings.database_url,
        "KEYS_DIR": str(capacity.settings.keys_dir),
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "NAMESPACE": namespace,
    }
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    await producer.start()

    async def placement_sends(nth, event):
        headers = headers_of(
            ce_type=event.ce_type,
            event_id=uuid4(),
            owner=HOLDS.owner,
            subject=event.subject,
            time=datetime.now(UTC),
            version=(FIRST_GENERATION << GENERATION_BITS) + nth,
            traceparent=None,
        )
        await producer.send_and_wait(f"{namespace}.{HOLDS.name}", event.body(), key=unit_id.encode(), headers=headers)

    worker = processes.start("capacity", "worker", env=environment)
    try:
        await placement_sends(1, capacity.held(unit_id, FIRST))

        async def is_held():
            return figures((await capacity.on_board())[unit_id]) == (2, 1, 1)

        await eventually(is_held, timeout=40, what=worker.log)
        await placement_sends(2, capacity.held(unit_id, full_since=datetime.now(UTC)))

        async def is_full():
            return figures((await capacity.on_board())[unit_id]) == (0, 0, 0)

        await eventually(is_full, timeout=20, what=worker.log)
    finally:
        await producer.stop()
