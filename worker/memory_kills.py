"""How often the kernel has killed for memory: SIGKILL alone does not tell an operator from the OOM killer."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_COUNT: Final = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def count(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processes killed for memory so far, by the limit of this process's control group or by the whole machine's.

    Only differences mean something. 0 where the system keeps no count (not Linux).
    """
    return sum(_counted(path) for path in (*_group_files(proc, cgroups), proc / "vmstat"))


def _group_files(proc: Path, cgroups: Path) -> list[Path]:
    """The event files of this process's control groups, versions 2 and 1."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    files = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            files.append(cgroups / group.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            files.append(cgroups / "memory" / group.lstrip("/") / "memory.oom_control")
    return files


def _counted(path: Path) -> int:
    try:
        found = _COUNT.search(path.read_text())
    except OSError:
        return 0
    return int(found[1]) if found else 0
