"""A probe computes on a device, and says when the device does not."""

import socket

import pytest
import torch

from worker import probe
from worker.exits import Exit
from worker.messages import Frame


def probed(**environment: str) -> int:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(Frame("prepare", {"environment": environment}).encode())
        return probe.run(theirs)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_a_processor_passes():
    assert probed(CUDA_VISIBLE_DEVICES="") == Exit.OK


def test_a_device_that_is_not_there_fails(capfd):
    assert probed(CUDA_VISIBLE_DEVICES="GPU-that-was-never-built") == Exit.DEVICE_FAULT
    assert capfd.readouterr().err, "why"


def test_a_device_that_computes_wrongly_fails(monkeypatch):
    times = torch.Tensor.__matmul__
    monkeypatch.setattr(
        torch.Tensor, "__matmul__", lambda one, other: times(one, other).index_fill_(0, torch.tensor([7]), 1.0)
    )
    assert probed(CUDA_VISIBLE_DEVICES="") == Exit.DEVICE_FAULT


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_passes():
    assert probed(CUDA_VISIBLE_DEVICES="0") == Exit.OK
