"""`train`: from a spec and a source to a result, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from models.formats.sources import Source
from models.spec import JobSpec
from models.spec.network import Recurrent
from worker.training import compiling, fingerprints
from worker.training.baselines import Memory
from worker.training.callbacks import Callback, Callbacks
from worker.training.checkpoint import PREDICTING, Snapshot, check_identity, latest_good, load
from worker.training.data import Data, prepare
from worker.training.errors import CheckpointRefused, TrainingError
from worker.training.keeper import Keeper
from worker.training.loop import BROKEN_OFF, Ending, Loop
from worker.training.precision import chosen
from worker.training.range_test import at_rate, find_rate, known_rate, usual_rate, with_rate
from worker.training.recorder import Recorder
from worker.training.resolution import resolved, settled
from worker.training.result import OUTCOMES, Result, score_test, summary
from worker.training.rows import prepare as prepare_rows
from worker.training.session import Session, open_session
from worker.training.surroundings import choose_device, surroundings


def train(
    spec: JobSpec,
    source: Source,
    *,
    directory: Path,
    device: str = "auto",
    callbacks: Sequence[Callback] = (),
    resume: Path | Snapshot | None = None,
    begin: Path | Snapshot | None = None,
    num_threads: int | None = None,
    memory: Path | None = None,
) -> Result:
    """Train what a spec describes on a source; checkpoints go to folders below `directory`.

    `resume` names a checkpoint folder to go on from; where it is damaged, the newest good one beside it is taken, and
    the start where there is none. A snapshot that is loaded already is not read again. `begin` names one to take the
    initial weights from, and nothing else. `num_threads` is what PyTorch computes with; a resumed run keeps the number
    it began with unless told otherwise. `memory` is a folder for what simple predictors answer, which is then computed
    once per split. Raises InvalidSpec, InvalidData and TrainingError.
    """
    with surroundings(deterministic=spec.deterministic, num_threads=num_threads):
        run = _Run(Callbacks(tuple(callbacks)), directory=directory, memory=memory)
        begin = load(begin, only=PREDICTING) if isinstance(begin, Path) else begin
        session = run.open(spec, source, device=choose_device(device), begin=begin)
        return run.go(session, resume=resume, keeps_threads=num_threads is None)


class _Run:
    """One call of `train`."""

    def __init__(self, callback: Callback, *, directory: Path, memory: Path | None = None) -> None:
        self._callback = callback
        self._directory = directory
        self._memory = memory
        self._phase = ""
        self._phase_began = time.monotonic()
        self._phase_seconds: dict[str, float] = {}
        self._finds_rate = False

    def open(self, spec: JobSpec, source: Source, *, device: torch.device, begin: Snapshot | None = None) -> Session:
        """Resolve the spec, prepare the data, build the network."""
        self._enter("preparing_data")
        spec = _on_device(resolved(spec, source), device)
        self._callback.on_sign()
        data = prepare(spec, source, device=device, on_sign=self._callback.on_sign)
        self._callback.on_sign()
        self._finds_rate = spec.optimizer.learning_rate == "auto"
        if self._finds_rate:
            spec = at_rate(spec, usual_rate(spec))
        spec = _held(spec, data)
        session = open_session(settled(spec, data), data, device=device, begin=begin)
        for warning in session.data.report.get("warnings", ()):
            self._callback.on_warning("data", warning)
        return session

    def go(self, session: Session, *, resume: Path | Snapshot | None, keeps_threads: bool) -> Result:
        """Train to an end, then test and save what the run returns."""
        if self._finds_rate:
            session = self._at_good_rate(session, resume=resume)
        recorder = Recorder(self._callback, device=session.device)
        keeper = self._keeper(session, recorder)
        if resume is not None:
            self._resume(keeper, resume, keeps_threads=keeps_threads)
        found = {"learning_rate": session.spec.optimizer.learning_rate} if self._finds_rate else {}
        self._callback.on_resolved(session.spec, {**_facts(session), **found})
        self._enter("training")
        ending = Loop(session, recorder=recorder, keeper=keeper, callback=self._callback).fit()
        if ending in BROKEN_OFF:
            return Result(OUTCOMES[ending], session.counters.step, session.counters.epoch, {"ended_by": ending.value})
        return self._finish(session, keeper, ending)

    def _at_good_rate(self, session: Session, *, resume: Path | Snapshot | None) -> Session:
        """The session at the rate that the run was begun with, or at one that is found now."""
        rate = None if resume is None else known_rate(session.spec, resume)
        return with_rate(session, find_rate(session, self._callback) if rate is None else rate)

    def _finish(self, session: Session, keeper: Keeper, ending: Ending) -> Result:
        self._enter("evaluating")
        last = session.snapshot()
        returned = _returned(session, keeper, last)
        keeper.begin_to_finish(last)
        session.model.load_state_dict(returned.weights)
        try:
            test = prepare_rows(session.data.test, session.model)
            scores = score_test(session, test, on_sign=self._callback.on_sign, memory=self._known(session, keeper))
        except BaseException:
            keeper.close()
            raise
        self._enter("saving")
        final = keeper.finish(returned=returned)
        self._enter("")
        whole = {**summary(session, ending, final, phase_seconds=self._phase_seconds), **scores}
        return Result("succeeded", session.counters.step, session.counters.epoch, whole)

    def _known(self, session: Session, keeper: Keeper) -> Memory | None:
        """What simple predictors have answered on this split before, where that is kept."""
        if self._memory is None:
            return None
        return Memory(self._memory, session, data_sha256=keeper.identity["data_sha256"])

    def _keeper(self, session: Session, recorder: Recorder) -> Keeper:
        facts = {
            "spec_sha256": fingerprints.of_spec(session.spec),
            "data_sha256": fingerprints.of_data(session.data),
            "torch": torch.__version__,
            "device": str(session.device),
        }
        return Keeper(session, directory=self._directory, recorder=recorder, callback=self._callback, facts=facts)

    def _resume(self, keeper: Keeper, source: Path | Snapshot, *, keeps_threads: bool) -> None:
        snapshot = self._good(source, wanted=keeper.identity)
        if snapshot is None:
            self._callback.on_warning(
                "no_checkpoint", "No checkpoint could be used; training starts from the beginning."
            )
            return
        keeper.resume(snapshot)
        if (num_threads := snapshot.state["num_threads"]) != torch.get_num_threads():
            if keeps_threads:
                torch.set_num_threads(num_threads)
            else:
                message = (
                    f"The run began with {num_threads} threads; with another number results differ in the last bits."
                )
                self._callback.on_warning("other_num_threads", message)

    def _good(self, source: Path | Snapshot, *, wanted: Mapping[str, Any]) -> Snapshot | None:
        """The checkpoint asked for, or the newest good one before it in its folder."""
        try:
            if isinstance(source, Path):
                return load(source, wanted=wanted)
            check_identity(source.facts, wanted=wanted, step=str(source.step))
        except CheckpointRefused as refused:
            self._damaged(refused.message)
        else:
            return source
        return self._before(source, wanted=wanted) if isinstance(source, Path) else None

    def _before(self, path: Path, *, wanted: Mapping[str, Any]) -> Snapshot | None:
        before = int(path.name) if path.name.isdecimal() else None
        return latest_good(path.parent, before=before, wanted=wanted, on_damage=self._damaged)

    def _damaged(self, message: str) -> None:
        self._callback.on_warning("checkpoint_damaged", message)

    def _enter(self, phase: str) -> None:
        now = time.monotonic()
        if self._phase:
            self._phase_seconds[self._phase] = now - self._phase_began
        self._phase, self._phase_began = phase, now
        if phase:
            self._callback.on_phase(phase)


def _on_device(spec: JobSpec, device: torch.device) -> JobSpec:
    """The spec with what only the device could settle."""
    precision = chosen(spec.training.precision, device)
    if precision == "fp16" and device.type == "cpu" and isinstance(spec.network, Recurrent):
        message = "PyTorch has no recurrent layers in fp16 on the CPU; bf16 and fp32 it has."
        raise TrainingError("no_such_arithmetic", message, param="#/training/precision")
    return spec.model_copy(
        update={
            "training": spec.training.model_copy(
                update={"precision": precision, "compile": compiling.chosen(spec.training.compile, device)}
            ),
            "resources": spec.resources.model_copy(update={"device": device.type}),
        }
    )


def _held(spec: JobSpec, data: Data) -> JobSpec:
    """The spec with where images of an archive are while they train."""
    if data.train.pictures is None:
        return spec
    held = "files" if data.train.is_streamed else "device"
    return spec.model_copy(update={"resources": spec.resources.model_copy(update={"images": held})})


def _returned(session: Session, keeper: Keeper, last: Snapshot) -> Snapshot:
    """The best weights where early stopping restores them, else the last."""
    stopping = session.spec.early_stopping
    restores = stopping is not None and stopping.restore_best and keeper.best is not None
    return keeper.best if restores and keeper.best is not None else last


def _facts(session: Session) -> dict[str, Any]:
    return {
        "parameters": session.num_parameters,
        "steps": session.plan.total_steps,
        "steps_per_epoch": session.plan.steps_per_epoch,
        "batch_size": session.plan.batch_size,
        "step": session.counters.step,
        "rows": {"train": len(session.train), "validation": len(session.validation), "test": len(session.data.test)},
        "num_threads": torch.get_num_threads(),
        "device": str(session.device),
        "report": session.data.report,
    }
