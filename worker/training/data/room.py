"""How much memory there is for data: on a GPU, or in the host as far as this process may have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil
import torch

from worker.training.errors import TrainingError

#: Decoded images stay on the device where they take no more than this share of what is free there.
SHARE_OF_GPU: Final = 0.5
SHARE_OF_HOST: Final = 0.25

#: Formats whose images stay in their files, however many they are.
_IN_PLACE: Final = frozenset({"images", "npz", "idx"})
_GROUPS: Final = Path("/sys/fs/cgroup")
#: Limit and usage of this process's control group, versions 2 and 1.
_FILES: Final = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)


def room_for_data(device: torch.device) -> int:
    """The bytes that images may take to stay on the device for a whole run."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * SHARE_OF_GPU)
    return int(available_bytes() * SHARE_OF_HOST)


def check_file_fits(path: Path, *, format: str, groups: Path = _GROUPS) -> None:  # noqa: A002 - the word clients use
    """Raises TrainingError for a file that is larger than what memory is left, where its format is held in memory.

    To be refused with both numbers told is better than to be killed by the kernel without a word. Images of an archive
    stay in their files, however many they are.
    """
    num_bytes, available = path.stat().st_size, available_bytes(groups)
    if format not in _IN_PLACE and num_bytes > available:
        message = (
            f"The data has {num_bytes:,} bytes, and this worker has {available:,} bytes of memory left; data of the "
            f"format {format} is held in memory."
        )
        raise TrainingError("out_of_memory", message, param="#/data/dataset")


def available_bytes(groups: Path = _GROUPS) -> int:
    """The host's memory that this process can still have: what is available, within its control group's limit."""
    available = int(psutil.virtual_memory().available)
    for limit, usage in _FILES:
        most, used = _number(groups / limit), _number(groups / usage)
        if most is not None and used is not None:
            available = min(available, max(0, most - used + _reclaimable(groups / limit)))
    return available


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such group, or "max"
        return None


def _reclaimable(limit: Path) -> int:
    """Cached files of the group, which the kernel gives back when memory is asked for."""
    try:
        words = dict(line.split() for line in limit.with_name("memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 0
    return int(words.get("inactive_file", 0))
