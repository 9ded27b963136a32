"""What an object store does when it is away, refuses, lies or is full, and what this machine keeps of it."""

import hashlib
import json
import logging
import threading
from pathlib import Path

import pytest

from models.artifacts import Watch, usable_store
from models.artifacts.failures import Damaged, explained
from models.artifacts.objects import ObjectStore
from models.artifacts.transfers import PIECE_BYTES
from models.errors import NotFound, Unavailable
from models.settings import Settings
from tests.fixtures.object_store import ACCESS_KEY, REFUSAL, SECRET_KEY, Answer, Bucket

CONTENT = b"0123456789"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
KEY = f"datasets/{DIGEST}"
LOCATION = "jobs/job_1/1/20-0123456789abcdef"


@pytest.fixture
def store(bucket: Bucket, tmp_path: Path) -> ObjectStore:
    return bucket.open(tmp_path / "machine")


def put(store: ObjectStore, tmp_path: Path, content: bytes, key: str = KEY) -> None:
    source = tmp_path / "upload"
    source.write_bytes(content)
    store.put(source, key)


def save(store: ObjectStore, tmp_path: Path, **files: bytes) -> str:
    """Store a checkpoint with these files; the digest of its manifest."""
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    manifest = json.dumps({"format": 1, "step": 20, "files": entries}).encode()
    for name, content in {**files, "manifest.json": manifest}.items():
        put(store, tmp_path, content, f"{LOCATION}/{name}")
    return hashlib.sha256(manifest).hexdigest()


class Patient(Watch):
    """Asks again a few times, and remembers why."""

    def __init__(self, times: int = 5) -> None:
        self.troubles: list[Unavailable] = []
        self.num_signs = 0
        self._times = times

    def sign(self) -> None:
        self.num_signs += 1

    def trouble(self, error: Unavailable) -> None:
        self.troubles.append(error)
        if len(self.troubles) > self._times:
            raise error


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (403, REFUSAL, "storage_refused", "403 SignatureDoesNotMatch"),
        (404, "<Error><Code>NoSuchBucket</Code></Error>", "storage_refused", "404 NoSuchBucket"),
        (507, "", "storage_full", "507"),
        (403, "<Error><Code>QuotaExceeded</Code></Error>", "storage_full", "QuotaExceeded"),
        (503, "<Error><Code>SlowDown</Code></Error>", "storage_away", "503"),
        (500, "<Error><Code>InternalError</Code></Error>", "storage_away", "500"),
    ],
)
def test_a_failure_is_told_for_what_it_is_and_without_secrets(
    store: ObjectStore, bucket: Bucket, status: int, body: str, code: str, said: str
) -> None:
    with bucket.front.failing(status, body), pytest.raises(Unavailable, match=said) as caught:
        store.check()
    assert caught.value.code == code
    assert "Retry-After" in caught.value.headers
    chain = [caught.value, caught.value.__cause__]
    told = " ".join(repr(error) for error in chain)
    assert not [secret for secret in (ACCESS_KEY, SECRET_KEY, bucket.name, "127.0.0.1") if secret in told]


def test_a_store_that_nobody_listens_for_is_away(bucket: Bucket, tmp_path: Path) -> None:
    store = bucket.open(tmp_path / "machine")
    bucket.front.close()
    with pytest.raises(Unavailable) as caught:
        store.check()
    assert caught.value.code == "storage_away"
    with pytest.raises(Unavailable):
        list(store.walk("jobs"))


def test_a_store_that_falls_silent_is_away_within_seconds(store: ObjectStore, bucket: Bucket) -> None:
    found: list[Unavailable] = []

    def look() -> None:
        with pytest.raises(Unavailable) as caught:
            store.check()
        found.append(caught.value)

    with bucket.front.silent():
        looking = threading.Thread(target=look)
        looking.start()
        looking.join(60)
    assert [error.code for error in found] == ["storage_away"]


def test_a_bucket_that_is_missing_is_no_missing_file() -> None:
    error = FileNotFoundError("status code: 404 Not Found: <Code>NoSuchBucket</Code>")
    assert isinstance(explained(error, key="datasets/x"), Unavailable)
    missing = FileNotFoundError("status code: 404 Not Found: <Code>NoSuchKey</Code>")
    assert isinstance(explained(missing, key="datasets/x"), NotFound)
    assert isinstance(explained(missing), Unavailable), "what is written cannot be missing"


