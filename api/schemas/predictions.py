"""Predictions: rows in, one prediction per row out."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from api.schemas.common import Id, Number, Shape

MAX_ROWS: Final = 10_000
_ROWS: Final = "An object per row, of the kind that the network reads."
_EXAMPLES: Final[list[Any]] = [[{"age": 39, "workclass": "Private"}], [{"image": "iVBORw0KGgo…"}], [{"text": "…"}]]


class PredictRequest(Shape):
    """Rows for the network of a checkpoint."""

    rows: Annotated[
        list[dict[str, Any]], Field(min_length=1, max_length=MAX_ROWS, description=_ROWS, examples=_EXAMPLES)
    ]
    checkpoint: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        "best", description="An id, a step number, `best`, `latest` or `final`."
    )
    top: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Only this many of the most probable classes are answered for each row; null: all."
    )


class Prediction(Shape):
    """A class with probabilities, a number, or the coming values of a series; the latter two with their quantiles where
    the loss asks for some.
    """

    label: str | None = None
    probabilities: dict[str, Number] | None = None
    value: Number | None = None
    values: list[Number] | None = None
    quantiles: dict[str, Number | list[Number]] | None = None


class PredictedBy(Shape):
    """The checkpoint that has answered."""

    id: Id
    step: int


Rows = dict[str, int]


class Predictions(Shape):
    """One prediction per row, in their order, and what was unusual about the rows."""

    checkpoint: PredictedBy
    predictions: list[Prediction]
    missing: Rows = Field(description="Per column, the rows that have no value there; they are filled as in training.")
    unseen: Rows = Field(description="Per column, the rows with a word there that no training row had.")
    ignored: Rows = Field(description="Per field that the network does not read, the rows that carry it.")
