"""Whether a device computes: asked in a process of its own, whose exit code is the answer.

A context that a fault has broken stays broken as long as its process lives, and a device that has fallen off the bus is
seen by a new process alone.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Final

import torch

from worker.exits import Exit
from worker.orders import Channel

_SIZE: Final = 1024
_ROUNDS: Final = 8


def run(connection: socket.socket) -> int:
    """Compute on the device that the environment names; answers `Exit.OK` or `Exit.DEVICE_FAULT`."""
    os.environ.update(Channel(connection).next().fields["environment"])
    try:
        computes_right("cuda" if os.environ.get("CUDA_VISIBLE_DEVICES") else "cpu")
    except (RuntimeError, AssertionError, OSError) as error:  # torch asserts that it was built for the device
        sys.stderr.write(f"{error}\n")
        return Exit.DEVICE_FAULT
    return Exit.OK


def computes_right(device: str) -> None:
    """Compare sums of products that every arithmetic holds exactly. Raises RuntimeError where they differ or the device
    fails.
    """
    row = torch.arange(_SIZE, dtype=torch.float32) % 7 - 3
    expected = float((row * row).sum())
    for _ in range(_ROUNDS):
        there = row.to(device).expand(_SIZE, _SIZE)
        product = there @ there.T
        if not bool((product == expected).all()):
            raise RuntimeError(f"{device} computes wrongly")