def test_a_wrong_start_is_one_clear_line(bucket: Bucket, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(data_dir=tmp_path, artifacts_url=bucket.url)
    with bucket.front.failing(403, REFUSAL), pytest.raises(Unavailable) as caught:
        usable_store(settings)
    line = caught.value.detail
    assert line.startswith(f"TRAINYARD_ARTIFACTS_URL: s3://{bucket.name}/yard at http://127.0.0.1:")
    assert line.endswith("refuses what is asked (403 SignatureDoesNotMatch).")
    with bucket.front.failing(503), caplog.at_level(logging.WARNING):
        usable_store(settings)
    told = f"{line} {caplog.text} {settings!r}"
    assert "does not answer" in caplog.text
    assert not [secret for secret in (ACCESS_KEY, SECRET_KEY) if secret in told]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "names a bucket"),
        ("s3://KEY@bucket", "access key and a secret"),
        ("s3://bucket?endpoint=minio:9000", "endpoint is http"),
        ("s3://bucket?endpoint=http://u:TOPSECRET@minio", "without credentials"),
        ("s3://bucket?colour=blue", "endpoint, region, virtual_hosted"),
        ("s3://bucket/../other", "not an artifact key"),
        ("s3://K:TOPSECRET@bucket?virtual_hosted=maybe", "true or false"),
        ("gs://K:TOPSECRET@bucket", "not gs://"),
    ],
)
def test_a_wrong_url_is_told_without_being_repeated(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=said) as caught:
        usable_store(Settings(data_dir=tmp_path, artifacts_url=url))
    assert "TOPSECRET" not in caught.value.detail


