"""A run on images that do not fit: its memory is bounded while they stay in their files, and only then."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.worker.training.archives import encoded, write_tar

NUM_IMAGES, SIDE = 3000, 112
DECODED_BYTES = NUM_IMAGES * SIDE * SIDE * 3

#: Trains on a small archive first, so that what is measured is the large one and not the first use of anything.
CHILD = r"""
import json, re, sys
from pathlib import Path
from tests.worker.training.archives import train_images
from worker.training import rows

def peak():
    # Not getrusage: a child begins with the peak of the process that started it.
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])

rows.EVALUATION_VALUES = 1 << 18
images, side, folder = sys.argv[3], int(sys.argv[4]), Path(sys.argv[1]).parent
how = {"images": images, "training": {"epochs": 1, "batch_size": 16, "max_steps": 8},
       "network": {"type": "mlp", "hidden": [4]}, "evaluation": {"baselines": False},
       "preprocessing": {"image": {"size": [side, side], "standardize": "none"}}}
train_images(Path(sys.argv[1]), folder / "warm", **how)
before = peak()
result = train_images(Path(sys.argv[2]), folder / "run", **how)
print(json.dumps({"grown": peak() - before, "steps": result.step}))
"""


def pictures(num: int) -> dict[str, bytes]:
    """Tiny files that become large when they are decoded to the size that is asked for."""
    random = np.random.default_rng(0)
    return {f"{'ab'[row % 2]}/{row}.png": encoded(random.integers(0, 256, (6, 6, 3), np.uint8)) for row in range(num)}


@pytest.mark.parametrize(("images", "least", "most"), [("files", 0, 0.4), ("device", 0.75, 1.9)])
def test_memory_grows_with_the_images_only_where_they_are_kept(tmp_path: Path, images, least, most):
    small, large = (write_tar(tmp_path / f"{num}.tar", pictures(num)) for num in (200, NUM_IMAGES))
    command = [sys.executable, "-c", CHILD, str(small), str(large), images, str(SIDE)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout.splitlines()[-1])

    assert found["steps"] == 8
    assert least * DECODED_BYTES <= found["grown"] <= most * DECODED_BYTES
