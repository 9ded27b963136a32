"""A prediction through HTTP: one warm row, 1,000 rows and 10,000 rows of a table, on an otherwise idle service.

The client is one connection of this machine. Target: one row p50 <= 30 ms.

    ./run bench predict [NUMBER_OF_REQUESTS]
"""

from __future__ import annotations

import sys
import time

from _yard import Yard, machine, running, spread

SPEC = {"data": {"dataset": "iris"}, "network": {"type": "mlp", "hidden": [64]}, "training": {"epochs": 3}}
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def main() -> int:
    """Measure, print, and say by the exit status whether the target is met."""
    num_requests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with running() as yard:
        job_id, _ = yard.submit(SPEC)
        yard.finished(job_id)
        (cold,) = _milliseconds(yard, job_id, num_rows=1, num_requests=1)
        _milliseconds(yard, job_id, num_rows=1, num_requests=20)
        one = _milliseconds(yard, job_id, num_rows=1, num_requests=num_requests)
        thousand = _milliseconds(yard, job_id, num_rows=1000, num_requests=max(3, num_requests // 10))
        most = _milliseconds(yard, job_id, num_rows=10_000, num_requests=max(3, num_requests // 40))
    print(machine())
    print(f"first row of a cold network  {cold:.0f} ms")
    print(f"one row                      {spread(one)}   ({num_requests} requests)")
    print(f"1,000 rows in one request    {spread(thousand)}")
    print(f"10,000 rows in one request   {spread(most)}")
    is_met = sorted(one)[num_requests // 2] <= 30
    print("target one row p50 <= 30 ms:", "met" if is_met else "missed")
    return 0 if is_met else 1


def _milliseconds(yard: Yard, job_id: str, *, num_rows: int, num_requests: int) -> list[float]:
    taken = []
    for _ in range(num_requests):
        began = time.perf_counter()
        answer = yard.http.post(f"/v1/jobs/{job_id}/predict", json={"rows": [ROW] * num_rows})
        taken.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise SystemExit(answer.text)
    return taken


if __name__ == "__main__":
    sys.exit(main())
