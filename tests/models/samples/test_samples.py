"""The shipped samples: their files, profiles and sources agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import models.samples
from models import formats
from models.errors import NotFound
from models.formats.sources import Images, Table, Texts
from models.formats.summaries import profile
from models.samples import SAMPLES, sample


@pytest.mark.parametrize("name", SAMPLES)
def test_the_shipped_profile_is_what_profiling_says(name):
    shipped = SAMPLES[name]

    found = profile(formats.read(shipped.path, format=shipped.format, options=shipped.options))

    assert shipped.profile == found.model_copy(update={"target": shipped.target, "task": shipped.task})


@pytest.mark.parametrize("name", SAMPLES)
def test_the_target_is_a_column_and_the_source_is_told(name):
    shipped = SAMPLES[name]

    assert shipped.target is None or shipped.profile.column(shipped.target) is not None
    assert f"| {name} |" in Path(models.samples.__file__).with_name("SAMPLES.md").read_text()


def test_digits_are_1797_images_of_8_by_8():
    shipped = sample("digits")

    images = formats.read(shipped.path, format=shipped.format, options=shipped.options)

    assert isinstance(images, Images)
    assert images.pixels.shape == (1797, 8, 8, 1)
    assert images.classes == list("0123456789")
    assert set(np.unique(images.pixels)) == {round(step * 255 / 16) for step in range(17)}


def test_airline_passengers_are_the_published_144_months():
    shipped = sample("airline_passengers")

    table = formats.read(shipped.path, format=shipped.format, options=shipped.options)

    assert isinstance(table, Table)
    passengers = table.columns["passengers"].to_numpy()
    assert (len(passengers), passengers.sum(), passengers.min(), passengers.max()) == (144, 40363, 104, 622)


def test_surnames_are_those_of_ten_languages_with_their_repeats_and_contradictions():
    shipped = sample("surnames")

    found = formats.read(shipped.path, format=shipped.format, options=shipped.options)

    assert isinstance(found, Texts)
    counts = {"Chinese": 268, "Dutch": 297, "French": 277, "Greek": 203, "Irish": 232, "Korean": 94, "Polish": 139}
    assert shipped.profile.classes == {**counts, "Scottish": 100, "Spanish": 298, "Vietnamese": 73}
    assert {found.classes[found.labels[place]] for place, name in enumerate(found.texts) if name == "Michel"} == {
        "Dutch",
        "French",
        "Polish",
        "Spanish",
    }
    assert found.texts.count("Close") == 8


def test_docstrings_are_sentences_of_eight_areas():
    found = sample("docstrings").profile

    assert [(column.name, column.type) for column in found.columns] == [("text", "text"), ("area", "category")]
    assert {value.count for value in found.column("area").top_values} == {200}


def test_an_unknown_sample_is_answered_with_those_there_are():
    with pytest.raises(NotFound, match="airline_passengers, breast_cancer, digits, docstrings, iris, surnames, wine"):
        sample("mnist")
