"""Rows whose class looks wrong, by hand."""

import numpy as np
import pytest
import torch

from worker.training.data import label_noise
from worker.training.data.label_noise import suspicious

POINTS = torch.tensor([[0.0], [0.1], [0.21], [0.33], [9.0], [9.1], [9.2], [9.3]])
LABELS = np.array([0, 0, 1, 0, 1, 1, 1, 1])
PLACES = np.arange(100, 108)


def test_a_row_among_rows_of_another_class_is_suspicious():
    found = suspicious(POINTS, LABELS, PLACES, neighbours=3)
    assert found == {"rows_asked": 8, "suspicious": 1, "data_rows": [103]}


def test_as_many_neighbours_are_asked_as_told():
    assert suspicious(POINTS, LABELS, PLACES, neighbours=1)["data_rows"] == [103, 104]
    assert suspicious(POINTS, LABELS, PLACES, neighbours=100)["suspicious"] == 3  # against all others, the rarer class


def test_only_some_rows_of_large_data_are_asked(monkeypatch):
    monkeypatch.setattr(label_noise, "MAX_ROWS", 4)
    assert suspicious(POINTS, LABELS, PLACES, neighbours=3)["rows_asked"] == 4


@pytest.mark.parametrize("chunk", [1, 3, 1024])
def test_rows_are_asked_chunk_by_chunk_alike(chunk, monkeypatch):
    monkeypatch.setattr(label_noise, "_CHUNK", chunk)
    assert suspicious(POINTS, LABELS, PLACES, neighbours=3)["data_rows"] == [103]
