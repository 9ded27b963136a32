"""An H2O-3 server that trains networks on iris: POST to DONE, and cancelling one that trains."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import h2o
from _answering import answer

_POLL_SECONDS = 0.002
_ENDED = {"DONE", "CANCELLED", "FAILED"}


class Server:
    """A local server of one process with a parsed table in it."""

    def __init__(self, path: str) -> None:
        h2o.init(port=54_000 + time.time_ns() % 1000, max_mem_size="2g", bind_to_localhost=True, verbose=False)
        h2o.no_progress()
        self._frame = h2o.import_file(path)
        self._target = self._frame.columns[-1]
        self._frame[self._target].asfactor()

    def train(self, epochs: float) -> Mapping[str, Any]:
        """Seconds until a network with one hidden layer of 16 is trained."""
        began = time.perf_counter()
        job = self._begun(epochs)
        status = self._awaited(job, _ENDED)["status"]
        return {"seconds": time.perf_counter() - began, "status": status}

    def cancel(self) -> Mapping[str, Any]:
        """Seconds from asking a network that trains to end until it has."""
        job = self._begun(1e7)
        self._awaited(job, {"RUNNING"} | _ENDED)
        time.sleep(0.5)  # it trains by then
        began = time.perf_counter()
        h2o.api(f"POST /3/Jobs/{job}/cancel")
        status = self._awaited(job, _ENDED)["status"]
        return {"seconds": time.perf_counter() - began, "status": status}

    def close(self) -> None:
        """End the server."""
        h2o.cluster().shutdown()

    def _begun(self, epochs: float) -> str:
        body = {
            "training_frame": self._frame.frame_id,
            "response_column": self._target,
            "hidden": "[16]",
            "epochs": epochs,
            "distribution": "multinomial",
        }
        job: str = h2o.api("POST /3/ModelBuilders/deeplearning", data=body)["job"]["key"]["name"]
        return job

    def _awaited(self, job: str, statuses: set[str]) -> Mapping[str, Any]:
        while True:
            found: Mapping[str, Any] = h2o.api(f"GET /3/Jobs/{job}")["jobs"][0]
            if found["status"] in statuses:
                return found
            time.sleep(_POLL_SECONDS)


def main() -> None:
    """Serve until nobody asks any more."""
    server = Server(sys.argv[1])
    try:
        answer({"train": server.train, "cancel": server.cancel})
    finally:
        server.close()


if __name__ == "__main__":
    main()
