"""A worker's identity outlives it and is never shared; its devices are seen without torch."""

import os
import stat
from pathlib import Path

import pytest

from worker import node


def test_an_identity_outlives_its_worker(tmp_path):
    first = node.identify(tmp_path)
    first.release()
    second = node.identify(tmp_path)
    second.release()
    assert (second.node, second.name) == (first.node, first.name)
    assert second.worker_id != first.worker_id


def test_two_living_workers_on_one_folder_are_two(tmp_path):
    first, second = node.identify(tmp_path), node.identify(tmp_path)
    assert first.node != second.node
    assert first.name != second.name
    first.release()
    third = node.identify(tmp_path)
    assert third.node == first.node
    for identity in (second, third):
        identity.release()


def test_a_half_written_identity_is_made_anew(tmp_path):
    (tmp_path / "0.json").write_text('{"node": "a')
    identity = node.identify(tmp_path)
    identity.release()
    again = node.identify(tmp_path)
    again.release()
    assert again.node == identity.node


@pytest.fixture
def driver(tmp_path: Path, monkeypatch) -> None:
    """A stand-in for NVIDIA's tool that knows two devices, and a torch that can use them."""
    tool = tmp_path / "nvidia-smi"
    rows = "0, GPU-aaaa, NVIDIA A, 1024\n1, GPU-bbbb, NVIDIA B, 2048\n"
    tool.write_text(f"#!/bin/sh\nprintf '%s' '{rows}'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(node, "_torch_is_without_cuda", lambda: False)


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["NVIDIA A", "NVIDIA B"]),
        ("1", ["NVIDIA B"]),
        ("GPU-aaaa", ["NVIDIA A"]),
        ("0,1", ["NVIDIA A", "NVIDIA B"]),
    ],
)
def test_each_gpu_that_may_be_used_is_a_device_of_its_own(driver, visible, names):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    found = node.devices(environment)
    assert [device.name for device in found] == names
    assert {device.kind for device in found} == {"cuda"}
    assert all(device.environment["CUDA_VISIBLE_DEVICES"].startswith("GPU-") for device in found)
    assert found[0].document()["memory_bytes"] in {1 << 30, 2 << 30}


@pytest.mark.parametrize("visible", ["", "-1", "7"])
def test_without_a_gpu_the_device_is_the_cpu_and_trainers_see_none(driver, visible):
    (device,) = node.devices({"CUDA_VISIBLE_DEVICES": visible})
    assert device.kind == "cpu"
    assert device.environment == {"CUDA_VISIBLE_DEVICES": ""}
    assert device.memory_bytes > 0


def test_a_driver_that_fails_means_no_gpu(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(node, "_torch_is_without_cuda", lambda: False)
    assert [device.kind for device in node.devices({})] == ["cpu"]


def test_the_machine_tells_its_versions_its_load_and_its_cores():
    assert "torch" in node.versions()
    said = node.utilisation([node.Device("cpu", "c", 1, {"CUDA_VISIBLE_DEVICES": ""})])
    assert set(said) == {"cpu_percent", "memory_percent", "processes_memory_bytes"}
    assert said["processes_memory_bytes"] > 1 << 20
    assert 1 <= node.num_cores() <= (os.cpu_count() or 1)


def test_the_load_of_this_workers_gpus_is_told_and_what_the_driver_does_not_know_left_out(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    rows = "GPU-aaaa, NVIDIA A, 93, 512, 1024, 61\nGPU-bbbb, NVIDIA B, [N/A], 7, 2048, [N/A]\nGPU-cccc, C, 1, 1, 1, 1\n"
    tool.write_text(f"#!/bin/sh\nprintf '%s' '{rows}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    mine = [node.Device("cuda", "x", 1, {"CUDA_VISIBLE_DEVICES": uuid}) for uuid in ("GPU-aaaa", "GPU-bbbb")]
    first, second = node.utilisation(mine)["gpus"]
    assert first == {
        "uuid": "GPU-aaaa",
        "name": "NVIDIA A",
        "utilisation_percent": 93,
        "memory_used_bytes": 512 << 20,
        "memory_total_bytes": 1 << 30,
        "temperature_celsius": 61,
    }
    assert second == {
        "uuid": "GPU-bbbb",
        "name": "NVIDIA B",
        "memory_used_bytes": 7 << 20,
        "memory_total_bytes": 2 << 30,
    }
