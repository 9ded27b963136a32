"""The template and its spares: fast to fork, replaced when they die, and gone when the worker is."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from tests.fixtures.waiting import wait_for
from tests.worker.running import FAKE_TEMPLATE, frames_of, is_alive, running_spares, start_frame, taken_from
from worker.processes import TrainerProcess
from worker.spares import NoTemplate, Spares


def pid_of(trainer) -> int:
    return wait_for(lambda: trainer.pid, "the fork")


def test_a_spare_is_ready_before_it_is_asked_for(spares):
    trainer = spares.take(0)
    assert trainer.is_open()
    assert is_alive(pid_of(trainer))
    spares.give_back(0, trainer)
    assert spares.take(0) is trainer
    spares.give_back(0, trainer)


def test_a_slot_that_has_its_spare_back_keeps_one(spares):
    first = spares.take(0)
    spares.refill(0)
    second = spares.take(0)
    spares.give_back(0, second)
    spares.give_back(0, first)
    assert first.wait(2)
    assert spares.take(0) is second
    spares.give_back(0, second)


def test_forking_takes_milliseconds(spares):
    seconds = []
    for _ in range(5):
        spares.take(1).close()
        start = time.perf_counter()
        spares.refill(1)
        pid_of(spares._idle[1])
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.2


def test_a_slot_whose_spare_died_gets_another(spares, tmp_path):
    dead = spares.take(0)
    os.kill(pid_of(dead), signal.SIGKILL)
    assert dead.wait(5)
    assert dead.status == -signal.SIGKILL
    spares.give_back(0, dead)
    with taken_from(spares) as trainer:
        assert trainer is not dead
        trainer.send(start_frame(tmp_path))
        assert list(frames_of(trainer))[-1].kind == "finished"


def test_each_trainer_leads_a_session_of_its_own(spares):
    with taken_from(spares) as trainer:
        pid = pid_of(trainer)
        wait_for(lambda: os.getsid(pid) == pid, "its session")
        assert os.getsid(pid) != os.getsid(0)


def test_killing_a_trainer_is_seen_at_once(spares, tmp_path):
    with taken_from(spares) as trainer:
        trainer.send(start_frame(tmp_path, name="endless"))
        next(frames_of(trainer))
        trainer.kill()
        assert trainer.wait(2)
        assert trainer.status == -signal.SIGKILL


def test_a_template_that_dies_takes_its_trainers_along_and_is_replaced():
    with running_spares() as spares:
        with taken_from(spares) as trainer:
            pid = pid_of(trainer)
            os.kill(template_of(pid), signal.SIGKILL)
            assert trainer.wait(2)
            assert trainer.status is None
            wait_for(lambda: not is_alive(pid), "the trainer to die", timeout_seconds=2)
        successor = wait_for(lambda: taken(spares), "another template", timeout_seconds=120)
        assert pid_of(successor) != pid
        successor.close()


def test_a_spare_gives_way_to_one_that_can_more_once_the_template_has_done_its_chores(tmp_path):
    forked_early: list[TrainerProcess] = []

    def look() -> None:  # nothing that the template says later is heard before this returns
        forked_early.extend(spares.take(slot) for slot in (0, 1))
        spares.give_back(0, forked_early[0])

    spares = Spares([{}, {}], on_ready=look, command=(*FAKE_TEMPLATE, "chores"))
    spares.start()
    waiting, busy = wait_for(lambda: forked_early if len(forked_early) == 2 else None, "the first spares")
    wait_for(lambda: waiting.pid is not None and not is_alive(waiting.pid), "the early spare to go")
    with taken_from(spares) as late:
        assert template_of(pid_of(late)) == template_of(pid_of(busy))
        late.send(start_frame(tmp_path))
        assert list(frames_of(late))[-1].kind == "finished"
    assert is_alive(pid_of(busy))
    busy.close()
    spares.close()


def test_without_a_template_nothing_is_forked():
    spares = Spares([{}], command=(sys.executable, "-c", "import time; time.sleep(60)"))
    spares.start()
    with pytest.raises(NoTemplate):
        spares.take(0)
    spares.close()


def test_a_fork_that_fails_costs_its_spare_and_no_running_trainer(spares, tmp_path):
    with taken_from(spares) as trainer:
        template = psutil.Process(template_of(pid_of(trainer)))
        soft, hard = template.rlimit(psutil.RLIMIT_NOFILE)
        spares.take(1).close()
        template.rlimit(psutil.RLIMIT_NOFILE, (3, hard))
        try:
            lost = spares.take(1)
            assert lost.wait(5)
        finally:
            template.rlimit(psutil.RLIMIT_NOFILE, (soft, hard))
        assert (lost.pid, lost.status, lost.is_open()) == (None, None, False)
        spares.give_back(1, lost)
        with taken_from(spares, 1) as another:
            assert template_of(pid_of(another)) == template.pid
        trainer.send(start_frame(tmp_path))
        assert list(frames_of(trainer))[-1].kind == "finished"


def test_without_room_for_another_spare_the_next_taker_tries_again(spares, caplog):
    first = spares.take(1)
    with no_more_descriptors():
        spares.refill(1)
        with pytest.raises(NoTemplate):
            spares.take(1)
    assert "no trainer can be forked" in caplog.text
    with taken_from(spares, 1) as second:
        assert is_alive(pid_of(second))
    spares.give_back(1, first)


def test_a_template_that_cannot_be_started_is_tried_again(tmp_path, caplog):
    program = tmp_path / "template"
    is_ready = threading.Event()
    spares = Spares([], on_ready=is_ready.set, command=[str(program)])
    spares.start()
    wait_for(lambda: "FileNotFoundError" in caplog.text, "the first vain start")
    write_program(program)
    assert is_ready.wait(30)
    spares.close()


def test_a_template_whose_readiness_cannot_be_told_is_replaced(tmp_path, caplog):
    write_program(tmp_path / "template")
    calls: list[float] = []
    spares = Spares([], on_ready=lambda: fail_at_first(calls), command=[str(tmp_path / "template")])
    spares.start()
    wait_for(lambda: len(calls) == 2, "another template")
    assert "can't start new thread" in caplog.text
    spares.close()


def test_closing_leaves_no_process():
    with running_spares(num_slots=2) as spares:
        trainers = [spares.take(slot) for slot in (0, 1)]
        pids = [pid_of(trainer) for trainer in trainers]
        pids.append(template_of(pids[0]))
        for slot, trainer in enumerate(trainers):
            spares.give_back(slot, trainer)
    wait_for(lambda: not any(is_alive(pid) for pid in pids), "the processes to end", timeout_seconds=2)
    assert not any(is_alive(pid) for pid in pids)


def test_killing_the_worker_leaves_no_process():
    program = (
        "import sys, threading; from worker.spares import Spares; ready = threading.Event()\n"
        f"spares = Spares([{{}}], on_ready=ready.set, command={FAKE_TEMPLATE!r}); spares.start(); ready.wait()\n"
        "trainer = spares.take(0)\n"
        "while trainer.pid is None: pass\n"
        "print(trainer.pid, flush=True); threading.Event().wait()"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    trainer = int(worker.stdout.readline())
    template = template_of(trainer)
    worker.kill()
    worker.communicate()
    wait_for(lambda: not is_alive(trainer) and not is_alive(template), "everything to end", timeout_seconds=2)
    assert not is_alive(trainer)


def test_a_trainer_sees_none_of_the_services_secrets(monkeypatch):
    monkeypatch.setenv("TRAINYARD_DATABASE_URL", "postgresql://user:hunter2@host/db")
    with running_spares() as spares, taken_from(spares) as trainer:
        environment = psutil.Process(template_of(pid_of(trainer))).environ()
    assert "hunter2" not in " ".join(environment.values())
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """This process may open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def write_program(path) -> None:
    """A template that says it is ready and forks nothing."""
    draft = path.with_suffix(".draft")
    draft.write_text(
        f"#!/bin/sh\n'''exec' '{sys.executable}' \"$0\" \"$@\"\n' '''\n"  # a shebang takes no path with a space
        "import socket, sys\n"
        "from worker.messages import Frame\n"
        "control = socket.socket(fileno=int(sys.argv[-1]))\n"
        "control.sendall(Frame('ready').encode())\n"
        "control.recv(1)\n"
    )
    draft.chmod(0o700)
    draft.rename(path)


def fail_at_first(calls: list[float]) -> None:
    calls.append(time.monotonic())
    if len(calls) == 1:
        raise RuntimeError("can't start new thread")


def template_of(trainer_pid: int) -> int:
    return psutil.Process(trainer_pid).ppid()


def taken(spares: Spares):
    try:
        return spares.take(0)
    except NoTemplate:
        return None
