"""What several shapes share: identifiers, numbers, problems and reasons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: A finite number, or the name of one that JSON has no word for.
Number = float | Literal["NaN", "Infinity", "-Infinity"]
Id = Annotated[str, Field(description="A prefix that says what it is, and a UUIDv7.")]


class Shape(BaseModel):
    """A documented answer: every field is always there."""

    model_config = ConfigDict(extra="forbid")


class Nothing(Shape):
    """An empty body."""


class FieldMistake(Shape):
    """One mistake, and where it is."""

    pointer: str = Field(
        description="A JSON pointer into the body, such as `#/optimizer/learning_rate`, or a parameter: `?limit`."
    )
    detail: str = Field(description="What is wrong, and what would be right.")


class Problem(BaseModel):
    """An error (RFC 9457). Some carry more members than these."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`about:blank`: `code` tells the kinds apart.")
    title: str
    status: int
    code: str = Field(description="Stable, for programs.", examples=["invalid_spec"])
    detail: str = Field(description="This case, for people.")
    instance: str
    request_id: str
    errors: list[FieldMistake] = Field(default=[], description="One entry per mistake.")


class Reason(BaseModel):
    """Why something did not succeed."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(examples=["invalid_data", "worker_lost"])
    message: str
    param: str | None = Field(None, description="The spec field or the place in the data that it is about.")
