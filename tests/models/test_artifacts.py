"""The artifact store: content goes in whole and comes out by range, and no key leads outside."""

from pathlib import Path

import pytest

from models.artifacts import LocalStore, open_store
from models.errors import NotFound


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


def _adopt(store: LocalStore, tmp_path: Path, content: bytes, key: str) -> Path:
    source = tmp_path / "upload.part"
    source.write_bytes(content)
    store.adopt(source, key)
    return source


def test_adopted_content_is_read_back_by_range(store: LocalStore, tmp_path: Path) -> None:
    source = _adopt(store, tmp_path, b"0123456789", "datasets/abc")
    assert not source.exists()
    assert store.size("datasets/abc") == 10
    assert b"".join(store.read("datasets/abc", start=3, num_bytes=4)) == b"3456"
    assert b"".join(store.read("datasets/abc", start=8, num_bytes=99)) == b"89"


def test_content_that_is_already_there_is_stored_once(store: LocalStore, tmp_path: Path) -> None:
    _adopt(store, tmp_path, b"same", "datasets/abc")
    source = _adopt(store, tmp_path, b"same", "datasets/abc")
    assert not source.exists()
    assert [path.name for path in store.path("datasets/abc").parent.iterdir()] == ["abc"]


def test_a_folder_is_deleted_with_all_that_is_in_it(store: LocalStore, tmp_path: Path) -> None:
    _adopt(store, tmp_path, b"w", "jobs/job_1/1/10/weights.safetensors")
    store.delete("jobs/job_1/1/10")
    with pytest.raises(NotFound):
        store.size("jobs/job_1/1/10/weights.safetensors")
    store.delete("jobs/job_1/1/10")


@pytest.mark.parametrize(
    "key", ["../x", "a/../b", "/etc/passwd", "a//b", "", ".", "a/.hidden", "a\\b", "a/b\0", "a/\u2025", "x" * 129]
)
def test_no_key_leads_outside(store: LocalStore, key: str) -> None:
    with pytest.raises(ValueError, match="not an artifact key"):
        store.path(key)


def test_a_store_that_this_version_does_not_speak_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="s3://"):
        open_store("s3://bucket")
    assert isinstance(open_store(f"file://{tmp_path}"), LocalStore)
