"""What placement tells."""

from datetime import timedelta

from contracts.topic import Topic

PLACEMENTS = Topic(
    name="placement.placements.v1",
    owner="placement",
    readers=("triage", "reporting"),
    events=(),
    key="case_id",
    description="Offers, answers, expiries, escalations, confirmations, admissions, releases.",
    retention=timedelta(days=30),
)

HOLDS = Topic(
    name="placement.holds.v1",
    owner="placement",
    readers=("capacity", "reporting"),
    events=(),
    key="unit_id",
    description="All active holds of a unit; an empty list when there is none.",
)
