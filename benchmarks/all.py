"""Every benchmark, one after the other, and docs/benchmarks.md from what they have written.

    ./run bench all [--write] [--only NAME ...]

Without `--write` it only prints. The page is also made anew from the committed results by `--page`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from _page import PAGE, page
from _report import STORE

HERE = Path(__file__).parent
#: Those that keep their results, in the order of the page.
NAMES = ("api", "metrics", "growth", "start", "tiny", "loop", "checkpoint")


def main() -> int:
    """Run what is there; the exit status says whether every target was met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--page", action="store_true", help="only make the page anew")
    parser.add_argument("--only", nargs="*", default=NAMES, choices=NAMES)
    chosen = parser.parse_args()
    statuses = [] if chosen.page else [_run(name, write=chosen.write) for name in chosen.only if _script(name).exists()]
    if chosen.write or chosen.page:
        PAGE.write_text(page([STORE / f"{name}.json" for name in NAMES if (STORE / f"{name}.json").exists()]))
    return max(statuses, default=0)


def _script(name: str) -> Path:
    return HERE / f"{name}.py"


def _run(name: str, *, write: bool) -> int:
    print(f"\n{name}", flush=True)
    command = [sys.executable, str(_script(name)), *(["--write"] if write else [])]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
