"""All topics, in one place: what is not here does not exist, and brokers never create a topic by themselves."""

from contracts.capacity import FLOWS, OBSERVATIONS, REPORTS, STOPS, UNITS
from contracts.event import Event
from contracts.parking import parked_topic
from contracts.placement import HOLDS, PLACEMENTS
from contracts.reporting import NATIONAL, PHASES
from contracts.topic import Topic
from contracts.triage import CASES

SERVICES = ("triage", "capacity", "placement", "reporting")
PARKED: dict[str, Topic] = {service: parked_topic(service) for service in SERVICES}

TOPICS: tuple[Topic, ...] = (
    CASES,
    REPORTS,
    OBSERVATIONS,
    UNITS,
    FLOWS,
    STOPS,
    PLACEMENTS,
    HOLDS,
    NATIONAL,
    PHASES,
    *PARKED.values(),
)

EVENTS: tuple[type[Event], ...] = tuple(dict.fromkeys(event for topic in TOPICS for event in topic.events))
