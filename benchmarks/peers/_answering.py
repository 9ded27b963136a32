"""A peer's side of `_peers.Peer`: JSON lines in, JSON lines out, and nothing else on that channel."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

#: Where the asker reads. What libraries print goes to the log instead, from the import of this module on.
_replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
os.dup2(sys.stderr.fileno(), sys.stdout.fileno())


def answer(does: Mapping[str, Callable[..., Mapping[str, Any]]]) -> None:
    """Do what each line asks for, by name and with its details, until there are no more."""
    for line in sys.stdin:
        asked = json.loads(line)
        found = does[asked.pop("what")](**asked)
        _replies.write(json.dumps(found) + "\n")
        _replies.flush()
