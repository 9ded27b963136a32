"""What an attacker would look for in the source: code from data, patterns that take for ever, comparisons that tell."""

import ast
import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import api
import models
from tests.test_architecture import ELSEWHERE, PRODUCT, called, imported, nodes, place

UNSAFE = {
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "torch.load", "torch.jit.load", "torch.hub.load", "numpy.load",
    "pickle.load", "pickle.loads", "marshal.loads", "eval", "exec", "compile", "__import__", "os.system", "os.popen",
    "tarfile.extractall", "shutil.unpack_archive",
}  # fmt: skip
SECRET_WORDS = ("secret", "signature", "digest", "sha256", "mac", "checksum", "token")


def test_no_data_becomes_code():
    calls = [(path, node, called(node)) for path, node in nodes(*PRODUCT, *ELSEWHERE) if isinstance(node, ast.Call)]
    found = [
        f"{place(path, node)} {name}"
        for path, node, name in calls
        if name in UNSAFE or name.endswith((".extractall", ".unpack_archive")) or _through_a_shell(node)
    ]
    assert found == []


def _through_a_shell(call: ast.Call) -> bool:
    return any(keyword.arg == "shell" and ast.unparse(keyword.value) != "False" for keyword in call.keywords)


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith(("__main__", ".env")) and ".versions" not in found.name:
            yield importlib.import_module(found.name)


def _patterns() -> dict[str, re.Pattern[Any]]:
    return {
        f"{module.__name__}.{name}": value
        for module in itertools.chain(_modules(api), _modules(models))
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }


def _has_nested_repeats(tree: Any, *, within: bool = False) -> bool:
    """Whether something that may repeat without end holds something that may too, of differing lengths."""
    for operation, argument in tree:
        if operation in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            _, most, inner = argument
            is_endless = most is codes.MAXREPEAT
            if (is_endless and within) or _has_nested_repeats(inner, within=within or is_endless):
                return True
        elif operation is codes.SUBPATTERN:
            if _has_nested_repeats(argument[-1], within=within):
                return True
        elif operation is codes.BRANCH and any(_has_nested_repeats(one, within=within) for one in argument[1]):
            return True
    return False


def test_redos_the_check_itself_finds_a_bad_pattern():
    assert _has_nested_repeats(parser.parse(r"(a+)+$"))
    assert _has_nested_repeats(parser.parse(r"(?:x|a*b?)*c"))
    assert not _has_nested_repeats(parser.parse(r"[a-z]+\s*=\s*[0-9]+"))


def test_redos_no_pattern_repeats_what_repeats():
    patterns = _patterns()
    assert len(patterns) > 15
    nested = {name for name, pattern in patterns.items() if _has_nested_repeats(parser.parse(pattern.pattern))}
    assert nested == set()


@pytest.mark.parametrize("unit", ["a", " ", "0", '"', ",", "a,", " =", "wait ", 'W/"', "\\", "é", "-", ".", "/", "\n"])
def test_redos_long_texts_are_matched_or_not_at_once(unit: str):
    started = time.monotonic()
    for pattern in _patterns().values():
        text: Any = unit * (2000 // len(unit)) + "\x00"
        if isinstance(pattern.pattern, bytes):
            text = text.encode()
        pattern.search(text)
        pattern.fullmatch(text)
    assert time.monotonic() - started < 60  # a pattern that backtracks takes longer than the world will last


def test_timing_secrets_are_compared_in_constant_time():
    told = [
        f"{place(path, node)} {ast.unparse(node)}"
        for path, node in nodes("api", "models")
        if path.name in {"keys.py", "key_text.py", "pages.py", "authentication.py", "webhook_messages.py"}
        and isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(word in ast.unparse(node).lower() for word in SECRET_WORDS)
        and ".c." not in ast.unparse(node)  # a condition of a query: by the hash, in the database
    ]
    assert told == []
    comparing = [place(path, node) for path, node in nodes("api", "models") if called(node) == "hmac.compare_digest"]
    assert len(comparing) >= 3


def test_no_dependency_parses_forms_or_templates():
    """Neither is needed, and both have been a way in (python-multipart's CVEs; templates that evaluate)."""
    found = set().union(*(imported(node) for _, node in nodes(*PRODUCT)))
    assert not found & {"multipart", "python_multipart", "jinja2", "mako", "yaml"}
