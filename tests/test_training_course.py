"""docs/training.md, run as written: every spec in it trains, a few steps of each, on the sample that it names."""

import json
import re
from pathlib import Path

import pytest

from models.formats import read
from models.samples import sample
from models.spec import parse, resolve
from worker.training import train

PAGE = (Path(__file__).parents[1] / "docs/training.md").read_text()
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
SPECS = [
    pytest.param(json.loads(block), id=f"{title} {number}")
    for title, body in SECTIONS.items()
    for number, block in enumerate(re.findall(r"^```json\n(.*?)^```", body, re.DOTALL | re.MULTILINE))
]


@pytest.mark.parametrize("document", SPECS)
def test_a_spec_of_the_course_trains(document: dict, tmp_path: Path) -> None:
    chosen = sample(document["data"]["dataset"])
    training = {**document.get("training", {}), "max_steps": 3}
    spec = resolve(parse({**document, "training": training}), chosen.profile)
    source = read(chosen.path, format=chosen.format, options=chosen.options)
    result = train(spec, source, directory=tmp_path, num_threads=1)
    assert result.outcome == "succeeded"
    assert result.result["test"]
