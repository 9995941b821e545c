"""The story as a command, and the ways in which it can end."""

from enum import IntEnum

import httpx
from rich.console import Console

from simulator.client import Api, Refused, Unreachable
from simulator.settings import SystemSettings
from simulator.story.settings import StorySettings
from simulator.story.tell import PEOPLE, TOPICS, BrokenOff, Story
from simulator.story.teller import Teller
from simulator.story.watch import KafkaAway, Watch
from simulator.tokens import NoToken, Tokens

PATIENCE_SECONDS = 20.0
SERVICES = ("capacity", "reporting", "placement", "triage")
NOT_RUNNING = "the system is not running here: start it with `make run`, or name its PORT and RUN_DIR"


class StoryExit(IntEnum):
    """How the command ends; the same numbers as the replay's where they mean the same."""

    TOLD = 0
    BROKEN_OFF = 1
    """Something that should have happened did not."""
    BAD_SETTING = 2
    NOT_RUNNING = 3
    """The system is not running, or refuses us."""


async def tell(
    system: SystemSettings,
    settings: StorySettings,
    console: Console,
    errors: Console,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> StoryExit:
    """Tell the story of one patient; every way in which it can end is an exit."""
    tokens = Tokens(system.keys_dir, system.token)
    try:
        async with httpx.AsyncClient(base_url=system.url, timeout=httpx.Timeout(30, connect=5), transport=transport) as client:
            # A token takes a moment; fetched now, it does not lie between a step and its events.
            await tokens.fetch(PEOPLE)
            api = Api(client, tokens, patience_seconds=PATIENCE_SECONDS)
            return await _tell(api, settings, console, errors, roles_are_real=tokens.can_issue)
    except BrokenOff as error:
        errors.print(f"the story broke off: {error}", style="bold", highlight=False)
        return StoryExit.BROKEN_OFF
    except (NoToken, Refused, Unreachable) as error:
        errors.print(str(error), highlight=False)
        return StoryExit.NOT_RUNNING


async def _tell(api: Api, settings: StorySettings, console: Console, errors: Console, *, roles_are_real: bool) -> StoryExit:
    try:
        is_running = all([(await api.look(f"/{service}/health/live")).is_success for service in SERVICES])
    except Unreachable:
        is_running = False
    if not is_running or settings.kafka_bootstrap_servers is None:
        errors.print(NOT_RUNNING, highlight=False)
        return StoryExit.NOT_RUNNING
    teller = Teller(console)
    watch = Watch(settings.kafka_bootstrap_servers, settings.namespace, TOPICS, teller.passing)
    try:
        async with watch:
            teller.title(
                "One patient's way through the chain",
                "Everything below goes through the public API; the lines with + are the real events on Kafka, as they pass,",
                "with the time since the step began. Patient and homes are made up.",
            )
            await Story(api, watch, teller, roles_are_real=roles_are_real).tell()
    except KafkaAway:
        errors.print("Kafka does not answer where the running system has it: is RUN_DIR that of the system?", highlight=False)
        return StoryExit.NOT_RUNNING
    return StoryExit.TOLD
