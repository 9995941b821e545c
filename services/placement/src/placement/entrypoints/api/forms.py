"""What people and systems send: the shape of it; what it means is judged by the use cases."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from chassis.http.forms import Form, Instant

MOST_UNITS = 20


Token = Annotated[str, StringConstraints(min_length=1, max_length=200), Field(description="As it was given with the offer.")]
# Codes are short; what is longer is a story, and stories about patients do not belong here.
Reason = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,39}$")]


class OffersForm(Form):
    """Which units are asked, at the same time."""

    unit_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_UNITS)]
    answer_by: Instant | None = Field(default=None, description="Any time up to `place_by`; left out, by the urgency.")


class AcceptanceForm(Form):
    """The provider takes the patient."""

    token: Token


class DeclineForm(Form):
    """The provider does not take the patient."""

    token: Token
    reason: Reason = Field(description="A code of the decline reasons; one that is not known is kept as it was sent.")


class ConfirmationForm(Form):
    """Whether there is room for a patient who was accepted."""

    token: Token
    has_room: bool = Field(description="False: a second place is sought, and this one is kept until it is found.")


class TransportForm(Form):
    """The patient is on the way."""

    left_at: Instant | None = Field(default=None, description="Left out: now.")


class AdmissionForm(Form):
    """The patient is there."""

    unit_id: UUID | None = Field(default=None, description="The unit really used; left out: the one that was offered.")
    admitted_at: Instant | None = Field(default=None, description="When it was true at the bedside; left out: now.")


class ReleaseForm(Form):
    """The placement is given up; the request goes back to the top of the queue."""

    reason: Reason = Field(description="A code that describes.")


class CancellationForm(Form):
    """Nobody looks for a place any more."""

    reason: Reason = Field(description="`OVERLEDEN` says that the patient has died; any other code describes why it was cancelled.")
