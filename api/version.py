"""Which service this is."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

NAME: Final = "trainyard"
API_VERSION: Final = "v1"
_PROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"


@lru_cache(maxsize=1)
def service_version() -> str:
    """The version of this source tree, or of the installed service where there is no tree."""
    try:
        return str(tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]["version"])
    except FileNotFoundError:
        return _installed_version()


def _installed_version() -> str:
    try:
        return version("trainyard-service")
    except PackageNotFoundError:
        return "0+unknown"
