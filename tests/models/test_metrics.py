"""Metrics: no point lost, no spike hidden, NaN kept, repeats harmless."""

import itertools
import math

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import metrics
from models.clock import rfc3339
from models.database import Database
from models.errors import NotFound
from models.metric_blobs import CHUNK_POINTS, Points, join, pack, points, unpack, unpack_all
from tests.models.steps import submit


def _append(database: Database, job_id: str, name: str, new: Points) -> None:
    with database.unit_of_work() as connection:
        metrics.append(connection, job_id=job_id, series={name: new})


def _read(database: Database, job_id: str, name: str, after_step: int | None = None) -> Points:
    with database.reading() as connection:
        return metrics.series(connection, job_id=job_id, name=name, after_step=after_step)


def _summary(database: Database, job_id: str) -> dict[str, object]:
    with database.reading() as connection:
        (only,) = metrics.names(connection, job_id=job_id)
    return only.document()


def _run(start: int, stop: int) -> Points:
    steps = np.arange(start, stop)
    return points(steps, 1.7e9 + 0.01 * steps, np.sin(steps))


@given(
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=50),
    strides=st.lists(st.integers(1, 1000), min_size=50, max_size=50),
)
def test_packing_keeps_steps_and_values_bit_for_bit(values: list[float], strides: list[int]) -> None:
    steps = np.cumsum(strides[: len(values)])
    chunk = points(steps, 1.7e9 + np.arange(len(values)), values)
    again = unpack(pack(chunk))
    assert again.steps.tolist() == steps.tolist()
    assert again.values.tobytes() == chunk.values.tobytes()
    assert np.allclose(again.times, chunk.times, rtol=0, atol=1e-3)


def test_chunks_read_together_are_the_chunks_read_one_by_one() -> None:
    full, uneven = [_run(CHUNK_POINTS * number, CHUNK_POINTS * (number + 1)) for number in range(3)], _run(3000, 4000)
    uneven.steps[500:] += 7
    strided = points(5000 + 3 * np.arange(CHUNK_POINTS), np.arange(CHUNK_POINTS), np.full(CHUNK_POINTS, np.nan))
    runs = [*full, uneven, strided, _run(9000, 9017)]
    together = unpack_all([pack(run) for run in runs])
    one_by_one = join(unpack(pack(run)) for run in runs)
    assert together.steps.tolist() == one_by_one.steps.tolist() == join(runs).steps.tolist()
    assert together.times.tobytes() == one_by_one.times.tobytes()
    assert together.values.tobytes() == one_by_one.values.tobytes() == join(runs).values.tobytes()
    assert len(unpack_all([])) == 0


def test_a_point_of_an_even_series_costs_at_most_sixteen_bytes() -> None:
    assert len(pack(_run(0, CHUNK_POINTS))) <= 16 * CHUNK_POINTS


def test_points_come_back_as_they_went_in_whatever_the_batches_were(database: Database) -> None:
    job_id = submit(database).id
    edges = [1, 2, 500, 1000, 1001, 2600, 3500]
    for start, stop in itertools.pairwise(edges):
        _append(database, job_id, "train/loss", _run(start, stop))
    everything = _read(database, job_id, "train/loss")
    expected = _run(1, 3500)
    assert everything.steps.tolist() == expected.steps.tolist()
    assert everything.values.tolist() == expected.values.tolist()
    assert _read(database, job_id, "train/loss", after_step=3400).steps.tolist() == list(range(3401, 3500))


def test_points_that_come_again_count_once(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "train/loss", _run(1, 101))
    _append(database, job_id, "train/loss", _run(51, 151))
    assert _read(database, job_id, "train/loss").steps.tolist() == list(range(1, 151))
    assert _summary(database, job_id)["points"] == 150


def test_the_summary_knows_the_extremes_and_what_is_best(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "validation/loss", points([1, 2], [1.0, 2.0], [0.5, 0.1]))
    _append(database, job_id, "validation/loss", points([3, 4], [3.0, 4.0], [math.nan, 0.3]))
    assert _summary(database, job_id) == {
        "name": "validation/loss",
        "points": 4,
        "last": {"step": 4, "value": 0.3},
        "min": 0.1,
        "max": 0.5,
        "best": {"step": 2, "value": 0.1},
    }


def test_more_is_better_for_an_accuracy(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "validation/accuracy", points([1, 2], [1.0, 2.0], [0.5, 0.9]))
    assert _summary(database, job_id)["best"] == {"step": 2, "value": 0.9}


def test_a_series_of_nothing_but_nan_is_told_in_words(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "train/loss", points([1, 2], [1.0, 2.0], [math.nan, math.nan]))
    summary = _summary(database, job_id)
    assert (summary["last"], summary["min"], summary["best"]) == ({"step": 2, "value": "NaN"}, None, None)
    document = metrics.buckets("train/loss", _read(database, job_id, "train/loss"), max_points=1).document()
    assert document["value"] == ["NaN"]


@given(num_points=st.integers(1, 3000), max_points=st.integers(1, 500), spike=st.integers(0, 2999))
def test_buckets_lose_no_point_and_hide_no_spike(num_points: int, max_points: int, spike: int) -> None:
    values = np.zeros(num_points)
    values[spike % num_points] = 9.0
    made = metrics.buckets("m", points(np.arange(num_points), np.arange(num_points), values), max_points=max_points)
    assert len(made.points) == min(num_points, max_points)
    assert made.count.sum() == num_points
    assert made.maximum.max() == 9.0
    assert np.isclose((made.points.values * made.count).sum(), 9.0)


def test_cutting_leaves_the_series_of_an_undisturbed_run(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "train/loss", _run(1, 2501))
    with database.unit_of_work() as connection:
        metrics.cut(connection, job_id=job_id, step=1500)
    _append(database, job_id, "train/loss", _run(1501, 1801))
    undisturbed = submit(database).id
    _append(database, undisturbed, "train/loss", _run(1, 1801))
    assert (
        _read(database, job_id, "train/loss").values.tolist()
        == _read(database, undisturbed, "train/loss").values.tolist()
    )
    assert _summary(database, job_id) == _summary(database, undisturbed)


def test_cutting_back_to_nothing_forgets_the_series(database: Database) -> None:
    job_id = submit(database).id
    _append(database, job_id, "train/loss", _run(1, 10))
    with database.unit_of_work() as connection:
        metrics.cut(connection, job_id=job_id, step=-1)
    with pytest.raises(NotFound, match="none yet"):
        _read(database, job_id, "train/loss")


def test_times_are_written_as_everywhere_else() -> None:
    times = [0.0, 1.7e9, 1.7e9 + 1e-6, 1.7e9 + 0.999999, 1.7e9 + 1.5, 4e9, -0.25]
    made = metrics.buckets("m", points(np.arange(len(times)), times, np.zeros(len(times))), max_points=100)
    assert made.document()["time"] == [rfc3339(time) for time in times]
    empty = metrics.buckets("m", points([], [], []), max_points=100)
    for one in (made, empty):
        assert orjson.loads(one.json()) == one.document()
