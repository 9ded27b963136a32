"""The fourth part of a step: from gradients to new weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn, optim

from models.spec import JobSpec
from worker.training import fused, optimizers, schedules
from worker.training.gradients import clip, gradient_norm, refuse_poison
from worker.training.optimizers.groups import rate_of
from worker.training.plan import Plan


class Update:
    """Optimizer, schedule and gradient bound of one network."""

    def __init__(self, spec: JobSpec, network: nn.Module, plan: Plan) -> None:
        self.optimizer: optim.Optimizer = optimizers.build(spec.optimizer, network)
        self._parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._learning_rate = rate_of(spec.optimizer)
        self.schedule = schedules.build(spec.schedule, plan)
        self._bound = spec.regularization.gradient_clip
        #: Told the number of the step once its gradients are known to be finite, before they are clipped and used up.
        self.on_gradients: Callable[[int], None] = lambda _: None

    def learning_rate(self, step: int) -> float:
        """The rate of a step, counted from 0."""
        return self._learning_rate * self.schedule(step)

    def __call__(self, *, step: int, loss: Tensor | None = None, again: Callable[[], Tensor] | None = None) -> Tensor:
        """Take the step after `step` others: move the weights along their gradients, which are used up.

        L-BFGS looks before it leaps: `loss` is that of the gradients, and `again` computes both anew where the weights
        are then. Returns the norm that the gradients had. Raises Diverged before anything is moved when one is not
        finite.
        """
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        norm = gradient_norm(gradients)
        refuse_poison(norm, step=step + 1, optimizer=self.optimizer)
        self.on_gradients(step + 1)
        clip(gradients, norm, self._bound)
        rate = self.learning_rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if isinstance(self.optimizer, optimizers.Lbfgs):
            self._search(self.optimizer, loss, again)
        else:
            fused.step(self.optimizer)
        for parameter in self._parameters:
            parameter.grad = None
        return norm

    def _search(self, optimizer: optimizers.Lbfgs, loss: Tensor | None, again: Callable[[], Tensor] | None) -> None:
        if loss is None or again is None:
            raise ValueError("L-BFGS needs the loss, again and again")

        def evaluated() -> Tensor:
            for parameter in self._parameters:
                parameter.grad = None
            return again()

        optimizer.move(loss, evaluated)
