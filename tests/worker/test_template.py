"""The template's side of a fork that cannot be made; what works is tested where it is used, in `test_spares`."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.fixtures.waiting import wait_for
from tests.worker.running import is_alive
from worker.messages import TRAIN, Decoder, Frame
from worker.template import Template


@pytest.fixture
def control() -> Iterator[tuple[socket.socket, Template]]:
    """The supervisor side's end of a control socket, and the template at the other end."""
    ours, theirs = socket.socketpair()
    template = Template(theirs, runs={TRAIN: lambda _: 0})
    with ours, theirs, template._wakeup, template._alarm, template._selector:
        yield ours, template


def told(control: socket.socket) -> list[Frame]:
    return list(Decoder().feed(control.recv(1 << 16)))


def test_a_fork_that_the_system_refuses_is_told_and_leaves_nothing_open(control, monkeypatch):
    ours, template = control
    monkeypatch.setattr(os, "fork", refuse)
    channel, theirs = socket.socketpair()
    read, write = os.pipe()
    socket.send_fds(ours, [TRAIN], [theirs.fileno(), write])
    theirs.close()
    os.close(write)
    assert template._answer()
    assert told(ours) == [Frame("forked", {"pid": None})]
    with channel:
        assert channel.recv(1) == b""
    assert os.read(read, 1) == b""
    os.close(read)


def test_a_request_whose_descriptors_got_lost_is_told_and_leaves_nothing_open(control):
    ours, template = control
    channel, theirs = socket.socketpair()
    socket.send_fds(ours, [TRAIN], [theirs.fileno()])
    theirs.close()
    assert template._answer()
    assert told(ours) == [Frame("forked", {"pid": None})]
    with channel:
        assert channel.recv(1) == b""


def refuse() -> int:
    raise BlockingIOError("Resource temporarily unavailable")


PARENT = """
import socket, subprocess, sys
ours, theirs = socket.socketpair()
command = [sys.executable, "-m", "worker.template", str(theirs.fileno())]
child = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_a_template_that_still_warms_up_dies_with_its_worker():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        template = psutil.Process(int(parent.stdout.readline()))
        wait_for(lambda: any("torch" in mapped.path for mapped in template.memory_maps()), "it to import torch")
        parent.kill()
        wait_for(lambda: not is_alive(template.pid), "the template to die", timeout_seconds=2)


def test_a_template_whose_worker_died_while_it_was_started_ends_before_it_imports_anything():
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        command = [sys.executable, "-X", "importtime", "-m", "worker.template", str(theirs.fileno())]
        ended = subprocess.run(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, text=True, check=True)
    assert "torch" not in ended.stderr
