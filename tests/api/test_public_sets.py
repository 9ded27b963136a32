"""Well-known datasets by name: where imports are allowed, fetched file by file, and nothing but those very files."""

import tarfile
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.main import create_app
from models.database import Database
from models.samples import public
from models.settings import Settings
from tests.api.conftest import _connecting
from tests.api.steps import pointers, problem
from tests.api.uploading import profiled
from tests.fixtures.public_sets import digits, photographs, published
from tests.fixtures.sources import Source, serving_content
from tests.fixtures.waiting import wait_for


@pytest.fixture
def source() -> Iterator[Source]:
    with serving_content(b"") as running:
        yield running


@pytest.fixture
def api(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr("api.imports._EVERY_SECONDS", 0.02)
    monkeypatch.setattr("api.imports._PAUSES_SECONDS", (0.01, 0.01, 0.01))
    with _connecting(create_app(settings.model_copy(update={"dataset_urls": "127.0.0.0/8"})), database) as new:
        yield new("admin")


def _known(monkeypatch: pytest.MonkeyPatch, *sets: public.PublicSet) -> None:
    monkeypatch.setattr(public, "PUBLIC", MappingProxyType({each.name: each for each in sets}))


def _fetched(api: TestClient, name: str, format: str) -> dict[str, Any]:  # noqa: A002
    declared = api.post("/v1/datasets", json={"name": name, "format": format, "url": f"public:{name}"})
    assert declared.status_code == 201, declared.text

    def over() -> dict[str, Any] | None:
        dataset: dict[str, Any] = api.get(declared.headers["location"]).json()
        return dataset if dataset["status"] != "awaiting_content" else None

    found = wait_for(over, "the content", timeout_seconds=60)
    assert found is not None
    return found


def test_files_become_a_tar_that_their_format_reads(
    api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch, settings: Settings
):
    files = digits()
    _known(monkeypatch, published("mnist", "idx", files, source=source))

    dataset = profiled(api, f"/v1/datasets/{_fetched(api, 'mnist', 'idx')['id']}")

    assert dataset["status"] == "ready"
    assert dataset["source"] == {"url": "public:mnist"}
    assert dataset["profile"]["split"] == {"train": 12, "test": 6}
    stored = settings.data_dir / "artifacts" / "datasets" / dataset["sha256"]
    with tarfile.open(stored) as archive:
        assert {name: archive.extractfile(name).read() for name in archive.getnames()} == files
    assert dataset["bytes"] == stored.stat().st_size


def test_a_file_alone_is_the_content(api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch):
    _known(monkeypatch, published("cifar10", "cifar", photographs(), source=source))

    dataset = profiled(api, f"/v1/datasets/{_fetched(api, 'cifar10', 'cifar')['id']}")

    assert dataset["profile"]["classes"] == {"airplane": 3, "automobile": 3}
    assert dataset["profile"]["split"] == {"train": 4, "test": 2}


def test_a_file_that_is_another_one_is_refused(api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch):
    files = digits()
    _known(monkeypatch, published("mnist", "idx", files, source=source))
    name = "t10k-labels-idx1-ubyte.gz"
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])

    dataset = _fetched(api, "mnist", "idx")

    assert (dataset["status"], dataset["reason"]["code"]) == ("invalid", "import_failed")
    assert dataset["reason"]["message"].startswith(f"{name} has the MD5 ")


def test_a_file_that_is_longer_is_refused_before_its_end(
    api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch
):
    files = digits()
    _known(monkeypatch, published("mnist", "idx", files, source=source))
    files["train-labels-idx1-ubyte.gz"] += b"more"

    assert "train-labels-idx1-ubyte.gz has " in _fetched(api, "mnist", "idx")["reason"]["message"]


def test_a_fetch_that_is_cut_begins_anew(api: TestClient, source: Source, monkeypatch: pytest.MonkeyPatch):
    _known(monkeypatch, published("mnist", "idx", digits(), source=source))
    whole, asked = source.behave, []

    def cutting(running: Source, to: Any) -> None:
        asked.append(to.path)
        if len(asked) == 3:  # the line goes dead at the third of four files
            to.close_connection = True
            return
        whole(running, to)

    source.behave = cutting

    assert _fetched(api, "mnist", "idx")["status"] != "invalid"
    assert [path.rpartition("/")[2] for path in asked] == [*list(digits())[:3], *digits()]


def test_a_name_that_is_not_known_or_another_format_is_refused(api: TestClient):
    for body, pointer in (
        ({"url": "public:imagenet", "format": "images"}, "#/url"),
        ({"url": "public:mnist", "format": "csv"}, "#/format"),
    ):
        answer = problem(api.post("/v1/datasets", json={"name": "x", **body}), 422, "invalid_body")
        assert pointers(answer) == [pointer]


def test_nothing_is_fetched_by_name_unless_imports_are_allowed(client: TestClient):
    body = {"name": "mnist", "format": "idx", "url": "public:mnist"}

    answer = problem(client.post("/v1/datasets", json=body), 422, "invalid_body")

    assert "TRAINYARD_DATASET_URLS" in answer["detail"]


def test_a_job_that_names_one_is_told_how_to_have_it(client: TestClient):
    answer = problem(client.post("/v1/jobs", json={"data": {"dataset": "mnist"}}), 422, "invalid_spec")

    assert "public:mnist" in answer["detail"]


def test_every_address_is_encrypted_and_every_checksum_is_one():
    for each in public.PUBLIC.values():
        assert all(file.url.startswith("https://") and len(bytes.fromhex(file.md5)) == 16 for file in each.files)
        assert public.named(f"public:{each.name}") is each
