"""The kernel's counts of processes killed for memory, in the files of both versions of control groups."""

from pathlib import Path

import pytest

from worker import memory_kills


def machine(folder: Path, *, cgroup: str, files: dict[str, str]) -> dict[str, Path]:
    for name, text in {"proc/self/cgroup": cgroup, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"proc": folder / "proc", "cgroups": folder / "sys"}


@pytest.mark.parametrize(
    ("cgroup", "file", "text"),
    [
        ("0::/job.slice/worker\n", "sys/job.slice/worker/memory.events", "low 0\noom 4\noom_kill 3\n"),
        ("0::/\n", "sys/memory.events", "oom_kill 3\n"),
        ("7:memory:/worker\n2:cpu:/x\n", "sys/memory/worker/memory.oom_control", "under_oom 0\noom_kill 3\n"),
        ("0::/\n", "proc/vmstat", "pgfault 12\noom_kill 3\n"),
    ],
)
def test_the_count_is_found_wherever_the_kernel_keeps_it(tmp_path, cgroup, file, text):
    assert memory_kills.count(**machine(tmp_path, cgroup=cgroup, files={file: text})) == 3


def test_a_system_without_counts_has_counted_nothing(tmp_path):
    assert memory_kills.count(proc=tmp_path / "no", cgroups=tmp_path / "none") == 0
    assert memory_kills.count(**machine(tmp_path, cgroup="0::/\n", files={})) == 0


def test_this_machine_can_be_asked():
    assert memory_kills.count() >= 0


def test_only_the_kills_of_the_last_moments_speak_of_a_death():
    counted = [7]
    recent = memory_kills.Recent(0.0, count=lambda: counted[0])
    counted[0] += 1
    assert recent.num_kills() == 1
    recent.look(now=9.0)
    recent.look(now=11.0)
    assert recent.num_kills() == 1, "what is killed gives its memory back for a while before it is gone"
    recent.look(now=12.0)
    assert recent.num_kills() == 1
    recent.look(now=22.0)
    assert recent.num_kills() == 0, "that was somebody else"
    counted[0] += 2
    recent.look(now=22.5)
    assert recent.num_kills() == 2


def test_a_process_offers_itself_to_the_kernel_where_there_is_one_to_offer_it_to(tmp_path):
    memory_kills.offer_oneself(proc=tmp_path / "none")
    (tmp_path / "self").mkdir()
    memory_kills.offer_oneself(proc=tmp_path)
    assert int((tmp_path / "self" / "oom_score_adj").read_text()) > 0
