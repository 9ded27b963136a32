"""`diagnosis`: what a run is watched for, and what happens when it is found."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from models.spec.base import Section

Action = Literal["notify", "stop", "off"]

RULES: Final = (
    "vanishing_gradient",
    "exploding_gradient",
    "dead_units",
    "saturated_units",
    "loss_not_decreasing",
    "overfitting",
    "update_size",
    "constant_output",
)


class Diagnosis(Section):
    """Rules that look at a run at the end of up to 24 epochs. `notify` tells what was found; `stop` also ends training
    there, with the best weights; `off` does not look. `GET /v1/jobs/{id}/diagnosis` lists what was found.
    """

    OFF: ClassVar = dict.fromkeys(RULES, "off")
    vanishing_gradient: Action = Field(
        "notify",
        description="The gradient of a layer is less than a ten-thousandth of that of the layer it is largest in.",
    )
    exploding_gradient: Action = Field(
        "notify",
        description="The gradient is typically longer than 1,000, or once 1,000 times longer than usual.",
    )
    dead_units: Action = Field(
        "notify", description="More than half of the ReLU units of a layer are zero for 99 % of the rows."
    )
    saturated_units: Action = Field(
        "notify", description="More than half of what a layer's tanh or sigmoid answers lies where they are flat."
    )
    loss_not_decreasing: Action = Field(
        "notify", description="After four looks the training loss has not fallen by a hundredth."
    )
    overfitting: Action = Field(
        "notify",
        description="For three looks the validation loss is a tenth above its best, while the training loss falls.",
    )
    update_size: Action = Field(
        "notify", description="A step changes half of the layers by more than half their size, or by next to nothing."
    )
    constant_output: Action = Field(
        "notify", description="After three looks every row gets the same class, or very nearly the same number."
    )
