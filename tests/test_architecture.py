"""What the import contracts in pyproject.toml cannot say about this house, read from the syntax trees of its files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("api", "launcher", "models", "worker", "client/src")
TESTS = ("tests", "client/tests")
ELSEWHERE = ("benchmarks", "examples")
GENERATED = "models/migrations/versions"

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
LONGEST_SLEEP_SECONDS = 0.1
PICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
DATABASE_LIBRARIES = {"sqlalchemy", "alembic", "psycopg", "sqlite3"}
CHECKERS = {"expect", "call_and_validate", "run_state_machine_as_test"}  # of Playwright, Schemathesis, Hypothesis
UNFINISHED = ("TO" + "DO", "FIX" + "ME", "XX" + "X")


def files(*folders: str) -> list[Path]:
    """The Python files of these folders, and no generated ones."""
    found = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(GENERATED)]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(*folders: str) -> Iterator[tuple[Path, ast.AST]]:
    for path in files(*folders):
        for node in walked(path):
            yield path, node


@cache
def walked(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def imported(node: ast.AST) -> set[str]:
    """The top-level packages that this statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {(node.module or "").partition(".")[0]}
    return set()


def called(node: ast.AST) -> str:
    """The dotted name that this node calls, or nothing."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def test_no_file_is_longer_than_a_reader_can_hold():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files(*PRODUCT, *TESTS, *ELSEWHERE)}
    assert {str(path.relative_to(ROOT)): n for path, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_screen():
    functions = (
        (path, node)
        for path, node in nodes(*PRODUCT, *TESTS, *ELSEWHERE)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [
        f"{place(path, node)} {node.name}"
        for path, node in functions
        if (node.end_lineno or node.lineno) - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_every_module_says_what_it_is():
    assert [str(path.relative_to(ROOT)) for path in files(*PRODUCT, *TESTS, *ELSEWHERE) if silent(path)] == []


def silent(path: Path) -> bool:
    return bool(tree(path).body) and ast.get_docstring(tree(path)) is None


def test_only_the_unit_of_work_commits():
    commits = [place(path, node) for path, node in nodes(*PRODUCT) if called(node).endswith(".commit")]
    assert [where for where in commits if not where.startswith("models/database.py:")] == []


def test_only_models_knows_the_database():
    strangers = [
        place(path, node)
        for path, node in nodes(*PRODUCT)
        if imported(node) & DATABASE_LIBRARIES and not path.relative_to(ROOT).as_posix().startswith("models/")
    ]
    assert strangers == []


def test_only_one_module_turns_errors_into_http():
    raised = [
        place(path, node)
        for path, node in nodes("api")
        if (isinstance(node, ast.Name) and node.id == "HTTPException")
        or (isinstance(node, ast.alias) and node.name == "HTTPException")
        or (isinstance(node, ast.Attribute) and node.attr == "HTTPException")
    ]
    assert [where for where in raised if not where.startswith("api/errors.py:")] == []


def test_nothing_unpickles_or_evaluates():
    unsafe = [place(path, node) for path, node in nodes(*PRODUCT, *ELSEWHERE) if imported(node) & PICKLING]
    unsafe += [
        place(path, node)
        for path, node in nodes(*PRODUCT, *TESTS, *ELSEWHERE)
        if called(node) in {"eval", "exec", "torch.load", "pickle.load", "pickle.loads"} or unpickles(node)
    ]
    assert unsafe == []


def unpickles(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and any(
        keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False" for keyword in node.keywords
    )


def test_no_test_sleeps_to_win_a_race():
    long = [
        place(path, node)
        for path, node in nodes(*TESTS)
        if isinstance(node, ast.Call) and called(node).rpartition(".")[2] == "sleep" and too_long(node)
    ]
    assert long == []


def too_long(call: ast.Call) -> bool:
    return bool(
        call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, int | float)
        and call.args[0].value > LONGEST_SLEEP_SECONDS
    )


def test_no_test_is_skipped_but_for_lack_of_cuda():
    skipped = [
        place(path, node)
        for path, node in nodes(*TESTS)
        if isinstance(node, ast.Call)
        and called(node)
        in {"pytest.skip", "pytest.xfail", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
        and "cuda" not in ast.unparse(node).lower()
    ]
    assert skipped == []


def test_every_test_can_fail():
    functions = {
        (path, node)
        for path, node in nodes(*TESTS)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    checking: set[str] = set()
    while found := {node.name for _, node in functions if node.name not in checking and claims(node, checking)}:
        checking |= found
    helpless = {
        f"{place(path, node)} {node.name}"
        for path, node in functions
        if node.name.startswith("test_") and not claims(node, checking)
    }
    assert helpless == set()


def claims(function: ast.AST, checking: set[str]) -> bool:
    """Whether this function asserts something, itself or through one of the functions that do."""
    return any(
        isinstance(node, ast.Assert)
        or called(node).startswith(("pytest.raises", "pytest.warns", "pytest.fail"))
        or called(node).rpartition(".")[2] in CHECKERS
        or called(node).rpartition(".")[2] in checking
        for node in ast.walk(function)
    )


def test_no_exception_is_swallowed():
    swallowed = [
        place(path, node)
        for path, node in nodes(*PRODUCT, *TESTS, *ELSEWHERE)
        if isinstance(node, ast.ExceptHandler) and len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
    ]
    assert swallowed == []


def test_nothing_is_left_unfinished():
    left = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files(*PRODUCT, *TESTS, *ELSEWHERE)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if any(word in line for word in UNFINISHED)
    ]
    left += [place(path, node) for path, node in nodes(*PRODUCT) if getattr(node, "id", "") == "NotImplementedError"]
    assert left == []


@pytest.mark.parametrize("module", ["api.main", "worker.app", "launcher.up", "models.jobs"])
def test_torch_stays_out_of_the_processes_that_do_not_train(module):
    program = f"import sys, {module}; print([name for name in ('torch', 'torchmetrics') if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
