"""A template process of real trainers, on whose disk there is no room as long as a file is there.

It is started as a script, in place of `python -m worker.template`; `FULL_WHILE` names the file.
"""

import errno
import os
from pathlib import Path

from worker import template, trainer
from worker.training import train

SYNC = os.fsync


def sync_if_there_is_room(descriptor: int) -> None:
    """As fsync, but a full disk often says so only here."""
    if Path(os.environ["FULL_WHILE"]).exists():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    SYNC(descriptor)


if __name__ == "__main__":
    os.fsync = sync_if_there_is_room
    template.start(run=lambda channel: trainer.run(channel, train=train), warm_up=lambda: ())
