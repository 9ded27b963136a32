"""One training run in memory: the parts that a step works on, and the state that a checkpoint keeps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import nn

from models.spec import JobSpec, document
from models.spec.loss import BinaryCrossEntropy, Quantile
from worker.training import augmentation, losses, networks
from worker.training.averaging import Average
from worker.training.beginning import begin_with
from worker.training.checkpoint.rooms import Rooms
from worker.training.checkpoint.snapshot import Snapshot, Tensors, optimizer_tensors, restore_optimizer
from worker.training.data import Data, Signature
from worker.training.diagnosis.figures import History
from worker.training.early_stopping import Monitor
from worker.training.evaluation import Evaluation
from worker.training.gradients import Penalty
from worker.training.networks import Model
from worker.training.plan import Counters, Plan
from worker.training.portions import Portions
from worker.training.randomness import seed_initialization
from worker.training.rows import Rows, prepare
from worker.training.update import Update

PARTS_OF_A_SNAPSHOT = ("weights", "optimizer", "raw")
#: Rows that a network is fitted on before it is trained: enough for quantiles, however many there are.
MOST_ROWS_TO_FIT = 1 << 17


@dataclass(slots=True)
class Session:
    """What `fit` moves forward. `unchanging` is what `state.json` holds besides: spec, signature and data recipe.

    `augmentation` maps the rows of a training batch to rows, drawing from the default generator only.
    """

    spec: JobSpec
    data: Data
    device: torch.device
    model: Model
    train: Rows
    validation: Rows
    plan: Plan
    loss: losses.Loss
    penalty: Penalty
    update: Update
    evaluation: Evaluation
    monitor: Monitor
    unchanging: dict[str, Any]
    portions: Portions
    augmentation: nn.Module | None = None
    average: Average | None = None
    counters: Counters = field(default_factory=Counters)
    scores: dict[str, float] = field(default_factory=dict)
    best_scores: dict[str, float] = field(default_factory=dict)
    history: History = field(default_factory=History)
    seconds: float = 0.0
    num_rows_seen: int = 0
    rooms: Mapping[str, Rooms] = field(default_factory=lambda: {name: Rooms() for name in PARTS_OF_A_SNAPSHOT})

    @property
    def num_parameters(self) -> int:
        """Weights that are trained."""
        return sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)

    def tensors(self) -> dict[str, Tensors]:
        """The tensors that change, by the part of a snapshot that keeps them; no copies."""
        average = self.average
        return {
            "weights": self.model.state_dict() if average is None else average.weights(),
            "optimizer": optimizer_tensors(self.update.optimizer),
            "raw": {} if average is None else average.raw(),
        }

    def snapshot(self) -> Snapshot:
        """Copies of everything that changes, at a step boundary."""
        copies = {part: self.rooms[part].copied(tensors) for part, tensors in self.tensors().items()}
        return Snapshot(step=self.counters.step, epoch=self.counters.epoch, state=self._state(), **copies)

    def as_validated(self) -> AbstractContextManager[None]:
        """A context in which the model has the weights that are validated and returned."""
        return nullcontext() if self.average is None else self.average.in_place()

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from a snapshot. Raises RuntimeError when its tensors do not have the shapes of this model."""
        self.model.load_state_dict(snapshot.weights)
        if self.average is not None:
            self.average.restore(weights=snapshot.weights, raw=snapshot.raw)
        restore_optimizer(self.update.optimizer, snapshot.optimizer)
        state = snapshot.state
        self.counters = Counters(**state["counters"])
        self.monitor.restore(state["monitor"])
        self.update.restore(state["update"])
        self.portions.restore(state["micro_batch_size"])
        self.scores, self.best_scores = dict(state["scores"]), dict(state["best_scores"])
        self.history = History.restored(state.get("history", {}))
        self.seconds, self.num_rows_seen = state["seconds"], state["num_rows_seen"]

    def _state(self) -> dict[str, Any]:
        return {
            "counters": asdict(self.counters),
            "monitor": self.monitor.state(),
            "update": self.update.state(),
            "micro_batch_size": self.portions.state(),
            "scores": self.scores,
            "best_scores": self.best_scores,
            "history": self.history.state(),
            "seconds": self.seconds,
            "num_rows_seen": self.num_rows_seen,
            "num_threads": torch.get_num_threads(),
            "is_complete": True,
            **self.unchanging,
        }


def open_session(spec: JobSpec, data: Data, *, device: torch.device, begin: Snapshot | None = None) -> Session:
    """Build everything that a resolved spec names. The initial weights are a function of the seed on every device, or
    those of `begin`. Raises TrainingError where these do not fit.
    """
    data = replace(data, signature=_asked(data.signature, spec))
    seed_initialization(spec.seed)
    depth = spec.regularization.stochastic_depth
    network = networks.build(spec.network, data.signature, stochastic_depth=depth)
    model = Model(data.preprocessing, network, data.signature).to(device)
    train = prepare(data.train, model)
    _fit(model, train)
    if begin is not None:  # after what the network fits on its rows: that comes with its weights
        begin_with(model, begin, recipe=data.recipe)
    plan = Plan.of(spec, num_rows=len(train))
    classes = data.signature.classes
    counts = None if classes is None else torch.bincount(train.targets, minlength=len(classes))
    loss = losses.build(spec.loss, data.signature, counts=counts)
    metrics = [] if spec.evaluation.metrics == "auto" else list(spec.evaluation.metrics)
    return Session(
        spec=spec,
        data=data,
        device=device,
        model=model,
        train=train,
        validation=prepare(data.validation, model),
        plan=plan,
        loss=loss,
        penalty=Penalty(spec.regularization, model),
        update=Update(spec, model, plan),
        evaluation=Evaluation(model, loss, metrics=metrics),
        monitor=Monitor(spec.early_stopping),
        augmentation=None
        if spec.augmentation == "auto"
        else augmentation.build(spec.augmentation, preprocessing=model.preprocessing),
        unchanging={"spec": document(spec), "signature": data.signature.document(), "data": data.recipe},
        portions=Portions(spec.training.micro_batch_size, model.network),
        average=None if (ema := spec.regularization.ema) is None else Average(ema, model, plan),
    )


def _asked(signature: Signature, spec: JobSpec) -> Signature:
    """The signature with what the loss expects of the outputs."""
    if isinstance(spec.loss, BinaryCrossEntropy) and signature.num_outputs > 2:
        return replace(signature, one_vs_rest=True)
    if isinstance(spec.loss, Quantile):
        levels = spec.loss.levels
        return replace(signature, num_outputs=signature.num_outputs * len(levels), quantiles=levels)
    return signature


def _fit(model: Model, train: Rows) -> None:
    """Let the network measure what it wants to know of the training rows, on some of them, evenly spaced."""
    if not (parts := networks.to_fit(model.network)):
        return
    step = max(1, len(train) // MOST_ROWS_TO_FIT)
    some = train.take(torch.arange(0, len(train), step, device=train.targets.device))
    with torch.no_grad():
        inputs = some.inputs if some.is_ready else model.preprocessing(some.inputs)
        for part in parts:
            part.fit(inputs)
