"""docs/settings.md and docker-compose.yml name the settings that there are, with the defaults that hold."""

import re
from pathlib import Path

import pytest

from launcher.service import ROOT
from models.settings import Settings

HEADING = re.compile(r"^### `(TRAINYARD_\w+)`$", re.MULTILINE)
NAME = re.compile(r"TRAINYARD_[A-Z_]*[A-Z]")
NAMES = {f"TRAINYARD_{name.upper()}" for name in Settings.model_fields}


def settings_page() -> dict[str, str]:
    """The text under each setting's heading."""
    parts = HEADING.split((ROOT / "docs" / "settings.md").read_text())
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_setting_has_its_heading_and_no_other_is_promised():
    assert settings_page().keys() == NAMES


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_default_in_force_is_the_documented_one(name: str):
    default = Settings.model_fields[name].default
    described = settings_page()[f"TRAINYARD_{name.upper()}"]
    expected = "Default: an" if name.endswith(("database_url", "broker_url")) else f"Default: `{shown(default)}`"
    assert described.strip().startswith("Default: the folder `artifacts`" if name == "artifacts_url" else expected)


def shown(default: object) -> str:
    if default is None:
        return "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", "docs/deployment.md", "run"])
def test_no_file_speaks_of_a_setting_that_does_not_exist(file: str):
    assert set(NAME.findall(Path(ROOT / file).read_text())) <= NAMES
