"""Forward, loss, backward: from a batch to the gradients of its loss, at once or in portions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from worker.training.callbacks import Callback
from worker.training.compiling import compiled
from worker.training.evaluation import forward
from worker.training.objective import batch_loss, num_right, portion_loss
from worker.training.precision import arithmetic
from worker.training.randomness import seed_step
from worker.training.rows import Rows
from worker.training.session import Session
from worker.training.surroundings import is_out_of_memory


class Backward:
    """Leaves the gradients of a batch in the weights of a session.

    What is drawn depends on the number of the step alone, so that the same batch in the same step gives the same again.
    Where memory runs out, the batch is taken again in smaller portions.
    """

    def __init__(self, session: Session, callback: Callback) -> None:
        self._session = session
        self._callback = callback
        self._compiled = compiled(session.model.network) if session.spec.training.compile is True else None
        self._arithmetic: AbstractContextManager[object] = arithmetic(session.spec.training.precision, session.device)

    def __call__(self, batch: Rows) -> tuple[Tensor, Tensor | None]:
        """The loss, and how many rows were classified right, None without classes; both stay on the device.

        Raises OutOfMemory where not even the smallest portion fits.
        """
        while True:
            try:
                return self._once(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # outside of the handler, whose exception would hold on to what has to be freed
            self._shrink(len(batch))

    def _once(self, batch: Rows) -> tuple[Tensor, Tensor | None]:
        session = self._session
        session.portions.begin()
        seed_step(session.spec.seed, session.counters.step, session.device)
        if session.augmentation is not None:
            batch = session.augmentation(batch)
        portions = session.portions.cut(batch)
        loss, hits = self._whole(batch) if portions is None else self._accumulated(portions, of=batch)
        session.portions.went_through()
        return loss, hits

    def _whole(self, batch: Rows) -> tuple[Tensor, Tensor | None]:
        session = self._session
        with self._arithmetic:
            outputs = self._forward(batch)
            loss = session.penalty.added_to(batch_loss(session.loss, outputs, batch))
        session.update.scaled(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), self._hits(outputs, batch)

    def _accumulated(self, portions: Iterable[Rows], *, of: Rows) -> tuple[Tensor, Tensor | None]:
        """One portion after the other: gradients, losses and hits add up to those of the batch."""
        session = self._session
        losses: list[Tensor] = []
        hits: list[Tensor | None] = []
        for portion in portions:
            with self._arithmetic:
                outputs = self._forward(portion)
                loss = portion_loss(session.loss, outputs, portion, of=of)
                if not losses:
                    loss = session.penalty.added_to(loss)
            session.update.scaled(loss).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            hits.append(self._hits(outputs, portion))
        counted = [right for right in hits if right is not None]
        return torch.stack(losses).sum(), torch.stack(counted).sum() if counted else None

    def _forward(self, rows: Rows) -> Tensor:
        model = self._session.model
        if self._compiled is None:
            return forward(model, rows)
        return self._compiled(rows.inputs if rows.is_ready else model.preprocessing(rows.inputs))

    def _hits(self, outputs: Tensor, rows: Rows) -> Tensor | None:
        return num_right(outputs, rows.targets) if self._session.model.is_classifier else None

    def _shrink(self, num_rows: int) -> None:
        self._session.update.forget()
        size = self._session.portions.shrink(num_rows)
        message = f"Memory ran out with a batch of {num_rows} rows; they now go through {size} at a time."
        self._callback.on_warning("micro_batch_size", message)
