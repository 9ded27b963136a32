"""The tracking section: plain addresses, one file name for a database, no secrets."""

import pytest

from models import spec
from models.errors import InvalidSpec


def parsed(**tracking: object) -> spec.JobSpec:
    return spec.parse({"data": {"dataset": "iris"}, "tracking": tracking})


def test_nobody_is_told_by_default():
    tracking = spec.parse({"data": {"dataset": "iris"}}).tracking
    assert (tracking.histograms, tracking.wandb, tracking.mlflow) == (True, None, None)


def test_defaults_are_the_public_server_and_an_experiment():
    tracking = parsed(wandb={"project": "p"}, mlflow={"tracking_uri": "http://mlflow:5000"}).tracking
    assert tracking.wandb is not None
    assert tracking.mlflow is not None
    assert (tracking.wandb.mode, tracking.wandb.base_url) == ("online", "https://api.wandb.ai")
    assert tracking.mlflow.experiment == "trainyard"


@pytest.mark.parametrize(
    "uri",
    [
        "file:///tmp/mlruns",
        "mlruns",
        "databricks",
        "postgresql://host/db",
        "sqlite:///../up.db",
        "sqlite:////etc/passwd",
        "sqlite:///folder/runs.db",
        "sqlite:///.hidden",
        "sqlite:///runs.db?mode=memory",
        "sqlite://",
        "http://user:secret@host",
        "http://@host",
        "http://host?x=1",
        "http://host#part",
        "http://host:0",
        "http://host:99999",
        "http://host/a/../b",
        "http://host/%2e%2e/b",
        "http://host\\@other",
        "http:// host",
        "http://",
        "ftp://host",
    ],
)
def test_what_is_no_plain_address_is_refused_with_its_place(uri):
    with pytest.raises(InvalidSpec) as caught:
        parsed(mlflow={"tracking_uri": uri})
    assert [error.pointer for error in caught.value.errors] == ["#/tracking/mlflow/tracking_uri"]


@pytest.mark.parametrize(
    ("section", "pointer"),
    [
        ({"wandb": {}}, "#/tracking/wandb/project"),
        ({"wandb": {"project": "a/b"}}, "#/tracking/wandb/project"),
        ({"wandb": {"project": "p", "api_key": "x"}}, "#/tracking/wandb/api_key"),
        ({"wandb": {"project": "p", "base_url": "sqlite:///x.db"}}, "#/tracking/wandb/base_url"),
        ({"wandb": {"project": "p", "mode": "dryrun"}}, "#/tracking/wandb/mode"),
        ({"mlflow": {"tracking_uri": "http://host", "experiment": "a\nb"}}, "#/tracking/mlflow/experiment"),
        ({"mlflow": {}}, "#/tracking/mlflow/tracking_uri"),
        ({"histograms": "yes"}, "#/tracking/histograms"),
    ],
)
def test_mistakes_have_their_place(section, pointer):
    with pytest.raises(InvalidSpec) as caught:
        parsed(**section)
    assert [error.pointer for error in caught.value.errors] == [pointer]
