"""Predict from a downloaded checkpoint, without the service.

    trainyard checkpoints pull JOB best --to weights
    python examples/load_checkpoint.py weights new.jsonl

`worker.training` is all it takes: the files hold spec, preprocessing and weights,
nothing is unpickled, and golden.safetensors proves that the rebuilt network answers as the trained one did.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from worker.training.predicting import Predictor


def main(folder: str, rows: str) -> None:
    """Print one prediction per JSON line."""
    predictor = Predictor.load(Path(folder))
    lines = Path(rows).read_text(encoding="utf-8").splitlines()
    for prediction in predictor.predict([json.loads(line) for line in lines if line.strip()]).rows:
        print(json.dumps(prediction))


if __name__ == "__main__":
    main(*sys.argv[1:])
