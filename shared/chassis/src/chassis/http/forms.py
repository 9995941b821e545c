"""What people and systems send: what every form has in common."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict


class Form(BaseModel):
    """Unknown fields are ignored; errors never show what was sent."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def instant_text(value: object) -> str:
    """The text of an instant.

    Raises:
        ValueError: when it is none: a bare number would be read as seconds since 1970, which nobody means.
    """
    if not isinstance(value, str):
        raise ValueError("must be an RFC 3339 instant with its offset")  # noqa: TRY004  pydantic takes no TypeError
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(instant_text, json_schema_input_type=str)]
