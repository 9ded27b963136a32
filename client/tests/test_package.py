"""What the distribution promises: its names, its types, its independence."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import trainyard

ROOT = Path(trainyard.__file__).parent
PROJECT = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text())["project"]


def test_all_names_exactly_what_is_public_and_in_order():
    public = {
        name
        for name, value in vars(trainyard).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert trainyard.__all__ == sorted(public | {"__version__"})


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "py.typed").is_file()


def test_only_the_declared_dependencies_are_imported():
    declared = {requirement.partition(">")[0] for requirement in PROJECT["dependencies"]}
    imported = {
        name.partition(".")[0]
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }
    assert imported - set(sys.stdlib_module_names) - {"trainyard"} == declared


def test_neither_torch_nor_the_service_is_needed():
    forbidden = ("torch", "fastapi", "sqlalchemy", "pydantic_settings", "api", "models", "worker")
    program = f"import sys, trainyard.cli, trainyard.terminal; sys.exit(any(m in sys.modules for m in {forbidden}))"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT.parent).returncode == 0


def test_importing_the_client_draws_nothing():
    program = "import sys, trainyard; sys.exit('rich' in sys.modules or 'typer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT.parent).returncode == 0


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module or ""]
    return []
