"""`data`: which rows, which column is the answer, which columns are the question, and how rows are split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.spec.base import ColumnName, Count, Items, Named, Section
from models.spec.cleaning import Marks

Share = Annotated[float, Field(gt=0, lt=1)]


DatasetName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]


class Feature(Section):
    """How one column is read."""

    type: Literal["auto", "number", "category", "text", "calendar"] = Field(
        "auto",
        description="How the column enters the network: as a number, a category or a text; auto goes by the profile, "
        "and reads a text where there is nothing else. `calendar` is for times: sine and cosine of the time of day, "
        "the weekday and the time of year. Auto leaves times out, and a forecast's categories.",
    )
    missing_values: Marks = Field(
        (), description='Texts that mean a value is missing in this column too, such as "0" where nothing can be 0.'
    )


class Shares(Section):
    """The parts of a split, as shares of all rows."""

    train: Share = Field(0.7, description="Share of rows that the weights learn from.")
    validation: Share = Field(0.15, description="Share of rows that early stopping and the best checkpoint look at.")
    test: Share = Field(0.15, description="Share of rows that are scored once, at the end.")

    @model_validator(mode="after")
    def _shares_are_the_whole(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(
                f"train, validation and test must sum to 1, not to {self.train + self.validation + self.test:g}"
            )
        return self


class AutoSplit(Shares):
    """The split the data brings; else by time for forecasts, stratified for classes, random for numbers."""

    type: Literal["auto"] = "auto"


class RandomSplit(Shares):
    """Rows are shuffled by the seed and cut."""

    type: Literal["random"] = "random"


class StratifiedSplit(Shares):
    """As random, with every class present in the same proportion in each part."""

    type: Literal["stratified"] = "stratified"


class GroupSplit(Shares):
    """Rows of one group, such as all scans of a patient, stay in one part; parts are as close to their shares as that
    allows.
    """

    type: Literal["group"] = "group"
    column: ColumnName = Field(description="Column that names the group.")


class TimeSplit(Shares):
    """The oldest rows train, the newest test: the order of `column`, or of the rows where it is null."""

    type: Literal["time"] = "time"
    column: ColumnName | None = Field(None, description="Column that holds the time; null keeps the order of the rows.")


class ColumnSplit(Section):
    """A column says train, validation or test; without validation rows a stratified part of train is set aside."""

    type: Literal["column"] = "column"
    column: ColumnName = Field(description="Column that holds the words train, validation and test.")
    validation: Share = Field(0.15, description="Share of the train rows to set aside where no row says validation.")


class OfficialSplit(Section):
    """The split that came with the data; without validation rows a stratified part of train is set aside."""

    type: Literal["official"] = "official"
    validation: Share = Field(
        0.15, description="Share of the train rows to set aside where the data has no validation part."
    )


class FixedSplit(Section):
    """Another dataset is the test; of this one a part, stratified, is set aside for validation."""

    type: Literal["fixed"] = "fixed"
    test: DatasetName = Field(description="Dataset to test on, of the same kind and with the same columns.")
    validation: Share = Field(0.15, description="Share of the rows to set aside.")


Split = Annotated[
    AutoSplit | RandomSplit | StratifiedSplit | GroupSplit | TimeSplit | ColumnSplit | OfficialSplit | FixedSplit,
    Field(discriminator="type"),
    Named,
]


class RowShuffle(Section):
    """All rows among each other, anew in every epoch."""

    type: Literal["rows"] = "rows"


class BlockShuffle(Section):
    """Blocks of rows that lie side by side, and then the rows of as many blocks as a window holds among each other.

    For images on disks that are slow to find a place: in `rows` every image is a leap. Rows that lie further apart than
    a window hardly ever meet in a batch, so a window should hold many classes.
    """

    type: Literal["blocks"] = "blocks"
    block: Count = Field(32, description="Rows that are read one after the other.")
    window: Count = Field(256, description="Blocks whose rows are shuffled together.")


Shuffle = Annotated[RowShuffle | BlockShuffle, Field(discriminator="type"), Named]


class Data(Section):
    """Which dataset, what to predict and from what.

    `features` names the columns that are used; `*` stands for all that are not named. A resolved spec names every one.
    """

    dataset: DatasetName = Field(description="Dataset id or the name of a sample.")
    target: ColumnName | None = Field(None, description="Column to predict; images and samples know theirs.")
    features: dict[ColumnName, Annotated[Feature, Named]] = Field(
        {"*": Feature()}, description="Columns the network sees, by name; `*` means every other column."
    )
    ignore: Items[ColumnName] = Field((), description="Columns to leave out, such as row numbers.")
    split: Split = Field(AutoSplit(), description="How rows are divided into train, validation and test.")
    shuffle: Shuffle = Field(RowShuffle(), description="In which order an epoch takes the rows.")
