"""A tracker's child process around a stand-in for a tracker: a file of rows, and a file that says how it behaves."""

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.metric_blobs import Points
from worker.tracking import child


class FakeTracker:
    """`away` refuses, `hanging` never answers, `dying` dies once behind a write, before it can say so."""

    def __init__(self) -> None:
        self._folder = Path(os.environ["FAKE_TRACKER"])
        (self._folder / "pid").write_text(str(os.getpid()))

    def open(self, _run: Mapping[str, Any]) -> int:
        self._behave()
        return max((row["step"] for row in self._rows()), default=-1)

    def log(self, series: Mapping[str, Points]) -> None:
        self._behave()
        with (self._folder / "rows").open("a") as file:
            for name, points in series.items():
                for step, value in zip(points.steps.tolist(), points.values.tolist(), strict=True):
                    file.write(json.dumps({"name": name, "step": step, "value": value}) + "\n")
        if self._mode() == "dying":
            (self._folder / "mode").write_text("well")
            os.kill(os.getpid(), signal.SIGKILL)

    def close(self, *, ending: str, **_: Any) -> None:
        self._behave()
        (self._folder / "ending").write_text(ending)

    def _behave(self) -> None:
        if self._mode() == "away":
            raise ConnectionError("nobody is there")
        if self._mode() == "hanging":
            threading.Event().wait()

    def _mode(self) -> str:
        return (self._folder / "mode").read_text()

    def _rows(self) -> list[dict[str, Any]]:
        file = self._folder / "rows"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    child.SINKS = {"mlflow": FakeTracker}
    child.main(sys.argv[1], int(sys.argv[2]))
