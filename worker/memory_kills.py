"""How often the kernel has killed for memory: SIGKILL alone does not tell an operator from the OOM killer.

The kernel counts for a control group or for the whole machine, not for a process: what it counted hours before a
trainer died was somebody else. So only kills shortly before a death speak of it, and a trainer offers itself as the
first to be killed, before what it was forked from and before the worker, which would take every other job along.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

#: A killed process gives its memory back for a while before it is gone: the last moments are at least so long.
RECENT_SECONDS: Final = 10.0

_COUNT: Final = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
#: The share of the memory that counts as used beyond what is, in thousandths. It is less than the predictor asks for,
#: whose death costs a request and not a step.
_SCORE: Final = 500


class Recent:
    """The kernel's kills of the last moments: between `RECENT_SECONDS` and twice as many. Times are monotonic."""

    def __init__(self, now: float, *, count: Callable[[], int]) -> None:
        self._count = count
        self._before = self._latest = self._count()
        self._looked_at = now

    def look(self, now: float) -> None:
        """Forget what is long ago; cheap enough to be called all the time."""
        if now - self._looked_at >= RECENT_SECONDS:
            self._before, self._latest = self._latest, self._count()
            self._looked_at = now

    def num_kills(self) -> int:
        """How many there have been."""
        return self._count() - self._before


def offer_oneself(*, proc: Path = Path("/proc")) -> None:
    """Have the kernel kill this process before those beside it, where it has to; nothing where it cannot be asked."""
    with suppress(OSError):
        (proc / "self" / "oom_score_adj").write_text(str(_SCORE))


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
