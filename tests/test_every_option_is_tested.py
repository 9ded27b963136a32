"""No option of the spec goes without a test: each is set in at least one of them, and each type is chosen."""

import re
from pathlib import Path

from models.spec import JobSpec
from models.spec.layout import sections, type_name

TESTS = Path(__file__).parent
#: Options that act on the job rather than on its training; their tests stand with the rooms that act.
ELSEWHERE = ("api", "models", "worker", "acceptance")


def _options() -> set[tuple[str, str]]:
    """(section, field) of every option, sections by the name of their class."""
    found: set[tuple[str, str]] = set()
    waiting, seen = [JobSpec], set()
    while waiting:
        section = waiting.pop()
        if section in seen:
            continue
        seen.add(section)
        for name, field in section.model_fields.items():
            if name != "type":
                found.add((section.__name__, name))
            waiting.extend(sections(field.annotation))
    return found


def _types() -> set[str]:
    waiting, seen, names = [JobSpec], set(), set()
    while waiting:
        section = waiting.pop()
        if section in seen:
            continue
        seen.add(section)
        if name := type_name(section):
            names.add(name)
        for field in section.model_fields.values():
            waiting.extend(sections(field.annotation))
    return names


def _words() -> set[str]:
    """Every quoted word and every keyword argument in the tests."""
    paths = [path for room in ELSEWHERE for path in (TESTS / room).rglob("*.py")]
    text = "\n".join(path.read_text() for path in paths)
    return set(re.findall(r"[\"'](\w+)[\"']", text)) | set(re.findall(r"\b(\w+)=", text))


def test_every_option_is_set_in_a_test():
    words = _words()
    assert sorted(f"{section}.{name}" for section, name in _options() if name not in words) == []


def test_every_type_is_chosen_in_a_test():
    assert sorted(_types() - _words()) == []
