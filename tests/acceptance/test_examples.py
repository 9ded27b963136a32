"""The examples run as their first lines say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from launcher.service import ROOT
from tests.fixtures.services import RunningService
from trainyard import Client

ROWS = [{"sepal_length": 5.1, "petal_width": 0.2}, {"sepal_length": 6.3, "petal_width": 2.5, "species": "virginica"}]


def test_a_downloaded_checkpoint_predicts_without_the_service_what_the_service_predicts(
    service: RunningService, tmp_path: Path
):
    (tmp_path / "new.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    with Client(service.url, service.key) as client:
        job = client.jobs.submit({"data": {"dataset": "iris"}, "network": "mlp", "training": {"epochs": 2}}).wait()
        job.checkpoint("best").download(tmp_path / "weights")
        served = job.predict(ROWS).predictions
    command = [sys.executable, str(ROOT / "examples" / "load_checkpoint.py"), "weights", "new.jsonl"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    alone = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["label"] for row in alone] == [prediction.label for prediction in served]
    for row, prediction in zip(alone, served, strict=True):
        assert row["probabilities"] == pytest.approx(dict(prediction.probabilities), abs=1e-6)
