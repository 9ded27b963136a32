"""A trainer, seen from its channel: what it says when all goes well, when not, and when it is told to stop."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.worker.running import frames_of, output_of, start_frame, taken_from
from worker.exits import Exit
from worker.messages import Frame
from worker.processes import TrainerProcess
from worker.spares import Spares
from worker.training import checkpoint
from worker.training.checkpoint import Snapshot


@pytest.fixture
def trainer(spares: Spares) -> Iterator[TrainerProcess]:
    with taken_from(spares) as taken:
        yield taken


def wait_for_kind(frames: Iterator[Frame], kind: str) -> Frame:
    return next(frame for frame in frames if frame.kind == kind)


def test_a_run_tells_everything_in_order_and_exits_well(trainer, tmp_path):
    trainer.send(start_frame(tmp_path))
    frames = list(frames_of(trainer))
    kinds = [frame.kind for frame in frames]
    assert kinds[0] == "phase"
    assert [kind for kind in kinds if kind not in {"metrics", "progress"}] == [
        "phase",
        "resolved",
        "phase",
        "phase",
        "checkpoint",
        "finished",
    ]
    assert frames[-1].fields["outcome"] == "succeeded"
    assert trainer.wait(5)
    assert trainer.status == Exit.OK


def test_every_metric_point_arrives_once_and_before_the_checkpoint_that_holds_it(trainer, tmp_path):
    trainer.send(start_frame(tmp_path))
    steps: list[int] = []
    for frame in frames_of(trainer):
        if frame.kind == "checkpoint":
            break
        if frame.kind == "metrics":
            assert frame.fields["names"] == ["train/loss"]
            steps += frame.arrays[0].tolist()
    assert steps == list(range(1, 21))


def test_the_first_step_is_told_at_once(trainer, tmp_path):
    trainer.send(start_frame(tmp_path, name="endless", spec=start_frame(tmp_path, name="endless").fields["spec"]))
    progress = wait_for_kind(frames_of(trainer), "progress")
    assert progress.fields["steps"] == 20
    assert progress.fields["step"] >= 1


@pytest.mark.parametrize(
    ("order", "outcome", "status", "saves"),
    [
        ("cancel", "cancelled", Exit.OK, False),
        ("pause", "paused", Exit.OK, True),
        ("drain", "drained", Exit.DRAINED, True),
        ("stop", "succeeded", Exit.OK, True),
    ],
)
def test_orders_are_obeyed_between_two_steps(trainer, tmp_path, order, outcome, status, saves):
    trainer.send(named(tmp_path, "endless"))
    frames = frames_of(trainer)
    wait_for_kind(frames, "progress")
    trainer.send(Frame("order", {"order": order}))
    rest = list(frames)
    assert rest[-1].fields["outcome"] == outcome
    assert any(frame.kind == "checkpoint" for frame in rest) == saves
    assert trainer.wait(5)
    assert trainer.status == status


def test_sigterm_asks_for_a_checkpoint_as_a_drain_does(trainer, tmp_path):
    trainer.send(named(tmp_path, "endless"))
    frames = frames_of(trainer)
    wait_for_kind(frames, "progress")
    trainer.signal(signal.SIGTERM)
    assert list(frames)[-1].fields["outcome"] == "drained"


def test_nothing_takes_a_cancellation_back(trainer, tmp_path):
    trainer.send(named(tmp_path, "endless"))
    for order in ("cancel", "drain"):
        trainer.send(Frame("order", {"order": order}))
    assert list(frames_of(trainer))[-1].fields["outcome"] == "cancelled"


@pytest.mark.parametrize(
    ("name", "code", "fault", "status"),
    [
        ("diverging", "diverged", "user", Exit.DIVERGED),
        ("invalid", "invalid_data", "user", Exit.BAD_INPUT),
        ("crashing", "internal_error", "infrastructure", Exit.CRASHED),
    ],
)
def test_a_failure_is_told_with_its_reason_and_its_exit_code(trainer, tmp_path, name, code, fault, status):
    trainer.send(named(tmp_path, name))
    last = list(frames_of(trainer))[-1]
    assert (last.kind, last.fields["code"], last.fields["fault"]) == ("failed", code, fault)
    assert trainer.wait(5)
    assert trainer.status == status


def test_a_crash_leaves_its_traceback_in_the_output(trainer, tmp_path):
    trainer.send(named(tmp_path, "crashing"))
    assert list(frames_of(trainer))[-1].fields["message"] == "RuntimeError: something is broken"
    assert trainer.wait(5)
    assert "RuntimeError: something is broken" in output_of(trainer)


def test_invalid_data_names_the_place(trainer, tmp_path):
    trainer.send(named(tmp_path, "invalid"))
    assert "row 7, column age" in list(frames_of(trainer))[-1].fields["message"]


def test_data_that_cannot_be_read_fails_the_job(trainer, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 but no more")
    source = {"path": str(tmp_path / "broken.parquet"), "format": "parquet", "options": {}}
    trainer.send(start_frame(tmp_path, source=source))
    last = list(frames_of(trainer))[-1]
    assert (last.kind, last.fields["code"]) == ("failed", "invalid_data")


def test_what_is_printed_and_warned_goes_into_the_output(trainer, tmp_path):
    trainer.send(named(tmp_path, "talking"))
    assert list(frames_of(trainer))[-1].kind == "finished"
    assert trainer.wait(5)
    output = output_of(trainer)
    for words in ("said on stdout", "said as a warning", "said by a library"):
        assert words in output


def test_a_crash_of_the_interpreter_leaves_its_stack_in_the_output(trainer, tmp_path):
    trainer.send(named(tmp_path, "aborting"))
    assert [frame.kind for frame in frames_of(trainer)][-1] != "finished"
    assert trainer.wait(5)
    assert trainer.status == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in output_of(trainer)


def test_a_run_goes_on_from_the_newest_checkpoint_that_is_sound(trainer, tmp_path):
    resume = [saved(tmp_path, 15), saved(tmp_path, 10)]
    spoil(resume[0])
    trainer.send(start_frame(tmp_path, resume=resume, is_first_attempt=False))
    frames = list(frames_of(trainer))
    told = {frame.kind: frame.fields for frame in frames if frame.kind in {"damaged", "resumed"}}
    assert list(told) == ["damaged", "resumed"]
    assert (told["damaged"]["attempt"], told["damaged"]["step"], told["resumed"]["step"]) == (1, 15, 10)
    assert frames[-1].fields["result"]["steps"] == 10


def test_a_run_without_a_sound_checkpoint_starts_again_and_says_so(trainer, tmp_path):
    resume = [saved(tmp_path, 15)]
    spoil(resume[0])
    trainer.send(start_frame(tmp_path, resume=resume, is_first_attempt=False))
    frames = list(frames_of(trainer))
    kinds = [frame.kind for frame in frames]
    assert kinds.index("damaged") < kinds.index("restarted") < kinds.index("finished")
    assert frames[-1].fields["result"]["steps"] == 20


def test_a_checkpoint_that_is_only_good_to_predict_with_is_not_gone_on_from(trainer, tmp_path):
    resume = [saved(tmp_path, 15, is_complete=False), saved(tmp_path, 10)]
    trainer.send(start_frame(tmp_path, resume=resume, is_first_attempt=False))
    kinds = {frame.kind: frame.fields for frame in frames_of(trainer)}
    assert kinds["resumed"] == {"step": 10}
    assert "damaged" not in kinds


def test_a_trainer_whose_supervisor_is_gone_ends_itself(trainer, tmp_path):
    trainer.send(named(tmp_path, "endless"))
    wait_for_kind(frames_of(trainer), "progress")
    trainer.channel.shutdown(2)
    assert trainer.wait(2)
    assert trainer.status == Exit.ORPHANED


def named(directory: Path, name: str) -> Frame:
    return start_frame(directory, name=name)


def saved(folder: Path, step: int, *, is_complete: bool = True) -> dict[str, Any]:
    """A checkpoint on disk, as the supervisor names it."""
    snapshot = Snapshot(step, 1, {"weight": torch.zeros(2)}, {}, {"is_complete": is_complete})
    path = checkpoint.save(folder / "before", snapshot, kinds=frozenset({"latest"}), metrics={}, facts={}).path
    return {"attempt": 1, "step": step, "path": str(path)}


def spoil(candidate: dict[str, Any]) -> None:
    """Flip a bit of its weights."""
    weights = Path(candidate["path"]) / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
