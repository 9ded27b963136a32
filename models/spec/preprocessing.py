"""`preprocessing`: how raw values become tensors. Everything here is fitted on the training rows alone."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from models.spec.base import Count, Named, Positive, Section

Pixels = Annotated[int, Field(ge=1, le=4096)]
Size = Annotated[tuple[Pixels, Pixels], Strict(strict=False)]  # a JSON array is a list


def _grey_or_colour(channels: int) -> int:
    if channels not in (1, 3):
        raise ValueError("1 or 3")
    return channels


Channels = Annotated[int, AfterValidator(_grey_or_colour)]


class NoOutliers(Section):
    """Values are taken as they are."""

    type: Literal["none"] = "none"


class IqrOutliers(Section):
    """Values beyond k interquartile ranges outside the quartiles are clipped to that fence.

    Columns whose range is 0, and those where more than `max_affected` of the training rows would change, are spared.
    """

    type: Literal["iqr"] = "iqr"
    k: Positive = Field(1.5, description="Width of the fence in interquartile ranges.")
    action: Literal["clip"] = Field("clip", description="What happens to an outlier.")
    max_affected: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Largest share of rows a column may lose to it."
    )


Outliers = Annotated[NoOutliers | IqrOutliers, Field(discriminator="type"), Named]


class Number(Section):
    """Numeric columns."""

    OFF: ClassVar = {"impute": "constant", "missing_indicator": False, "scale": "none"}
    impute: Literal["median", "mean", "mode", "constant"] = Field(
        "median", description="What stands in for a missing number."
    )
    fill_value: float = Field(0.0, description="The number that `impute: constant` uses.")
    missing_indicator: bool = Field(
        default=True, description="Whether columns with gaps in training get a second one that says so."
    )
    outliers: Outliers = Field(NoOutliers(), description="What is done about extreme values.")
    scale: Literal["standard", "minmax", "robust", "none"] = Field(
        "standard", description="How columns are brought to one scale."
    )


class Category(Section):
    """Categorical columns; missing and unseen values have a code of their own."""

    encoding: Literal["embedding", "onehot", "ordinal"] = Field(
        "embedding", description="How a category becomes numbers."
    )


class Image(Section):
    """Images."""

    OFF: ClassVar = {"standardize": "none"}
    size: Literal["auto"] | Size = Field("auto", description="Height and width in pixels.")
    channels: Literal["auto"] | Channels = Field("auto", description="1 for grey, 3 for colour.")
    framing: Literal["stretch", "crop"] = Field(
        "stretch",
        description="How an image of other proportions is made to fit: each side by itself, or by cutting off"
        " what overhangs.",
    )
    standardize: Literal["dataset", "imagenet", "none"] = Field(
        "dataset",
        description="Mean and deviation per channel to standardize with: of the training images or ImageNet's.",
    )


class Series(Section):
    """Windows over ordered rows, for forecasting."""

    window: Count = Field(24, description="Rows the network looks back on.")
    horizon: Count = Field(1, description="Rows ahead to predict.")
    stride: Count = Field(1, description="Rows between the starts of two windows.")


class Preprocessing(Section):
    """How raw values become tensors, by kind of column."""

    number: Number = Field(Number(), description="Numeric columns.")
    category: Category = Field(Category(), description="Categorical columns.")
    image: Image = Field(Image(), description="Images.")
    series: Series = Field(Series(), description="Windows over ordered rows, for forecasting.")
