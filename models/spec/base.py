"""What every section of a spec is made of: strictness, names for unions, and what `null` means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

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

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The section with some fields changed and nothing checked: pydantic's own, in a fifth of its time, because a
        section has neither extra nor private attributes.
        """
        if deep:
            return super().model_copy(update=update, deep=True)
        changes = {} if update is None else update
        made = self.__class__.__new__(self.__class__)
        object.__setattr__(made, "__dict__", {**self.__dict__, **changes})
        object.__setattr__(made, "__pydantic_fields_set__", self.__pydantic_fields_set__ | changes.keys())
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, which never changes: each spec would else have defaults of its own."""
        return self

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
