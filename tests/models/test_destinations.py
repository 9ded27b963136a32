"""Trackers are spoken to where the operator allows it, and nowhere else."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from models import spec
from models.destinations import Destinations
from models.errors import InvalidSpec
from models.settings import Settings


def allowing(text: str, folder: Path = Path("/yard")) -> Destinations:
    return Destinations.of(Settings(tracking_destinations=text, data_dir=folder))


def tracking(**trackers: object) -> dict[str, object]:
    document = spec.document(spec.parse({"data": {"dataset": "iris"}, "tracking": trackers}))
    section: dict[str, object] = document["tracking"]
    return section


@pytest.mark.parametrize(
    ("allowed", "asked", "is_allowed"),
    [
        ("none", "https://mlflow.example.com", False),
        ("https://mlflow.example.com", "https://mlflow.example.com", True),
        ("https://mlflow.example.com", "https://mlflow.example.com/", True),
        ("https://mlflow.example.com/", "https://MLflow.example.com:443/any/path", True),
        ("https://mlflow.example.com", "http://mlflow.example.com", False),
        ("https://mlflow.example.com", "https://mlflow.example.com:8443", False),
        ("https://mlflow.example.com", "https://mlflow.example.com.evil.org", False),
        ("https://mlflow.example.com", "https://other.example.com", False),
        ("http://host:5000/team", "http://host:5000/team/a", True),
        ("http://host:5000/team", "http://host:5000/team-b", False),
        ("http://host:5000/team", "http://host:5000/", False),
        ("https://a.org, http://b.org:5000 ,sqlite", "http://b.org:5000", True),
        ("https://a.org", "sqlite:///runs.db", False),
        ("sqlite", "sqlite:///runs.db", True),
        ("sqlite", "http://127.0.0.1:5000", False),
    ],
)
def test_an_address_is_allowed_with_everything_below_it(allowed, asked, is_allowed):
    destinations, section = allowing(allowed), tracking(mlflow={"tracking_uri": asked})
    assert destinations.allows(asked) is is_allowed
    mistakes = destinations.refused(section)
    assert [mistake.pointer for mistake in mistakes] == ([] if is_allowed else ["#/tracking/mlflow/tracking_uri"])


def test_a_refusal_points_at_every_tracker_and_says_what_is_allowed():
    section = tracking(wandb={"project": "p"}, mlflow={"tracking_uri": "http://10.0.0.1"})
    with pytest.raises(InvalidSpec) as caught:
        allowing("https://a.org,sqlite").check(section)
    pointers = [error.pointer for error in caught.value.errors]
    assert pointers == ["#/tracking/wandb/base_url", "#/tracking/mlflow/tracking_uri"]
    assert "https://a.org, sqlite:///name.db" in caught.value.errors[0].detail


def test_a_run_that_stays_here_needs_no_leave():
    allowing("none").check(tracking(wandb={"project": "p", "mode": "offline"}))
    allowing("none").check(tracking())
    with pytest.raises(InvalidSpec, match=r"api\.wandb\.ai"):
        allowing("none").check(tracking(wandb={"project": "p"}))


def test_a_database_lies_in_the_operators_folder(tmp_path):
    destinations = allowing("sqlite", tmp_path)
    assert destinations.located("sqlite:///runs.db") == f"sqlite:///{tmp_path / 'tracking' / 'runs.db'}"
    assert (tmp_path / "tracking").is_dir()
    assert destinations.located("https://a.org") == "https://a.org"


@pytest.mark.parametrize("wrong", ["file:///etc", "api.wandb.ai", "https://user:secret@host", "postgresql://host/db"])
def test_a_setting_that_is_no_address_stops_the_start(wrong):
    with pytest.raises(ValidationError, match="address"):
        allowing(f"https://a.org,{wrong}")
