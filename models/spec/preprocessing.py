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


class Outliers(Section):
    """Where values count as extreme, and what is done about them.

    Fences are measured on the training rows. Columns without any spread, and those where more than `max_affected` of
    the training rows lie outside, are spared. Targets never change, nor does a validation or test row go.
    """

    action: Literal["clip", "flag", "null", "drop_row"] = Field(
        "clip",
        description="Move an outlier to the fence, add a column that says so, treat it as missing, or leave training "
        "rows out that hold one.",
    )
    max_affected: Annotated[float, Field(gt=0, le=1)] = Field(
        0.05, description="Largest share of training rows that may be outliers in one column."
    )


class IqrOutliers(Outliers):
    """Values beyond k interquartile ranges outside the quartiles (Tukey 1977)."""

    type: Literal["iqr"] = "iqr"
    k: Positive = Field(1.5, description="Width of the fence in interquartile ranges.")


class ZscoreOutliers(Outliers):
    """Values more than k standard deviations from the mean."""

    type: Literal["zscore"] = "zscore"
    k: Positive = Field(3.0, description="Width of the fence in standard deviations.")


class QuantileOutliers(Outliers):
    """Values below one quantile or above another."""

    type: Literal["quantile"] = "quantile"
    low: Annotated[float, Field(ge=0, lt=0.5)] = Field(0.01, description="Share of values below the lower fence.")
    high: Annotated[float, Field(gt=0.5, le=1)] = Field(0.99, description="Share of values below the upper fence.")


AnyOutliers = Annotated[
    NoOutliers | IqrOutliers | ZscoreOutliers | QuantileOutliers, Field(discriminator="type"), Named
]


class Number(Section):
    """Numeric columns: outliers first, then gaps, then scale."""

    OFF: ClassVar = {"impute": "constant", "missing_indicator": False, "scale": "none"}
    impute: Literal["median", "mean", "mode", "constant", "forward_fill", "knn", "drop_row"] = Field(
        "median",
        description="What stands in for a missing number: a figure of the training rows, `fill_value`, the last known "
        "value before it, or the mean of the most similar training rows. drop_row leaves training rows with gaps out "
        "and fills the median into others.",
    )
    fill_value: float = Field(0.0, description="The number that `impute: constant` uses.")
    neighbours: Annotated[int, Field(ge=1, le=100)] = Field(5, description="Similar rows that `impute: knn` asks.")
    missing_indicator: bool = Field(
        default=True, description="Whether columns with gaps in training get a second one that says so."
    )
    outliers: AnyOutliers = Field(NoOutliers(), description="What is done about extreme values.")
    scale: Literal["standard", "minmax", "robust", "quantile", "log1p", "none"] = Field(
        "standard",
        description="How columns are brought to one scale: mean 0 and deviation 1; 0 to 1; median 0 and interquartile "
        "range 1 (deviation 1 where the quartiles are equal); a normal distribution by rank; the signed logarithm of "
        "1 + |x|, standardised; or not.",
    )


class Category(Section):
    """Categorical columns; missing and unseen values have a code of their own."""

    encoding: Literal["embedding", "onehot", "ordinal"] = Field(
        "embedding", description="How a category becomes numbers."
    )
    min_count: Count = Field(
        2, description="Categories with fewer training rows count as unseen, which is how unseen ones are learned."
    )
    max_cardinality: Count = Field(10_000, description="Most categories of a column; the rarest count as unseen.")


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
    target_scale: Literal["standard", "difference", "per_window", "residual"] = Field(
        "residual",
        description="What the network predicts: the value, its difference to the last known one, the value in mean and "
        "deviation of its window, or what linear autoregression of the training windows leaves over. Forecasts and "
        "scores are in original units all the same.",
    )


class Text(Section):
    """Texts: cut into tokens, each of which has a code in a vocabulary that the training texts give.

    Code 0 fills short texts up, on the right; 1 is a token that the vocabulary does not know.
    """

    tokenizer: Literal["auto", "word", "char", "bpe"] = Field(
        "auto",
        description="What a token is: a word or sign, a character, or a piece of a word by byte-pair encoding, which "
        "knows every text and needs at least 256 tokens, one per byte. Auto is a character where texts are of one word "
        "or two, as names are and all texts of languages without blanks, and a word elsewhere.",
    )
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        20_000, description="Tokens that the vocabulary has at most; the most frequent ones stay."
    )
    max_length: Literal["auto"] | Annotated[int, Field(ge=1, le=65_536)] = Field(
        "auto",
        description="Tokens that are read of one text: the first quarter and the last three quarters of so many where "
        "it is longer. Auto is what 95 % of the training texts need, at most 1,024, and short texts whole.",
    )
    lowercase: bool = Field(default=True, description="Whether capital letters count as small ones.")
    min_count: Count = Field(
        2, description="How often a token occurs in the training texts at least; rarer ones are unknown."
    )


class Preprocessing(Section):
    """How raw values become tensors, by kind of column."""

    number: Number = Field(Number(), description="Numeric columns.")
    category: Category = Field(Category(), description="Categorical columns.")
    image: Image = Field(Image(), description="Images.")
    text: Text = Field(Text(), description="Texts.")
    series: Series = Field(Series(), description="Windows over ordered rows, for forecasting.")
