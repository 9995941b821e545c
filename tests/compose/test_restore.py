"""A backup is worth what a restore has shown: backed up and restored by the commands of `docs/operations.md`, with a day's work between."""

import asyncio
from datetime import UTC, datetime

from tests.e2e.load import Load
from tests.e2e.patients import Region

from .agreement import counted, screens_are_right
from .commands import compose
from .deployment import SERVICES, Deployment
from .screens import Screens

REPORTS_A_SECOND = 10
_RESTORED_IN_THE_ORDER_OF_THE_DOCS = ("capacity", "placement", "reporting", "triage")


async def test_after_a_restore_to_an_earlier_moment_everybody_agrees_and_no_place_is_given_twice(
    deployment: Deployment, people: Region, screens: Screens
) -> None:
    await deployment.register_wards()
    kept_up, promised, asked, declined = [
        await people.unit(f"zorggroep-{name}", "RESPIJT", places=3) for name in ("kept-up", "promised", "asked", "declined")
    ]
    await people.known([kept_up, promised, asked, declined])
    waiting, early = await people.patient("RESPIJT"), await people.patient("RESPIJT")
    [refused] = await people.offer(early, [declined])
    assert "base backup" in await compose("exec", "--no-TTY", "postgres", "sh", "/etc/schakel/backup/base-backup")

    async with Load(deployment, rate=REPORTS_A_SECOND).working():
        await asyncio.sleep(3)
        await people.report(kept_up, places=3, occupied=1)
        moment = datetime.now(UTC)
        await people.report(kept_up, places=3, occupied=2)
        await people.decline(refused)
        newcomer = await people.unit("zorggroep-newcomer", "RESPIJT", places=9)
        late = await people.patient("RESPIJT")
        [accepted] = await people.offer(late, [promised])
        assert (await people.accept(accepted)).status_code == 200
        [unanswered] = await people.offer(waiting, [asked])
        await asyncio.sleep(3)
    await deployment.settled()

    begun = asyncio.get_running_loop().time()
    said = await _restore(moment)
    print(f"\nrestored in {asyncio.get_running_loop().time() - begun:.0f} s")

    # What the services told of it comes back; what only people know is on their lists.
    assert str(newcomer.unit_id) in said["capacity"]
    assert str(late.case_id) in said["triage"]
    assert str(waiting.case_id) not in said["triage"]
    await people.board_says(kept_up, free=1, held=0, available=1)
    await people.board_says(promised, free=3, held=1, available=2)
    await people.board_says(asked, free=3, held=0, available=3)
    await people.board_says(declined, free=3, held=0, available=3)
    assert [await people.status(offer) for offer in (accepted, refused, unanswered)] == ["ACCEPTED", "DECLINED", None]
    await _everybody_agrees(deployment, screens)

    # And it goes on. What was promised is not given to others, and who was promised it comes.
    others = [await people.patient("RESPIJT") for _ in range(3)]
    assert [await people.offered(case, promised) for case in others] == [201, 201, 409]
    [again] = await people.offer(waiting, [asked])
    assert (await people.accept(again)).status_code == 200
    seen = await people.client("admin").get(f"/placement/v1/offers/{accepted.offer_id}")
    await people.step(accepted, "admission", seen.headers["etag"])
    async with Load(deployment, rate=REPORTS_A_SECOND, seed=2).working():
        await asyncio.sleep(3)
    await _everybody_agrees(deployment, screens)


async def _restore(moment: datetime) -> dict[str, str]:
    """Gives what each service's command said."""
    await compose("stop", *(f"{service}-{process}" for service in SERVICES for process in ("api", "worker")))
    await compose("stop", "postgres")
    put_back = await _run("postgres", "sh", "/etc/schakel/backup/restore", moment.isoformat())
    await compose("up", "--detach", "--wait", "postgres")
    await _run("databases")
    said = {service: await _run(f"{service}-worker", service, "restored") for service in _RESTORED_IN_THE_ORDER_OF_THE_DOCS}
    await compose("up", "--detach", "--wait")
    replaced = put_back.split()[-1].rstrip(".")
    await compose("exec", "--no-TTY", "postgres", "rm", "-r", replaced)
    return said


async def _run(*command: str) -> str:
    return await compose("run", "--rm", "--no-deps", "--no-TTY", *command)


async def _everybody_agrees(deployment: Deployment, screens: Screens) -> None:
    count = await counted(deployment)
    print(count)
    assert (count.lost, count.doubled) == (0, 0)
    await screens_are_right(deployment, screens)
