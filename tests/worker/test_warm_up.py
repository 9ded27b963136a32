"""The real template: warm, with one thread to fork from, and a real job that starts within a blink."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from models import spec
from models.samples import sample
from tests.fixtures.waiting import wait_for
from tests.worker.running import frames_of, output_of, running_spares, start_frame, taken_from
from worker.messages import Frame
from worker.spares import COMMAND, Spares


@pytest.fixture(scope="module")
def real_spares() -> Iterator[Spares]:
    with running_spares(command=COMMAND) as started:
        yield started


def real_start(directory: Path, name: str, **sections) -> Frame:
    shipped = sample(name)
    resolved = spec.resolve(spec.parse({"data": {"dataset": name}, **sections}), shipped.profile)
    frame = start_frame(directory, spec=spec.document(resolved), source={"sample": name}, num_threads=2)
    return Frame("start", {**frame.fields, "device": "auto"})


@pytest.mark.parametrize(
    ("name", "network"),
    [("iris", {"type": "mlp", "hidden": [16]}), ("digits", {"type": "cnn"}), ("breast_cancer", {"type": "mlp"})],
)
def test_a_real_job_trains_in_a_forked_trainer(real_spares, tmp_path, name, network):
    with taken_from(real_spares) as trainer:
        trainer.send(real_start(tmp_path, name, network=network, training={"epochs": 2}))
        frames = list(frames_of(trainer))
        assert trainer.wait(10)
        assert frames[-1].fields.get("outcome") == "succeeded", output_of(trainer)
        assert any("final" in frame.fields["kinds"] for frame in frames if frame.kind == "checkpoint")
        assert "saved step" in output_of(trainer)


def test_a_spare_that_has_rehearsed_takes_its_first_step_at_once(real_spares, tmp_path):
    times = []
    for number in range(5):
        with taken_from(real_spares) as trainer:
            wait_for(lambda: is_waiting(trainer.pid), "the spare to have rehearsed")
            start = time.perf_counter()
            trainer.send(real_start(tmp_path / str(number), "iris", network="mlp", training={"epochs": 1}))
            next(frame for frame in frames_of(trainer) if frame.kind == "progress")
            times.append(time.perf_counter() - start)
        real_spares.refill(0)
    assert min(times) < 0.5


def is_waiting(pid: int | None) -> bool:
    """Whether a spare has begun to wait for its job: it sleeps, and has computed for a while."""
    if pid is None:
        return False
    process = psutil.Process(pid)
    return process.status() == psutil.STATUS_SLEEPING and sum(process.cpu_times()[:2]) > 0.01


def test_the_template_never_touches_cuda_and_keeps_no_thread_of_python(real_spares):
    with taken_from(real_spares) as trainer:
        pid = wait_for(lambda: trainer.pid, "the fork")
        template = psutil.Process(pid).ppid()
        assert not any("nvidia" in path for path in open_files(template))
    real_spares.refill(0)


def open_files(pid: int) -> list[str]:
    return [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
