"""Which process imports what: trackers' libraries stay out of everything that serves or trains."""

import subprocess
import sys

import pytest

LIBRARIES = ("wandb", "mlflow", "tensorboard", "tensorflow")


def imported_by(module: str, *names: str) -> list[str]:
    """Which of these packages a fresh process has imported after this module."""
    program = f"import sys, {module}; print(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("module", ["api.main", "worker.app", "worker.template", "worker.trainer"])
def test_no_other_process_imports_a_trackers_library(module):
    assert imported_by(module, *LIBRARIES) == []


def test_a_trackers_child_begins_without_database_training_and_settings():
    assert imported_by("worker.tracking.child", *LIBRARIES, "torch", "sqlalchemy", "celery", "pydantic") == []
