"""A peer's side of `_peers.Peer`: JSON lines in, JSON lines out, and nothing else on that channel."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any


def answer(does: Mapping[str, Callable[..., Mapping[str, Any]]]) -> None:
    """Do what each line asks for, by name and with its details, until there are no more.

    What a library prints goes to the log: the answers alone are written where the asker reads.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        asked = json.loads(line)
        found = does[asked.pop("what")](**asked)
        replies.write(json.dumps(found) + "\n")
        replies.flush()
