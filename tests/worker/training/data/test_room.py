"""What memory is left for data, and files that are larger."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
import torch

from worker.training.data import room
from worker.training.data.room import available_bytes, check_file_fits, room_for_data
from worker.training.errors import TrainingError


@pytest.fixture
def group(tmp_path: Path) -> Path:
    """A control group of version 2 with a megabyte, half of it used, a quarter by files that may go."""
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("500000\n")
    (tmp_path / "memory.stat").write_text("anon 250000\ninactive_file 250000\n")
    return tmp_path


def test_the_limit_of_the_control_group_counts(group):
    assert available_bytes(group) == 750_000


def test_without_a_limit_the_host_counts(group, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 123})())
    assert available_bytes(group) == 123
    (group / "memory.max").write_text("max\n")
    assert available_bytes(group) == 123
    assert available_bytes(group / "no such group") == 123
    assert room_for_data(torch.device("cpu")) == int(123 * room.SHARE_OF_HOST)


def test_an_older_control_group_counts_too(tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text("900\n")
    (tmp_path / "memory/memory.usage_in_bytes").write_text("1000\n")
    assert available_bytes(tmp_path) == 0


def test_a_file_that_is_larger_than_memory_is_refused_unless_it_is_streamed(group):
    path = group / "table.csv"
    path.write_bytes(b"x" * 750_000)
    check_file_fits(path, format="csv", groups=group)
    path.write_bytes(b"x" * 750_001)
    check_file_fits(path, format="images", groups=group)

    with pytest.raises(TrainingError, match="750,001 bytes, and this worker has 750,000") as caught:
        check_file_fits(path, format="csv", groups=group)
    assert (caught.value.code, caught.value.param) == ("out_of_memory", "#/data/dataset")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_a_gpu_its_own_memory_counts():
    free, _ = torch.cuda.mem_get_info()
    assert room_for_data(torch.device("cuda")) == pytest.approx(free * room.SHARE_OF_GPU, rel=0.05)
