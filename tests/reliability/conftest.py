"""One service for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.reliability.rig import Rig, running_rig


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """The service with short deadlines."""
    with running_rig(tmp_path_factory.mktemp("rig")) as running:
        yield running
