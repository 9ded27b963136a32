"""What every section of a spec is made of: strictness, names for unions, and what `null` means."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

T = TypeVar("T")

#: The kinds of data that networks and augmentations read.
Kind = Literal["table", "image", "series", "text", "mixed"]

Items = Annotated[tuple[T, ...], Strict(strict=False)]  # a JSON array is a list, the spec keeps a tuple
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Probability = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Width = Annotated[int, Field(ge=1, le=65536)]
ColumnName = Annotated[str, Field(min_length=1, max_length=1024)]


class Section(BaseModel):
    """One frozen part of a spec: unknown fields, lax types, NaN and infinities are refused.

    `OFF` is the document that `null` stands for; sections without it cannot be switched off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    OFF: ClassVar[dict[str, Any] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _null_switches_off(cls, value: Any) -> Any:
        return dict(cls.OFF) if value is None and cls.OFF is not None else value


def named(value: Any) -> Any:
    """A bare string means `{"type": that}`."""
    return {"type": value} if isinstance(value, str) else value


Named = BeforeValidator(named)


def usually(name: str) -> BeforeValidator:
    """An object without a `type` means this one: `{"learning_rate": 0.01}` changes the rate of the default."""
    return BeforeValidator(
        lambda value: {"type": name, **value} if isinstance(value, dict) and "type" not in value else value
    )
