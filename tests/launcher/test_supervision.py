"""Parts that end are started again, more and more slowly; on the order to stop they end in order."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher import supervision
from launcher.errors import NotStarted
from launcher.supervision import Part, Supervisor, describe
from tests.fixtures.waiting import wait_for

MakePart = Callable[..., Part]


@pytest.fixture
def make_part(tmp_path: Path) -> Iterator[MakePart]:
    made: list[Part] = []

    def make(script: str, *, name: str = "part", **options: object) -> Part:
        log, environment = tmp_path / f"{name}.log", dict(os.environ)
        part = Part(name, ["sh", "-c", script], log=log, directory=tmp_path, environment=environment, **options)
        made.append(part)
        return part

    yield make
    for part in made:
        part.end()


def supervise(*parts: Part) -> tuple[Supervisor, list[str]]:
    said: list[str] = []
    return Supervisor(parts, say=said.append, announce=lambda *_: None), said


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_part_that_ends_is_started_again(make_part: MakePart, tmp_path: Path):
    part = make_part("echo started >> starts; [ $(wc -l < starts) -ge 3 ] && exec sleep 600; exit 3")
    supervisor, said = supervise(part)
    supervisor.start("part")
    supervisor.run_until(lambda: len(lines(tmp_path / "starts")) == 3)
    assert [sentence.partition(";")[0] for sentence in said] == ["part exited with status 3"] * 2


def test_the_pause_before_a_restart_doubles_up_to_a_limit(make_part: MakePart, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(supervision, "LONGEST_PAUSE_SECONDS", 0.004)
    supervisor, said = supervise(make_part("exit 1"))
    supervisor.start("part")
    supervisor.run_until(lambda: len(said) >= 4)
    assert [sentence.partition(" in ")[2].partition(" s")[0] for sentence in said[:4]] == [
        "0.001",
        "0.002",
        "0.004",
        "0.004",
    ]


def test_a_part_that_ran_steadily_is_not_punished_for_crashes_of_long_ago(
    make_part: MakePart, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(supervision, "STEADY_SECONDS", 0.0)
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.001)
    part = make_part("exit 1")
    supervisor, said = supervise(part)
    supervisor.start("part")
    supervisor.run_until(lambda: len(said) >= 3)
    assert part.crashes == 1


def test_a_part_that_never_comes_up_ends_the_start_with_its_last_words(make_part: MakePart):
    supervisor, _ = supervise(make_part("echo no such database >&2; exit 1"))
    supervisor.start("part")
    with pytest.raises(NotStarted, match=r"(?s)the part does not start.*no such database"):
        supervisor.run_until(lambda: False, hopeless_crashes=2)


def test_others_learn_the_pids_and_when_the_service_is_ready(make_part: MakePart):
    heard: list[tuple[dict[str, int], bool]] = []
    part = make_part("exec sleep 600")
    supervisor = Supervisor([part], say=print, announce=lambda pids, ready: heard.append((pids, ready)))
    supervisor.start("part")
    assert part.process is not None
    supervisor.declare_ready()
    supervisor.run_until(lambda: True)
    assert heard == [({"part": part.process.pid}, False), ({"part": part.process.pid}, True)]


def test_a_part_that_was_not_started_yet_is_left_alone(make_part: MakePart):
    early, late = make_part("exec sleep 600", name="early"), make_part("exec sleep 600", name="late")
    supervisor, _ = supervise(early, late)
    supervisor.start("early")
    rounds = iter([False, False, True])
    supervisor.run_until(lambda: next(rounds))
    assert (early.is_alive, late.is_alive) == (True, False)


def test_the_broker_stops_after_those_that_need_it(make_part: MakePart, tmp_path: Path):
    script = "trap 'echo {} >> ends; exit' TERM; touch {}.up; while :; do sleep 0.01; done"
    broker = make_part(script.format("broker", "broker"), name="broker", stops_last=True)
    worker = make_part(script.format("worker", "worker").replace("echo", "sleep 0.1; echo"), name="worker")
    supervisor, _ = supervise(broker, worker)
    supervisor.start("broker", "worker")
    supervisor.run_until(lambda: len(list(tmp_path.glob("*.up"))) == 2)
    supervisor.stop()
    assert lines(tmp_path / "ends") == ["worker", "broker"]


def test_a_second_order_to_stop_ends_the_patience(make_part: MakePart, tmp_path: Path):
    stubborn = make_part("trap '' TERM; touch up; while :; do sleep 0.01; done", grace_seconds=60)
    supervisor, _ = supervise(stubborn)
    supervisor.start("part")
    supervisor.run_until((tmp_path / "up").exists)
    before = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    }
    supervisor.listen()
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        began = time.monotonic()
        supervisor.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert stubborn.process is not None
    assert stubborn.process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 10


def test_an_order_to_stop_ends_the_watch(make_part: MakePart):
    supervisor, _ = supervise(make_part("exec sleep 600"))
    supervisor.start("part")
    supervisor.stop_orders = 1
    supervisor.run_until(lambda: pytest.fail("asked on after the order to stop"))
    assert supervisor.stop_orders == 1


def test_an_end_is_described_in_words():
    assert describe(3) == "exited with status 3"
    assert describe(-9) == "was ended by SIGKILL"


def test_the_pids_of_a_killed_part_change(make_part: MakePart):
    part = make_part("exec sleep 600")
    supervisor, said = supervise(part)
    supervisor.start("part")
    assert part.process is not None
    first = part.process.pid
    os.kill(first, signal.SIGKILL)
    supervisor.run_until(lambda: part.process is not None and part.process.pid != first)
    wait_for(lambda: part.is_alive, "the second one to run")
    assert said[0].startswith("part was ended by SIGKILL")
