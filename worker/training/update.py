"""The fourth part of a step: from gradients to new weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn, optim

from models.spec import JobSpec
from models.spec.divergence import Rewind
from worker.training import fused, optimizers, schedules
from worker.training.gradients import clip, gradient_norm, refuse_poison
from worker.training.optimizers.groups import rate_of
from worker.training.plan import Plan
from worker.training.precision import LossScale


class Update:
    """Optimizer, schedule and gradient bound of one network. `rates` of the steps take the place of the schedule's."""

    def __init__(
        self, spec: JobSpec, network: nn.Module, plan: Plan, *, rates: Callable[[int], float] | None = None
    ) -> None:
        self.optimizer: optim.Optimizer = optimizers.build(spec.optimizer, network)
        self._step = fused.Step(self.optimizer)
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._learning_rate = rate_of(spec.optimizer)
        self._rates = rates
        self.schedule = schedules.build(spec.schedule, plan)
        self.loss_scale = LossScale() if spec.training.precision == "fp16" else None
        self._bound = spec.regularization.gradient_clip
        policy = spec.training.on_divergence
        self._damping = policy.factor if isinstance(policy, Rewind) else 1.0
        self.num_rewinds = 0
        #: Told the number of the step once its gradients are known to be finite, before they are clipped and used up.
        self.on_gradients: Callable[[int], None] = lambda _: None

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted from 0. Skipped steps are none for the schedule; each rewind damps the rate."""
        damping = self._damping**self.num_rewinds
        if self._rates is not None:
            return self._rates(step) * damping
        skipped = 0 if self.loss_scale is None else self.loss_scale.num_skipped
        return self._learning_rate * self.schedule(step - skipped) * damping

    def __call__(
        self, *, step: int, loss: Tensor | None = None, again: Callable[[], Tensor] | None = None
    ) -> Tensor | None:
        """Take the step after `step` others: move the weights along their gradients, which are used up.

        L-BFGS looks before it leaps: `loss` is that of the gradients, and `again` computes both anew where the weights
        are then. Returns the norm that the gradients had, None where they overflowed in fp16 and the step is skipped.
        Raises Diverged before anything is moved when one is not finite.
        """
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm = gradient_norm(gradients)
        rate = self.learning_rate(step)
        if self.loss_scale is not None:
            true_norm = self.loss_scale.unscale(gradients, norm, step=step + 1)
            if true_norm is None:
                self.forget()
                return None
            norm = true_norm
        refuse_poison(norm, step=step + 1, optimizer=self.optimizer)
        self.on_gradients(step + 1)
        clip(gradients, norm, self._bound)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if isinstance(self.optimizer, optimizers.Lbfgs):
            self._search(self.optimizer, loss, again)
        else:
            self._step()
        self.forget()
        return norm

    def scaled(self, loss: Tensor) -> Tensor:
        """What to take the gradient of: the loss, or in fp16 a multiple of it."""
        return loss if self.loss_scale is None else loss * self.loss_scale.scale

    def figures(self) -> dict[str, float]:
        """What a skipped step has changed, by the names of metrics."""
        return {} if self.loss_scale is None else {"train/loss_scale": self.loss_scale.scale}

    def forget(self) -> None:
        """Drop the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the optimizer's tensors."""
        scale = self.loss_scale
        return {
            "schedule": self.schedule.state(),
            "loss_scale": None if scale is None else scale.state(),
            "num_rewinds": self.num_rewinds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.schedule.restore(state["schedule"])
        self.num_rewinds = state.get("num_rewinds", 0)
        if self.loss_scale is not None and state["loss_scale"] is not None:
            self.loss_scale.restore(state["loss_scale"])

    def _search(self, optimizer: optimizers.Lbfgs, loss: Tensor | None, again: Callable[[], Tensor] | None) -> None:
        if loss is None or again is None:
            raise ValueError("L-BFGS needs the loss, again and again")

        def evaluated() -> Tensor:
            self.forget()
            return again()

        optimizer.move(loss, evaluated)
