"""`cleaning`: what is put right in the rows before they are preprocessed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from models.spec.base import Items, Named, Section

Marks = Items[Annotated[str, Field(max_length=256)]]
Steps = Annotated[int, Field(ge=2, le=1000)]


class TextCleaning(Section):
    """How text cells are tidied, those of the target included."""

    OFF: ClassVar = {"strip": False, "unicode": "none"}
    strip: bool | Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default=True,
        description='Remove white space around every text cell, or these characters and white space: "." makes "yes." '
        'and "yes" one.',
    )
    unicode: Literal["NFC", "NFKC", "none"] = Field(
        "NFC",
        description="Unicode normal form: NFC makes one of the two ways to write é, NFKC also of ligatures and of full "
        "and half width.",
    )
    case: Literal["keep", "lower", "upper"] = Field("keep", description="Whether capitals make a difference.")


class NoNoise(Section):
    """Values are taken as they are."""

    type: Literal["none"] = "none"


class MedianFilter(Section):
    """Every feature of a series becomes the median of its own and the steps before it; spikes vanish, edges stay.

    What is to be predicted stays as it is, and no step sees a later one.
    """

    type: Literal["median_filter"] = "median_filter"
    steps: Steps = Field(3, description="Steps that the median is taken of, the latest of them its own.")


class MovingAverage(Section):
    """Every feature of a series becomes the mean of its own and the steps before it.

    What is to be predicted stays as it is, and no step sees a later one.
    """

    type: Literal["moving_average"] = "moving_average"
    steps: Steps = Field(3, description="Steps that the mean is taken of, the latest of them its own.")


class LabelNoiseReport(Section):
    """The data report names training rows whose class hardly any similar row shares (Wilson 1972); nothing changes."""

    type: Literal["label_noise_report"] = "label_noise_report"
    neighbours: Annotated[int, Field(ge=1, le=100)] = Field(10, description="Similar rows that are asked.")


Noise = Annotated[NoNoise | MedianFilter | MovingAverage | LabelNoiseReport, Field(discriminator="type"), Named]


class Cleaning(Section):
    """What is put right in the rows before they are preprocessed."""

    OFF: ClassVar = {"duplicates": "keep", "missing_values": (), "text": None}
    duplicates: Literal["keep", "drop", "group_across_splits"] = Field(
        "group_across_splits",
        description="Drop rows that repeat an earlier one, keep rows of equal features in one part of the split, "
        "so that none leaks into the test, or keep everything as it comes.",
    )
    conflicting_labels: Literal["report", "drop", "majority"] = Field(
        "report",
        description="What is done about training rows of equal features and different classes: nothing but a count, "
        "leave them all out, or give all of them their most frequent class. Test rows stay as they are.",
    )
    missing_values: Marks = Field(
        ("", "?", "NA", "N/A", "NaN", "nan", "null", "None"),
        description="Texts that mean a value is missing; `data.features` adds some for one column.",
    )
    max_coerced: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.05,
        description="Largest share of words in a column that is to be read as numbers; up to it they become missing.",
    )
    text: TextCleaning = Field(TextCleaning(), description="How text cells are tidied.")
    noise: Noise = Field(NoNoise(), description="Smoothing of series, or a report of classes that look wrong.")
