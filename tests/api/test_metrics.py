"""Metrics over HTTP: names with their extremes, series in buckets that hide no spike, and the same as CSV."""

import csv
import io
import math

import pytest
from starlette.testclient import TestClient

from models.database import Database
from tests.api.steps import problem, running, submit, write_points


def test_each_metric_is_summed_up(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    write_points(database, lease, "train/loss", [1, 2, 3], [0.9, 0.2, 0.4])
    write_points(database, lease, "validation/accuracy", [3], [0.75])
    accuracy, loss = sorted(client.get(f"/v1/jobs/{job_id}/metrics").json()["data"], key=lambda line: line["points"])
    assert accuracy["name"] == "validation/accuracy"
    assert loss == {
        "name": "train/loss",
        "points": 3,
        "last": {"step": 3, "value": 0.4},
        "min": 0.2,
        "max": 0.9,
        "best": {"step": 2, "value": 0.2},
    }


def test_a_job_without_metrics_has_an_empty_list(client: TestClient):
    assert client.get(f"/v1/jobs/{submit(client)['id']}/metrics").json() == {"data": []}


def test_a_series_is_cut_into_buckets_that_lose_nothing(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    values = [math.sin(step) for step in range(2500)]
    values[1234] = 99.0
    write_points(database, lease, "train/loss", list(range(2500)), values)
    series = client.get(f"/v1/jobs/{job_id}/metrics/train/loss?max_points=20").json()
    assert {len(series[column]) for column in ("step", "time", "value", "min", "max", "count")} == {20}
    assert (sum(series["count"]), max(series["max"]), series["step"][-1]) == (2500, 99.0, 2499)
    tail = client.get(f"/v1/jobs/{job_id}/metrics/train/loss?after_step=2496").json()
    assert (tail["step"], tail["value"]) == ([2497, 2498, 2499], values[2497:])
    assert tail["time"][0].endswith("Z")


def test_what_is_not_a_number_has_a_name(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    write_points(database, lease, "train/loss", [1, 2, 3], [math.nan, math.inf, -math.inf])
    series = client.get(f"/v1/jobs/{job_id}/metrics/train/loss").json()
    assert series["value"] == ["NaN", "Infinity", "-Infinity"]
    assert client.get(f"/v1/jobs/{job_id}/metrics").json()["data"][0]["last"]["value"] == "-Infinity"


def test_the_same_series_comes_as_csv(client: TestClient, database: Database):
    job_id, lease = running(client, database)
    write_points(database, lease, "train/loss", [1, 2], [0.5, math.nan])
    answer = client.get(f"/v1/jobs/{job_id}/metrics/train/loss", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"] == f'attachment; filename="{job_id}-train-loss.csv"'
    assert answer.headers["vary"] == "Accept"
    assert [(row["step"], row["value"], row["count"]) for row in rows] == [("1", "0.5", "1"), ("2", "NaN", "1")]


@pytest.mark.parametrize("name", ["train/nothing", "train", "train/loss/more", "../../etc/passwd", "%2e%2e/x"])
def test_a_metric_that_is_not_there_is_a_404_that_names_those_that_are(
    client: TestClient, database: Database, name: str
):
    job_id, lease = running(client, database)
    write_points(database, lease, "train/loss", [1], [0.5])
    answer = client.get(f"/v1/jobs/{job_id}/metrics/{name}")
    assert answer.status_code == 404
    if ".." not in name and "%" not in name:
        assert "train/loss" in problem(answer, 404, "not_found")["detail"]


@pytest.mark.parametrize(
    "query", ["max_points=0", "max_points=100001", "max_points=x", "after_step=-2", "after_step=1."]
)
def test_a_wrong_wish_is_named(client: TestClient, query: str):
    body = problem(client.get(f"/v1/jobs/{submit(client)['id']}/metrics/train/loss?{query}"), 422, "invalid_parameter")
    assert body["errors"][0]["pointer"] == "?" + query.partition("=")[0]