def test_a_large_file_goes_over_in_pieces_both_ways(store: ObjectStore, bucket: Bucket, tmp_path: Path) -> None:
    content = bytes(range(256)) * (PIECE_BYTES // 256) * 2 + b"the rest"
    digest = hashlib.sha256(content).hexdigest()
    put(store, tmp_path, content, f"datasets/{digest}")
    assert len([path for method, path in bucket.front.requests if "partNumber=" in path]) == 3
    watch = Patient()
    with store.fetch(f"datasets/{digest}", sha256=digest, watch=watch) as copy:
        assert copy.path.read_bytes() == content
    assert watch.num_signs == 3
    read = b"".join(store.read(f"datasets/{digest}", start=PIECE_BYTES - 3, num_bytes=PIECE_BYTES))
    assert read == content[PIECE_BYTES - 3 :][:PIECE_BYTES]


def test_a_fetch_goes_on_after_failures(bucket: Bucket, store: ObjectStore, tmp_path: Path) -> None:
    put(store, tmp_path, CONTENT)
    left = iter(range(2))
    watch = Patient()
    refuse = lambda method, _: Answer(403, REFUSAL) if method == "GET" and next(left, None) is not None else None  # noqa: E731
    with bucket.front.faulty(refuse), store.fetch(KEY, sha256=DIGEST, watch=watch) as copy:
        assert copy.path.read_bytes() == CONTENT
    assert len(watch.troubles) == 2


def test_what_an_earlier_try_has_left_is_gone_on_from(bucket: Bucket, store: ObjectStore, tmp_path: Path) -> None:
    put(store, tmp_path, CONTENT)
    part = tmp_path / "machine" / "entries" / f"file-{DIGEST}" / f"{DIGEST}.part"
    part.parent.mkdir()
    part.write_bytes(CONTENT[:4])
    asked: list[str] = []

    def note(method: str, path: str) -> None:
        asked.append(method)

    with bucket.front.faulty(note), store.fetch(KEY, sha256=DIGEST) as copy:
        assert copy.path.read_bytes() == CONTENT
    assert asked == ["HEAD", "GET"]
    part.write_bytes(b"garbage")  # beside the whole file nobody looks at it
    with store.fetch(KEY, sha256=DIGEST) as copy:
        assert copy.path.read_bytes() == CONTENT


def test_garbage_of_an_earlier_try_costs_a_second_one(store: ObjectStore, tmp_path: Path) -> None:
    put(store, tmp_path, CONTENT)
    part = tmp_path / "machine" / "entries" / f"file-{DIGEST}" / f"{DIGEST}.part"
    part.parent.mkdir()
    part.write_bytes(b"garb")
    with store.fetch(KEY, sha256=DIGEST) as copy:
        assert copy.path.read_bytes() == CONTENT


def test_content_that_is_not_what_its_digest_says_is_never_given_out(
    bucket: Bucket, store: ObjectStore, tmp_path: Path
) -> None:
    put(store, tmp_path, CONTENT)
    bucket.front.damage = lambda _path, body: body.replace(b"5", b"6")
    with pytest.raises(Damaged):
        store.fetch(KEY, sha256=DIGEST)
    bucket.front.damage = lambda _path, body: body
    with store.fetch(KEY, sha256=DIGEST) as copy:
        assert copy.path.read_bytes() == CONTENT


def test_a_file_that_changes_while_it_is_sent_is_not_stored(store: ObjectStore, tmp_path: Path) -> None:
    for content in (b"small", b"large" * PIECE_BYTES):
        source = tmp_path / "changing"
        source.write_bytes(content)
        with source.open("rb") as file, pytest.raises(ValueError, match="other content"):
            store.send(file, "datasets/changing", sha256=DIGEST)
    assert list(store.walk("datasets")) == []


def test_a_checkpoint_comes_with_the_files_that_are_asked_for(store: ObjectStore, tmp_path: Path) -> None:
    digest = save(store, tmp_path, **{"weights.safetensors": b"w", "state.json": b"{}", "optimizer.safetensors": b"oo"})
    with store.fetch_checkpoint(LOCATION, manifest_sha256=digest, only={"state.json"}) as copy:
        assert copy.path.name == "20"
        assert sorted(path.name for path in copy.path.iterdir()) == ["manifest.json", "state.json"]
    with store.fetch_checkpoint(LOCATION, manifest_sha256=digest) as copy:
        assert (copy.path / "optimizer.safetensors").read_bytes() == b"oo"


def test_a_checkpoint_without_its_manifest_or_a_file_is_none(store: ObjectStore, tmp_path: Path) -> None:
    digest = save(store, tmp_path, **{"weights.safetensors": b"w", "state.json": b"{}"})
    with pytest.raises(Damaged):
        store.fetch_checkpoint(LOCATION, manifest_sha256="0" * 64)
    store.delete(f"{LOCATION}/weights.safetensors")
    with pytest.raises(NotFound):
        store.fetch_checkpoint(LOCATION, manifest_sha256=digest)
    store.delete(LOCATION)
    assert list(store.walk("jobs")) == []


@pytest.mark.parametrize("name", ["../../outside", "a/b", ".hidden", "/etc/passwd"])
def test_a_manifest_leads_nowhere_else(store: ObjectStore, tmp_path: Path, name: str) -> None:
    manifest = json.dumps({"files": {name: {"bytes": 1, "sha256": "0" * 64}}}).encode()
    put(store, tmp_path, manifest, f"{LOCATION}/manifest.json")
    with pytest.raises(Damaged, match="names"):
        store.fetch_checkpoint(LOCATION, manifest_sha256=hashlib.sha256(manifest).hexdigest())


def test_the_manifest_of_a_checkpoint_is_deleted_first(bucket: Bucket, store: ObjectStore, tmp_path: Path) -> None:
    save(store, tmp_path, **{"a.safetensors": b"w", "z.safetensors": b"z"})
    deletions = iter(range(9))

    def second_fails(method: str, path: str) -> Answer | None:
        is_second = method == "POST" and "delete" in path and next(deletions) > 0
        return Answer(403, REFUSAL) if is_second else None

    with bucket.front.faulty(second_fails), pytest.raises(Unavailable):
        store.delete(LOCATION)
    assert sorted(key.rsplit("/")[-1] for key, _ in store.walk("jobs")) == ["a.safetensors", "z.safetensors"]


def test_a_link_is_good_for_one_file_and_a_while(store: ObjectStore, tmp_path: Path) -> None:
    put(store, tmp_path, CONTENT)
    link = store.link(KEY, seconds=60)
    assert link is not None
    assert KEY in link
    assert "X-Amz-Expires=60" in link
    assert SECRET_KEY not in link
