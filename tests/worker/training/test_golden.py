"""Loss curves at full precision: a change of the code that is not meant to change the numbers must not change them.

The files were written by `python -m tests.worker.training.test_golden`. Where PyTorch and the processor are those that
wrote them, every bit must agree; elsewhere the last digits may differ.
"""

import json
import platform
import tempfile
from pathlib import Path

import pytest
import torch

from tests.worker.training.families import FAMILIES
from tests.worker.training.material import Recording, train_on

FOLDER = Path(__file__).parent / "golden"
CURVES = ("train/loss", "train/gradient_norm", "validation/loss")


def machine():
    described = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.partition(":")[2].strip() for line in described if line.startswith("model name")), "")
    return {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "processor": processor or platform.processor(),
    }


def curves_of(family):
    name, sections = FAMILIES[family]
    told = Recording()
    with tempfile.TemporaryDirectory() as directory:
        result = train_on(name, Path(directory), callbacks=[told], **sections).result
    curves = {curve: [value for _, value in told.metrics[curve]] for curve in CURVES}
    return {**machine(), "weights_sha256": result["weights_sha256"], "test_loss": result["test"]["loss"], **curves}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_curve_is_the_one_that_was_written_down(family):
    golden = json.loads((FOLDER / f"{family}.json").read_text())
    now = curves_of(family)
    for curve in CURVES:
        assert now[curve] == pytest.approx(golden[curve], rel=1e-4, abs=1e-6)
    if all(golden[name] == value for name, value in machine().items()):
        assert now == golden


@pytest.mark.parametrize("family", FAMILIES)
def test_a_curve_has_something_to_tell(family):
    golden = json.loads((FOLDER / f"{family}.json").read_text())
    assert len(golden["train/loss"]) >= 16
    assert golden["validation/loss"][-1] < golden["validation/loss"][0]


def write():
    for family in FAMILIES:
        (FOLDER / f"{family}.json").write_text(json.dumps(curves_of(family), indent=1) + "\n")


if __name__ == "__main__":
    write()
