"""A job that is tested on another dataset: both are held, the second trains nothing, and mistakes are told early."""

import json
from typing import Any

import pytest

from tests.fixtures.services import RunningService

COLUMNS = ["x", "z", "y"]


def table(rows: list[tuple[object, ...]], columns: list[str] = COLUMNS) -> bytes:
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode() + b"\n"


def upload(service: RunningService, content: bytes) -> str:
    declared = {"name": "part", "format": "csv", "bytes": len(content)}
    dataset = service.call("POST", "/v1/datasets", body=declared).json()
    service.call(
        "PUT",
        f"/v1/datasets/{dataset['id']}/content",
        body=content,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert service.wait_for_dataset(dataset["id"])["status"] == "ready"
    return str(dataset["id"])


@pytest.fixture(scope="module")
def parts(service: RunningService) -> tuple[str, str]:
    """160 rows to train on, where y follows x, and 40 to test on, where it is the other way round."""
    train = [(row % 10, (row // 10) % 7, "high" if row % 10 > 4 else "low") for row in range(160)]
    test = [(row % 10, row % 7, "low" if row % 10 > 4 else "high") for row in range(40)]
    return upload(service, table(train)), upload(service, table(test))


def spec(train: str, test: str, **sections: Any) -> dict[str, Any]:
    data = {"dataset": train, "target": "y", "split": {"type": "fixed", "test": test, "validation": 0.25}}
    return {"data": data, "cleaning": {"duplicates": "keep"}, "network": "mlp", "training": {"epochs": 15}, **sections}


def test_the_second_dataset_is_the_test_and_nothing_else(service: RunningService, parts: tuple[str, str]):
    job = service.train(spec(*parts))
    assert job["status"] == "succeeded", job["reason"]
    report = job["result"]["data_report"]
    assert report["splits"] == {"train": 120, "validation": 40, "test": 40}, json.dumps(report)
    assert job["result"]["metrics"]["validation/accuracy"] > 0.9
    assert job["result"]["test"]["accuracy"] < 0.1


def test_both_datasets_are_held_while_the_job_needs_them(service: RunningService, parts: tuple[str, str]):
    job_id = service.submit(spec(*parts, resources={"pool": "nobody"}))
    for dataset in parts:
        refused = service.call("DELETE", f"/v1/datasets/{dataset}")
        assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")
    service.call("POST", f"/v1/jobs/{job_id}/cancel")


@pytest.mark.parametrize(
    ("test", "sections", "pointer"),
    [
        ("digits", {}, "#/data/split/test"),
        ("iris", {}, "#/data/split/test"),
        ("ds_00000000-0000-7000-8000-000000000000", {}, "#/data/split/test"),
        ("no_such_sample", {}, "#/data/split/test"),
        (None, {"task": "forecasting", "network": "lstm"}, "#/data/split/type"),
    ],
)
def test_a_test_that_cannot_be_is_told_at_once(
    service: RunningService, parts: tuple[str, str], test: str | None, sections: dict[str, Any], pointer: str
):
    answer = service.call("POST", "/v1/jobs", body=spec(parts[0], test or parts[1], **sections))
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
