"""The table of reasons names every code that the code gives, with the fault that it gives, and no other."""

import ast
from collections.abc import Iterator
from pathlib import Path

from models.reasons import REASONS, table
from models.status import Fault

ROOT = Path(__file__).resolve().parents[2]
MAKERS = {"Reason": "infrastructure", "TrainingError": "user"}  # with the fault that each assumes
FILES = [
    *(path for path in (ROOT / "worker").rglob("*.py") if not path.name.startswith("predict")),
    ROOT / "models" / "endings.py",
]


def given() -> Iterator[tuple[str, str]]:
    """Every (code, fault) that is written in the source."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield from in_call(node, path)
            elif isinstance(node, ast.Dict):
                yield from in_dict(node)


def in_call(node: ast.Call, path: Path) -> Iterator[tuple[str, str]]:
    name = ast.unparse(node.func)
    if name == "super().__init__" and path.name == "errors.py":
        name = "TrainingError"
    named = {word.arg: word.value for word in node.keywords}
    code = node.args[0] if node.args else None
    if name not in MAKERS and "code" in named and path.name == "errors.py":
        code, name = named["code"], "Reason"
    if name in MAKERS and isinstance(code, ast.Constant) and isinstance(code.value, str) and " " not in code.value:
        fault = named.get("fault") or (node.args[3] if len(node.args) > 3 else None)
        yield code.value, str(fault.value) if isinstance(fault, ast.Constant) else MAKERS[name]


def in_dict(node: ast.Dict) -> Iterator[tuple[str, str]]:
    words = {
        key.value: value for key, value in zip(node.keys, node.values, strict=True) if isinstance(key, ast.Constant)
    }
    if {"code", "fault"} <= words.keys() and isinstance(words["code"], ast.Constant):
        yield words["code"].value, Fault[ast.unparse(words["fault"]).rpartition(".")[2]]


def test_every_code_is_explained_with_its_fault() -> None:
    found = set(given())
    assert {code for code, _ in found} - REASONS.keys() == set()
    assert {(code, fault) for code, fault in found if REASONS[code].fault != fault} == set()


def test_no_code_is_explained_that_nobody_gives() -> None:
    source = "".join(path.read_text() for path in FILES)
    assert [code for code in REASONS if f'"{code}"' not in source] == []


def test_the_page_has_the_table() -> None:
    assert "\n".join(table()) in (ROOT / "docs" / "reliability.md").read_text()
