"""The artifact stores, by one contract: content goes in whole and comes out by range, and no key leads outside."""

import hashlib
from pathlib import Path

import pytest

from models.artifacts import ArtifactStore, LocalStore, open_store
from models.errors import NotFound
from tests.fixtures.object_store import Bucket

KEY = "datasets/" + hashlib.sha256(b"0123456789").hexdigest()


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    if request.param == "folder":
        return LocalStore(tmp_path / "artifacts")
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket.open(tmp_path / "machine")


@pytest.fixture
def folder(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


def put(store: ArtifactStore, tmp_path: Path, content: bytes, key: str = KEY) -> Path:
    source = tmp_path / "upload"
    source.write_bytes(content)
    store.put(source, key)
    return source


def test_content_is_read_back_by_range(store: ArtifactStore, tmp_path: Path) -> None:
    source = put(store, tmp_path, b"0123456789")
    assert source.exists()
    assert store.size(KEY) == 10
    assert b"".join(store.read(KEY, start=3, num_bytes=4)) == b"3456"
    assert b"".join(store.read(KEY, start=8, num_bytes=99)) == b"89"
    assert b"".join(store.read(KEY, start=0, num_bytes=10)) == b"0123456789"


def test_content_that_is_already_there_is_stored_once(store: ArtifactStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"0123456789")
    put(store, tmp_path, b"0123456789")
    assert [key for key, _ in store.walk("datasets")] == [KEY]


def test_what_was_stored_does_not_change_with_its_source(store: ArtifactStore, tmp_path: Path) -> None:
    source = put(store, tmp_path, b"0123456789")
    source.unlink()
    source.write_bytes(b"something else")
    assert b"".join(store.read(KEY, start=0, num_bytes=10)) == b"0123456789"


def test_a_file_is_fetched_as_its_digest_says(store: ArtifactStore, tmp_path: Path) -> None:
    put(store, tmp_path, b"0123456789")
    with store.fetch(KEY, sha256=hashlib.sha256(b"0123456789").hexdigest()) as copy:
        assert copy.path.read_bytes() == b"0123456789"


def test_what_is_not_there_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(NotFound):
        store.size("datasets/none")
    with pytest.raises(NotFound):
        list(store.read("datasets/none", start=0, num_bytes=1))
    assert list(store.walk("jobs")) == []
    store.delete("datasets/none")


def test_a_folder_is_deleted_with_all_that_is_in_it_and_nothing_beside_it(store: ArtifactStore, tmp_path: Path) -> None:
    for key in ("jobs/a/1/10/manifest.json", "jobs/a/1/10/weights", "jobs/a/1/100/manifest.json"):
        put(store, tmp_path, b"w", key)
    store.delete("jobs/a/1/10")
    assert [key for key, _ in store.walk("jobs")] == ["jobs/a/1/100/manifest.json"]
    store.delete("jobs/a/1/10")


def test_a_walk_tells_every_file_and_how_old_it_is(store: ArtifactStore, tmp_path: Path) -> None:
    keys = ["jobs/a/1/10/manifest.json", "jobs/a/1/10/weights", "jobs/b/1/5/manifest.json"]
    for key in keys:
        put(store, tmp_path, b"w", key)
    walked = list(store.walk("jobs"))
    assert [entry.key for entry in walked] == keys
    assert all(-5 < entry.age_seconds < 300 for entry in walked)


def test_a_store_that_works_passes_the_check(store: ArtifactStore) -> None:
    store.check()


OUTSIDE = [
    "../x",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "",
    ".",
    "a/.hidden",
    "a\\b",
    "a/b\0",
    "a/\u2025",
    "x" * 129,
    "a/%2e",
]


def test_no_key_leads_outside(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "upload"
    source.write_bytes(b"x")
    uses = (
        store.workspace,
        store.size,
        store.delete,
        lambda key: store.put(source, key),
        lambda key: store.fetch(key, sha256="0" * 64),
        lambda key: list(store.read(key, start=0, num_bytes=1)),
        lambda key: list(store.walk(key)),
    )
    for key in OUTSIDE:
        for use in uses:
            with pytest.raises(ValueError, match="not an artifact key"):
                use(key)


def test_a_folder_of_another_disk_is_copied_from(folder: LocalStore, tmp_path: Path, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr("models.artifacts.local.os.link", refuse)
    put(folder, tmp_path, b"0123456789")
    assert folder.path(KEY).read_bytes() == b"0123456789"
    assert [path.name for path in folder.path(KEY).parent.iterdir()] == [folder.path(KEY).name]


@pytest.mark.parametrize("url", ["gs://bucket", "https://bucket", "s3n://k:s@bucket"])
def test_a_store_that_this_version_does_not_speak_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=url.partition(":")[0]):
        open_store(url)


def test_a_folder_may_be_named_by_a_url(tmp_path: Path) -> None:
    assert isinstance(open_store(f"file://{tmp_path}"), LocalStore)
