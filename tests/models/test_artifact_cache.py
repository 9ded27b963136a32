"""What a machine keeps of an object store: bounded, shared by its processes, and never pulled from under a job."""

import os
import threading
from pathlib import Path

import pytest

from models.artifacts import Watch
from models.artifacts.cache import Cache


class Counting(Watch):
    """Counts signs."""

    num_signs = 0

    def sign(self) -> None:
        self.num_signs += 1


def test_the_cache_forgets_what_was_unused_for_longest_and_never_what_is_held(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=25)
    held = {name: cache.hold(name) for name in ("a", "b", "c")}
    for number, (name, entry) in enumerate(held.items()):
        (entry.folder / "file").write_bytes(b"0123456789")
        path = tmp_path / "cache" / name / ".use"
        os.utime(path, (1000 + number, 1000 + number))
    held["b"].release()
    held["c"].release()
    cache.make_room(0)
    assert [held[name].folder.exists() for name in "abc"] == [True, False, True]
    Cache(tmp_path / "cache", max_bytes=25).make_room(20)
    assert [held[name].folder.exists() for name in "abc"] == [True, False, False]
    held["a"].release()
    cache.make_room(25)
    assert not held["a"].folder.exists()
    again = cache.hold("a")
    assert again.folder.exists()
    again.release()


def test_only_one_fills_an_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=25)
    first, second = cache.hold("a"), cache.hold("a")
    watch = Counting()
    entered = threading.Event()

    def fill() -> None:
        with second.filling(watch):
            entered.set()

    with first.filling(Watch()):
        filling = threading.Thread(target=fill)
        filling.start()
        assert not entered.wait(0.3)
    filling.join(60)
    assert entered.is_set()
    assert watch.num_signs > 0
    first.release()
    second.release()


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".use", "a\0"])
def test_no_entry_lies_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        Cache(tmp_path / "cache", max_bytes=1).hold(name)
