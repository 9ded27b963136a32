"""Writes `api/examples.json` anew: `python -m tests.recording`, then `python -m api.openapi > docs/openapi.json`.

Starts a service in a folder of its own, walks through it, and asks a second one for everything that it refuses.
"""

import sys
import tempfile
from pathlib import Path

from api.examples import RECORDED
from tests.recording.record import record

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        RECORDED.write_bytes(record(Path(folder)))
    sys.stdout.write(f"{RECORDED}\n")
