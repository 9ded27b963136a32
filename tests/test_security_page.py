"""docs/security.md names a test for every threat, and every test that it names is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROWS = [
    line.split("|")[1:-1]
    for line in (ROOT / "docs" / "security.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| threat ")
]
NAMED = re.compile(r"`(tests/[^`]+\.py)::(test_[a-z0-9_]+)`")


def test_every_threat_has_a_defence_and_a_test():
    assert len(ROWS) >= 25
    assert [row[0] for row in ROWS if len(row) != 3 or not row[1].strip() or not NAMED.search(row[2])] == []


def test_every_test_that_is_named_is_there():
    missing = [f"{file}::{name}" for row in ROWS for file, name in NAMED.findall(row[2]) if name not in _tests(file)]
    assert missing == []


def test_every_test_of_a_threat_file_stands_for_a_named_threat():
    named = {file for row in ROWS for file, _ in NAMED.findall(row[2])}
    files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/api/threats").glob("test_*.py")}
    assert files - named == set()


def _tests(file: str) -> set[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
