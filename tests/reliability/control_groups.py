"""A shortage of memory that the kernel answers by killing: a control group with a limit, of either version."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.fixtures.waiting import wait_for

_ROOT = Path("/sys/fs/cgroup")


@contextmanager
def memory_limit(num_bytes: int) -> Iterator[Path | None]:
    """A control group whose processes may use so much; None where the system lets us make none."""
    group = _made()
    if group is None:
        yield None
        return
    try:
        _limit_file(group).write_text(str(num_bytes))
        yield group
    finally:
        wait_for(lambda: _is_emptied(group), "the group to be empty", timeout_seconds=60)
        group.rmdir()


def _is_emptied(group: Path) -> bool:
    """Let those who are left go free; what is dying stays for a moment."""
    for pid in (group / "cgroup.procs").read_text().split():
        with suppress(OSError):
            (group.parent / "cgroup.procs").write_text(pid)
    return not (group / "cgroup.procs").read_text()


def put_into(group: Path, processes: Sequence[psutil.Process]) -> None:
    """Let the group's limit hold for these from now on."""
    for process in processes:
        (group / "cgroup.procs").write_text(str(process.pid))


def _made() -> Path | None:
    for parent in (_ROOT / "memory", _ROOT):
        group = parent / f"trainyard-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if _limit_file(group).exists():
            return group
        group.rmdir()
    return None


def _limit_file(group: Path) -> Path:
    return group / ("memory.limit_in_bytes" if group.parent.name == "memory" else "memory.max")
