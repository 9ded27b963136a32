"""Whether the worker on this machine lives: `python -m worker.health` exits 0 while it beats, 1 once it is silent.

For a container, which holds one worker; a machine with several cannot tell them apart by this.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir
from typing import Final

from models.settings import settings

#: Beats that may be missed before the worker counts as silent.
_MISSED: Final = 3


def beat_file() -> Path:
    """The file whose age is the time since the last heartbeat."""
    return Path(gettempdir()) / f"trainyard-worker-{os.getuid()}.beat"


def note_beat() -> None:
    """Note that the worker has just told the database that it lives. A full disk does not stop it."""
    with suppress(OSError):
        beat_file().touch()


def is_alive(*, within_seconds: float) -> bool:
    """Whether the worker has beaten lately."""
    try:
        age = time.time() - beat_file().stat().st_mtime
    except FileNotFoundError:
        return False
    return age < within_seconds


if __name__ == "__main__":
    sys.exit(not is_alive(within_seconds=_MISSED * settings().heartbeat_seconds))
