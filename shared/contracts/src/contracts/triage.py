"""What triage tells."""

from datetime import timedelta

from contracts.topic import Topic

CASES = Topic(
    name="triage.cases.v1",
    owner="triage",
    readers=("placement", "reporting"),
    events=(),
    key="case_id",
    description="Registered, assessed, placement requested, handed over to 112, closed.",
    retention=timedelta(days=30),
)
