"""Small real datasets that ship with Trainyard, used by name where a job names its dataset.

Where each comes from and under which licence is told in `SAMPLES.md` beside the files. Adding one is a file under
`data/`, its profile beside it (`python -m models.formats.profiling FILE FORMAT OPTIONS`), and an entry below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from models.errors import NotFound
from models.profile import Profile

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Sample:
    """One shipped dataset: how to read it, what is usually predicted from it, and whose work it is."""

    name: str
    description: str
    format: str
    file: str
    target: str | None
    task: str
    licence: str
    source_url: str
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def path(self) -> Path:
        """The file itself."""
        return _DATA / self.file

    @property
    def profile(self) -> Profile:
        """What profiling the file says, computed once and shipped beside it, and what the sample is meant for."""
        return _profile(self.name).model_copy(update={"target": self.target, "task": self.task})


_UCI = "https://archive.ics.uci.edu/dataset"

SAMPLES: Mapping[str, Sample] = MappingProxyType(
    {
        sample.name: sample
        for sample in (
            Sample(
                name="digits",
                description="1,797 handwritten digits as grey images of 8 x 8 pixels, ten classes.",
                format="npz",
                file="digits.npz",
                target=None,
                task="classification",
                licence="CC BY 4.0",
                source_url=f"{_UCI}/80/optical+recognition+of+handwritten+digits",
            ),
            Sample(
                name="iris",
                description="150 flowers of three species, four measurements each.",
                format="csv",
                file="iris.csv",
                target="species",
                task="classification",
                licence="CC BY 4.0",
                source_url=f"{_UCI}/53/iris",
            ),
            Sample(
                name="wine",
                description="178 wines of three cultivars, thirteen chemical measurements each.",
                format="csv",
                file="wine.csv",
                target="cultivar",
                task="classification",
                licence="CC BY 4.0",
                source_url=f"{_UCI}/109/wine",
            ),
            Sample(
                name="breast_cancer",
                description="569 tumours, benign or malignant, thirty measurements of their cell nuclei each.",
                format="csv",
                file="breast_cancer.csv",
                target="diagnosis",
                task="classification",
                licence="CC BY 4.0",
                source_url=f"{_UCI}/17/breast+cancer+wisconsin+diagnostic",
            ),
            Sample(
                name="airline_passengers",
                description="International airline passengers in thousands, 144 months from 1949 to 1960.",
                format="csv",
                file="airline_passengers.csv",
                target="passengers",
                task="forecasting",
                licence="published figures, no known restriction",
                source_url="https://www.wiley.com/en-us/Time+Series+Analysis-p-9781118675021",
            ),
            Sample(
                name="surnames",
                description="1,981 surnames of ten languages, one per line: short texts, to be read letter by letter.",
                format="texts",
                options={"texts": "lines"},
                file="surnames.zip",
                target=None,
                task="classification",
                licence="MIT",
                source_url="https://github.com/spro/practical-pytorch/tree/master/data/names",
            ),
            Sample(
                name="docstrings",
                description="1,600 sentences about functions and classes of Python, from eight areas of its library.",
                format="csv",
                file="docstrings.csv",
                target="area",
                task="classification",
                licence="PSF-2.0",
                source_url="https://docs.python.org/3/license.html",
            ),
        )
    }
)


def sample(name: str) -> Sample:
    """The sample of that name; raises NotFound naming those there are."""
    if name not in SAMPLES:
        raise NotFound(f"There is no sample named {name!r}; there are {', '.join(sorted(SAMPLES))}.")
    return SAMPLES[name]


@lru_cache(maxsize=32)
def _profile(name: str) -> Profile:
    found = Profile.model_validate_json((_DATA / f"{name}.profile.json").read_bytes())
    return found.model_copy(update={"target": SAMPLES[name].target, "task": SAMPLES[name].task})
