"""The profiling command: a profile or a reason, within limits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.profile import Profile


def profiled(path: Path, format_name: str, options: str = "{}", *, memory_bytes: int = 0) -> tuple[int, dict]:
    command = [sys.executable, "-m", "models.formats.profiling", str(path), format_name, options]
    if memory_bytes:
        limited = f"profiling.limit_resources(memory_bytes={memory_bytes}); exit(profiling.main())"
        command[1:3] = ["-c", f"from models.formats import profiling; {limited}"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return answer.returncode, json.loads(answer.stdout)


def test_the_command_prints_a_profile(tmp_path: Path):
    path = tmp_path / "table"
    path.write_text("1;x\n2;y\n")

    status, document = profiled(path, "csv", '{"header": false, "columns": ["a", "b"], "delimiter": ";"}')

    assert status == 0
    assert [column.name for column in Profile.model_validate(document).columns] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        ("a,b\n1\n", "{}", {"code": "invalid_data", "message": "it has 1 cells instead of 2", "place": "row 2"}),
        (
            "a\n1\n",
            '{"sep": ";"}',
            {
                "code": "invalid_options",
                "message": "#/options/sep: Extra inputs are not permitted",
                "place": None,
            },
        ),
    ],
)
def test_the_command_prints_what_is_wrong(tmp_path: Path, content, options, error):
    path = tmp_path / "table"
    path.write_text(content)

    assert profiled(path, "csv", options) == (1, {"error": error})


def test_data_that_does_not_fit_into_the_memory_is_an_answer_not_a_crash(tmp_path: Path):
    path = tmp_path / "table"
    path.write_text("a,b\n" + "1,x\n" * 8_000_000)

    status, document = profiled(path, "csv", memory_bytes=700 << 20)

    assert status == 1
    assert "memory" in document["error"]["message"]
