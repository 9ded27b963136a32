"""What the tests of data preparation share: small tables and resolved specs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
import torch

from models import formats
from models.formats.sources import Source, Table
from models.formats.summaries import profile
from models.spec import JobSpec, parse, resolve
from worker.training.data import Data, prepare


@pytest.fixture
def table_of(tmp_path: Path) -> Callable[..., Table]:
    """Columns of values as the table that reading them from a CSV file gives."""

    def reading(columns: Mapping[str, Any], *, split: Any = None) -> Table:
        buffer = io.BytesIO()
        pa.csv.write_csv(pa.table(dict(columns)), buffer)
        path = tmp_path / "table.csv"
        path.write_bytes(buffer.getvalue())
        table = formats.read(path, format="csv", options={})
        assert isinstance(table, Table)
        return Table(table.columns, split)

    return reading


def resolved(source: Source, document: Mapping[str, Any]) -> JobSpec:
    """A job document with the dataset named and everything resolved."""
    data = {"dataset": "ds_test", **document.get("data", {})}
    return resolve(parse({**document, "data": data}), profile(source))


@pytest.fixture
def prepared(table_of: Callable[..., Table]) -> Callable[..., Data]:
    """Prepares columns of values, or any source, for the sections given as keyword arguments."""

    def preparing(source: Source | Mapping[str, Any], **document: Any) -> Data:
        found = table_of(source) if isinstance(source, Mapping) else source
        return prepare(resolved(found, document), found, device=torch.device("cpu"))

    return preparing
