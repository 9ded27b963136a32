"""`optimizer`: how a gradient becomes a step.

Gradient descent is `sgd` with `batch_size: "full"`, stochastic gradient descent `batch_size: 1`, mini-batch any number
between. `weight_decay` is decoupled and spares biases and norms; a penalty inside the loss is `regularization.l2`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from models.spec.base import Named, NotNegative, Positive, Probability, Section, usually

Rate = Positive | Literal["auto"]
Betas = Annotated[tuple[Probability, Probability], Strict(strict=False)]  # a JSON array is a list


RATE = "Length of a step; auto measures which one is good on the training rows before the first step (Smith 2017)."


class Sgd(Section):
    """Stochastic gradient descent, with momentum and Nesterov's look-ahead if asked."""

    type: Literal["sgd"] = "sgd"
    learning_rate: Rate = Field(0.05, description=RATE)
    momentum: Probability = Field(
        0.9, description="Share of the last step carried into this one; 0 is plain gradient descent."
    )
    dampening: Probability = Field(0.0, description="Share by which a gradient counts less in the momentum.")
    nesterov: bool = Field(default=False, description="Take the gradient where momentum leads to.")
    weight_decay: NotNegative = Field(0.0, description="Share of a weight removed per unit of learning rate.")

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0 or self.dampening > 0):
            raise ValueError("nesterov needs a momentum greater than 0, and no dampening")
        return self


class Adaptive(Section):
    """What Adam and its kin share."""

    learning_rate: Rate = Field(0.003, description=RATE)
    betas: Betas = Field(
        (0.9, 0.999), description="Decay of the running mean and of the running square of the gradient."
    )
    eps: Positive = Field(1e-8, description="Keeps the division from zero.")


class Adam(Adaptive):
    """Adaptive moments (Kingma and Ba 2015)."""

    type: Literal["adam"] = "adam"


class AdamW(Adaptive):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    type: Literal["adamw"] = "adamw"
    weight_decay: NotNegative = Field(0.01, description="Share of a weight removed per unit of learning rate.")


class NAdam(Adaptive):
    """Adam with Nesterov momentum (Dozat 2016)."""

    type: Literal["nadam"] = "nadam"
    learning_rate: Rate = Field(0.002, description=RATE)


class RAdam(Adaptive):
    """Adam whose first steps are rectified, so that it needs no warm-up (Liu et al. 2020)."""

    type: Literal["radam"] = "radam"


class RmsProp(Section):
    """Steps divided by a running root mean square of the gradient (Hinton 2012)."""

    type: Literal["rmsprop"] = "rmsprop"
    learning_rate: Rate = Field(0.001, description=RATE)
    alpha: Probability = Field(0.99, description="Decay of the running square.")
    eps: Positive = Field(1e-8, description="Keeps the division from zero.")
    momentum: Probability = Field(0.0, description="Share of the last step carried into this one.")


class AdaGrad(Section):
    """Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011)."""

    type: Literal["adagrad"] = "adagrad"
    learning_rate: Rate = Field(0.01, description=RATE)
    learning_rate_decay: NotNegative = Field(0.0, description="Divide the rate by 1 + this times the step.")
    eps: Positive = Field(1e-10, description="Keeps the division from zero.")


class AdaDelta(Section):
    """AdaGrad with a window, and units that cancel (Zeiler 2012)."""

    type: Literal["adadelta"] = "adadelta"
    learning_rate: Rate = Field(1.0, description=RATE)
    rho: Probability = Field(0.9, description="Decay of the running squares.")
    eps: Positive = Field(1e-6, description="Keeps the division from zero.")


class Lion(Section):
    """The sign of the momentum: every weight moves by the rate (Chen et al. 2023)."""

    type: Literal["lion"] = "lion"
    learning_rate: Rate = Field(0.0003, description=RATE)
    betas: Betas = Field(
        (0.9, 0.99), description="Share of the momentum in the step, and of the old momentum in the new."
    )
    weight_decay: NotNegative = Field(0.1, description="Share of a weight removed per unit of learning rate.")


class Muon(Adaptive):
    """Orthogonal momentum for hidden matrices and filters, AdamW for all else (Jordan et al. 2024)."""

    type: Literal["muon"] = "muon"
    momentum: Probability = Field(0.95, description="Share of the last momentum carried into this one.")
    nesterov: bool = Field(default=True, description="Take the momentum where it leads to.")
    weight_decay: NotNegative = Field(0.01, description="Share of a weight removed per unit of learning rate.")


class Lbfgs(Section):
    """Steps that know the curvature, from the last gradients (Liu and Nocedal 1989); for small data, in full batches.

    One step of training is up to `max_iterations` of its own, each of one or more passes over the rows.
    """

    type: Literal["lbfgs"] = "lbfgs"
    learning_rate: Positive = Field(1.0, description="Length of a step, or where the line search begins.")
    max_iterations: Annotated[int, Field(ge=1, le=1000)] = Field(20, description="Most iterations in one step.")
    history_size: Annotated[int, Field(ge=1, le=1000)] = Field(10, description="Gradients that are remembered.")
    line_search: Literal["strong_wolfe", "none"] = Field(
        "strong_wolfe", description="Search along each direction, or go the learning rate along it."
    )


Optimizer = Annotated[
    Sgd | Adam | AdamW | NAdam | RAdam | RmsProp | AdaGrad | AdaDelta | Lion | Muon | Lbfgs,
    Field(discriminator="type"),
    usually("adamw"),
    Named,
]
