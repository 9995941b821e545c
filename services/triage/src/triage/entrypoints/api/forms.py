"""What people and systems send: the shape of it; what it means is judged by the use cases."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    field_validator,
)

from chassis.http.forms import Form, Instant, instant_text
from contracts.codes import CallerRole, CareType, Channel, Choice, ClosureOutcome, Cohort, Origin, Urgency
from triage.application.assess_case import Answers
from triage.application.register_case import Contact
from triage.application.request_placement import Wanted
from triage.domain.days import end_of
from triage.domain.identity import Patient, WishTexts
from triage.domain.wishes import Wish, Wishes

_MOST_ANSWERS = 200
_OLDEST_BIRTH = date(1890, 1, 1)


def _as_date_text(value: object) -> object:
    # A bare number would be read as days since 1970, which nobody means; and a form that was read has dates already.
    if not isinstance(value, str | date):
        raise ValueError("must be an ISO date")  # noqa: TRY004  pydantic takes no TypeError
    return value


_INSTANT = TypeAdapter(Instant)
_DATE = TypeAdapter(date)


def _until(value: object) -> datetime:
    text = instant_text(value)
    if "T" in text.upper():
        moment: datetime = _INSTANT.validate_python(text)
        return moment
    try:
        # A wish holds through the day that is named.
        return end_of(_DATE.validate_strings(text, strict=True)).astimezone(UTC)
    except OverflowError:
        raise ValueError("lies beyond what a calendar holds") from None


Until = Annotated[
    datetime,
    PlainValidator(_until),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]
Code = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Municipality = Annotated[str, StringConstraints(pattern=r"^GM[0-9]{4}$")]
SafetyRegion = Annotated[str, StringConstraints(pattern=r"^VR[0-9]{2}$")]


class NeedsForm(Form):
    """What a place must offer; the keys are those of a unit's `features`."""

    isolation: StrictBool | None = None
    oxygen_l_min: Annotated[float, Field(ge=0, le=100, strict=True)] | None = None
    wzd: StrictBool | None = None
    lift: StrictBool | None = None
    night_nursing: StrictBool | None = None
    palliative: StrictBool | None = None

    def stated(self) -> dict[str, bool | int | float | str]:
        """Those that are known."""
        return self.model_dump(exclude_none=True)


class PatientForm(Form):
    """Who it is, as far as known: to the vault, and never out of triage."""

    # What stands in it must not appear in any text that is made of this form.
    def __repr__(self) -> str:
        return "PatientForm()"

    __str__ = __repr__

    bsn: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")] | None = None
    name: Text | None = None
    birth_date: Annotated[date, BeforeValidator(_as_date_text, json_schema_input_type=str)] | None = None
    phone: Annotated[str, StringConstraints(min_length=1, max_length=40)] | None = None

    @field_validator("birth_date")
    @classmethod
    def _is_of_this_age(cls, born: date | None) -> date | None:
        if born is not None and born < _OLDEST_BIRTH:
            raise ValueError("lies too far back")
        return born

    def known(self) -> Patient:
        """As the domain knows it."""
        return Patient(self.bsn, self.name, self.birth_date, self.phone)


class ContactForm(Form):
    """Somebody calls about a patient."""

    channel: Channel
    caller_role: CallerRole
    municipality: Municipality = Field(description="Where the patient is; a merged one stands for its successor.")
    complaint: LongText = Field(description="In the caller's words: to the vault.", repr=False)
    origin: Origin | None = None
    patient: PatientForm = Field(default=PatientForm(), repr=False)
    needs: NeedsForm = NeedsForm()

    @field_validator("patient", "needs", mode="before")
    @classmethod
    def _unknown_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    def contact(self) -> Contact:
        """As the use case knows it."""
        return Contact(
            channel=self.channel,
            caller_role=self.caller_role,
            municipality=self.municipality,
            complaint=self.complaint,
            origin=self.origin,
            needs=self.needs.stated(),
            patient=self.patient.known(),
        )


class AssessmentForm(Form):
    """What was asked by a protocol, and answered; a criterion that is left out was not answered."""

    protocol: Code
    version: Code
    complaint: Code = Field(description="The id of the complaint in the pack.")
    answers: Annotated[Mapping[Code, StrictBool], Field(max_length=_MOST_ANSWERS)] = Field(
        description="By id of the criterion; one that was not answered is left out."
    )
    pain: Annotated[StrictInt, Field(ge=0, le=10)] | None = None

    def given(self) -> Answers:
        """As the use case knows it."""
        return Answers(self.protocol, self.version, self.complaint, dict(self.answers), self.pain)


class WishForm(Form):
    """One choice; `ANDERS` is explained by its text."""

    choice: Choice = Choice.ONBEKEND
    text: LongText | None = Field(default=None, description="To the vault.", repr=False)
    until: Until | None = Field(default=None, description="A date (through that day) or an instant; without it the wish holds on.")

    def wish(self) -> Wish:
        """As the domain knows it."""
        return Wish(self.choice, self.until)


class WishesForm(Form):
    """What the patient wants; what is left out is not recorded, which is no permission."""

    hospital: WishForm = WishForm()
    ic: WishForm = WishForm()
    resuscitation: WishForm = WishForm()
    ventilation: WishForm = WishForm()
    recorded_by: Text = Field(description="Who wrote it down: to the vault.", repr=False)
    recorded_at: Instant

    def wishes(self) -> Wishes:
        """What may be shown."""
        return Wishes(self.hospital.wish(), self.ic.wish(), self.resuscitation.wish(), self.ventilation.wish(), self.recorded_at)

    def texts(self) -> WishTexts:
        """What goes to the vault."""
        return WishTexts(
            recorded_by=self.recorded_by,
            hospital=self.hospital.text,
            ic=self.ic.text,
            resuscitation=self.resuscitation.text,
            ventilation=self.ventilation.text,
        )


class PlacementRequestForm(Form):
    """What is asked of a place."""

    care_type: CareType
    cohort: Cohort
    urgency: Urgency = Field(description="As assessed; without an assessment the asker's own, marked so. U0 and U1 are never placed.")
    place_by: Instant
    region: SafetyRegion = Field(description="The veiligheidsregio in which a place is wanted.")
    origin: Origin | None = Field(default=None, description="That of the contact when it is left out.")
    needs: NeedsForm | None = Field(default=None, description="Those of the contact when they are left out.")
    target_group: Annotated[StrictInt, Field(ge=1, le=5)] | None = Field(
        default=None, description="1 to 5, as in the regional approach for vulnerable patients."
    )

    def wanted(self) -> Wanted:
        """As the use case knows it."""
        return Wanted(
            care_type=self.care_type,
            cohort=self.cohort,
            urgency=self.urgency,
            place_by=self.place_by,
            region=self.region,
            origin=self.origin,
            needs=None if self.needs is None else self.needs.stated(),
            target_group=self.target_group,
        )


class ClosureForm(Form):
    """How a case ended."""

    outcome: ClosureOutcome
