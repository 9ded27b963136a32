"""Checkpoints down and datasets up, over a network that is cut, against the real API."""

from __future__ import annotations

import json
import tarfile
import zipfile
from hashlib import sha256

import pytest

from models.formats import FORMATS
from tests.fixtures.sources import serving_content
from trainyard import (
    ConfigurationError,
    Conflict,
    DownloadCorrupt,
    InvalidDataset,
    NotFound,
    Unprocessable,
    WaitTimeout,
)
from trainyard._archives import archive_format
from trainyard._datasets import _FORMATS_BY_SUFFIX

WEIGHTS = bytes(range(256)) * 4096
CSV = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (i % 7, i % 5, b"yes" if i % 7 > 3 else b"no") for i in range(400))


@pytest.fixture
def saved(submit, claim):
    """A job with one checkpoint of two files."""
    job = submit()
    claim().checkpoint(8, {"weights.safetensors": WEIGHTS, "state.json": b"{}"})
    return job


def test_a_checkpoint_is_found_by_kind_step_and_id(saved):
    (listed,) = saved.checkpoints()
    assert (listed.step, set(listed.kinds), listed.metrics) == (8, {"best", "latest"}, {"validation/loss": 0.2})
    assert {saved.checkpoint(ref).id for ref in ("best", "latest", 8, listed.id)} == {listed.id}
    assert repr(listed).startswith(f"<Checkpoint {listed.id} step=8")
    with pytest.raises(NotFound):
        saved.checkpoint("final")


def test_a_download_has_every_file_under_its_name_and_nothing_else(saved, tmp_path):
    told = []
    paths = saved.checkpoint().download(tmp_path / "to", progress=lambda *words: told.append(words))
    assert {path.name: path.read_bytes() for path in paths} == {"weights.safetensors": WEIGHTS, "state.json": b"{}"}
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["state.json", "weights.safetensors"]
    assert ("weights.safetensors", len(WEIGHTS), len(WEIGHTS)) in told


def test_only_the_named_files_are_fetched(saved, tmp_path):
    (path,) = saved.checkpoint().download(tmp_path, names=["state.json"])
    assert path == tmp_path / "state.json"
    with pytest.raises(ConfigurationError, match=r"no file 'weights\.pt'"):
        saved.checkpoint().download(tmp_path, names=["weights.pt"])


def test_a_download_goes_on_where_it_was_cut(saved, tmp_path, wired, cable):
    checkpoint = wired.jobs.get(saved.id).checkpoint()
    cable.cut()
    cable.cut_after(300_000, of="answers")
    cable.cut_after(300_000, of="answers")
    (path,) = checkpoint.download(tmp_path, names=["weights.safetensors"])
    assert path.read_bytes() == WEIGHTS
    assert cable.num_connections == 4


def test_a_download_that_an_earlier_process_began_is_continued(saved, tmp_path, wired, cable):
    checkpoint = wired.jobs.get(saved.id).checkpoint()
    part = tmp_path / f".weights.safetensors.{sha256(WEIGHTS).hexdigest()[:16]}.part"
    part.write_bytes(WEIGHTS[:-10])
    cable.cut()
    cable.cut_after(2_000, of="answers")
    (path,) = checkpoint.download(tmp_path, names=["weights.safetensors"])
    assert path.read_bytes() == WEIGHTS
    assert not part.exists()


def test_a_file_that_is_there_already_is_not_fetched_again(saved, tmp_path, wired, cable):
    checkpoint = wired.jobs.get(saved.id).checkpoint()
    (tmp_path / "state.json").write_bytes(b"{}")
    cable.cut()
    before = cable.num_connections
    checkpoint.download(tmp_path, names=["state.json"])
    assert cable.num_connections == before


def test_a_wrong_file_of_the_same_name_is_replaced(saved, tmp_path):
    (tmp_path / "state.json").write_bytes(b"[]")
    saved.checkpoint().download(tmp_path, names=["state.json"])
    assert (tmp_path / "state.json").read_bytes() == b"{}"


def test_bytes_with_the_wrong_digest_never_get_the_files_name(saved, tmp_path, api):
    (stored,) = (api.settings.data_dir / "artifacts" / "jobs" / saved.id).rglob("state.json")
    stored.write_bytes(b"[]")
    with pytest.raises(DownloadCorrupt, match=r"state\.json"):
        saved.checkpoint().download(tmp_path, names=["state.json"])
    assert list(tmp_path.iterdir()) == []


def test_a_part_with_wrong_bytes_is_thrown_away_and_fetched_again(saved, tmp_path):
    (tmp_path / f".state.json.{sha256(b'{}').hexdigest()[:16]}.part").write_bytes(b"x")
    (path,) = saved.checkpoint().download(tmp_path, names=["state.json"])
    assert path.read_bytes() == b"{}"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "adult.csv"
    path.write_bytes(CSV)
    return path


def test_an_uploaded_table_is_ready_and_profiled(client, table):
    told = []
    dataset = client.datasets.upload(table, progress=lambda *words: told.append(words))
    assert (dataset.status, dataset.name, dataset.record.format) == ("ready", "adult", "csv")
    assert dataset.profile["rows"] == 400
    assert [column["name"] for column in dataset.profile["columns"]] == ["a", "b", "label"]
    assert told[-1] == ("adult.csv", len(CSV), len(CSV))
    assert repr(dataset) == f"<Dataset {dataset.id} ready>"


def test_a_job_is_accepted_on_an_uploaded_table(client, table, pool):
    dataset = client.datasets.upload(table, name="another name")
    assert dataset.name == "another name"
    spec = {"data": {"dataset": dataset.id, "target": "label"}, "resources": {"pool": pool}}
    assert client.jobs.submit(spec).status == "queued"
    with pytest.raises(Unprocessable, match="no_such_column"):
        client.jobs.submit({"data": {"dataset": dataset.id, "target": "no_such_column"}})


def test_options_go_to_the_format(client, tmp_path):
    path = tmp_path / "plain.data"
    path.write_bytes(CSV.partition(b"\n")[2])
    options = {"header": False, "columns": ["x", "y", "z"]}
    dataset = client.datasets.upload(path, format="csv", options=options)
    assert [column["name"] for column in dataset.profile["columns"]] == ["x", "y", "z"]
    with pytest.raises(Unprocessable, match="heather"):
        client.datasets.upload(path, format="csv", options={"heather": False})


def test_an_upload_goes_on_where_it_was_cut(wired, cable, tmp_path):
    path = tmp_path / "long.csv"
    path.write_bytes(CSV + CSV.partition(b"\n")[2] * 2000)
    dataset = wired.datasets.declare(path)
    cable.cut()
    cable.cut_after(2_000_000, of="requests")
    offsets = []
    dataset.send(path, progress=lambda _name, there, _total: offsets.append(there))
    assert dataset.wait(timeout=60).profile["rows"] == 400 * 2001
    assert cable.num_connections == 3
    assert offsets[-1] == path.stat().st_size


def test_an_upload_is_taken_up_again_in_a_new_process(client, table):
    declared = client.datasets.declare(table)
    path = f"/v1/datasets/{declared.id}/content"
    client._transport.send_body(path, [CSV[:1000]], headers={"Upload-Complete": "?0", "Upload-Offset": "0"})
    dataset = client.datasets.get(declared.id)
    assert dataset.record.received_bytes == 1000
    told = []
    dataset.send(table, progress=lambda _name, there, _total: told.append(there))
    assert dataset.wait().status == "ready"
    assert told == [len(CSV)]


def test_another_file_than_the_declared_one_is_refused(client, table):
    declared = client.datasets.declare(table)
    table.write_bytes(CSV + b"1,1,no\n")
    with pytest.raises(ConfigurationError, match="was declared with"):
        declared.send(table)
    table.write_bytes(CSV.replace(b"yes", b"no!"))
    with pytest.raises(Unprocessable, match="SHA-256"):
        declared.send(table)


def test_bytes_that_cannot_be_read_are_raised_with_the_place(client, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_bytes(b"a,b\n1,2\n1,2,3\n")
    with pytest.raises(InvalidDataset) as caught:
        client.datasets.upload(path)
    assert caught.value.code == "invalid_data"
    assert "3" in caught.value.message
    assert client.datasets.get(caught.value.dataset_id).status == "invalid"


def test_waiting_for_a_dataset_that_nobody_sends_gives_up_in_time(client, table):
    with pytest.raises(WaitTimeout, match="awaiting_content"):
        client.datasets.declare(table).wait(timeout=0.3)


def test_a_missing_file_and_an_unknown_ending_are_said_before_anything_is_sent(client, tmp_path):
    with pytest.raises(ConfigurationError, match="no such file"):
        client.datasets.upload(tmp_path / "gone.csv")
    (tmp_path / "data.xyz").write_bytes(b"1")
    with pytest.raises(ConfigurationError, match=r"cannot tell the format of data\.xyz"):
        client.datasets.upload(tmp_path / "data.xyz")


def zipped(path, names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"a text")
    return path


@pytest.mark.parametrize(
    ("names", "guess"),
    [
        (["pets/cats/1.JPG", "pets/README.md"], "images"),
        (["mail/spam/1.txt", "mail/ham/1"], "texts"),
        (["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"], "idx"),
    ],
)
def test_an_archive_is_known_by_the_files_in_it(tmp_path, names, guess):
    assert archive_format(zipped(tmp_path / "data.zip", names)) == guess
    packed = tmp_path / "data.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    assert archive_format(packed) == guess
    assert guess in FORMATS


def test_an_archive_that_says_nothing_is_named(client, tmp_path):
    with pytest.raises(ConfigurationError, match="holds no files"):
        client.datasets.upload(zipped(tmp_path / "empty.zip", []))
    (tmp_path / "torn.tar.gz").write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match="cannot be opened as an archive"):
        client.datasets.upload(tmp_path / "torn.tar.gz")


def test_an_archive_of_texts_is_uploaded_and_profiled(client, tmp_path):
    names = [f"mail/{kind}/{number}.txt" for kind in ("spam", "ham") for number in range(3)]
    dataset = client.datasets.upload(zipped(tmp_path / "mail.zip", names))
    assert (dataset.record.format, dataset.profile["kind"]) == ("texts", "texts")
    assert dataset.profile["classes"] == {"ham": 3, "spam": 3}
    assert dataset.profile["text"]["words"] == {"median": 2, "most": 2, "longest": 2}


def test_every_guessed_format_is_one_that_the_service_reads():
    assert set(_FORMATS_BY_SUFFIX.values()) <= set(FORMATS)


def test_datasets_are_listed_newest_first_and_deleted(client, table):
    older, newer = client.datasets.declare(table), client.datasets.declare(table)
    assert [dataset.id for dataset in client.datasets.list(limit=2)] == [newer.id, older.id]
    newer.delete()
    with pytest.raises(NotFound):
        newer.refresh()


def test_a_dataset_that_a_job_needs_is_kept(client, table, pool):
    dataset = client.datasets.upload(table)
    client.jobs.submit({"data": {"dataset": dataset.id, "target": "label"}, "resources": {"pool": pool}})
    with pytest.raises(Conflict):
        dataset.delete()


def test_a_record_keeps_what_the_service_sent(client, table):
    declared = client.datasets.declare(table).record
    assert json.loads(json.dumps(declared.raw))["bytes"] == len(CSV) == declared.bytes
    assert declared.sha256 == sha256(CSV).hexdigest()


def test_the_service_fetches_a_file_by_itself(client):
    with serving_content(CSV) as source:
        dataset = client.datasets.fetch(source.url(), sha256=sha256(CSV).hexdigest()).wait(timeout=60)
        with pytest.raises(InvalidDataset, match="SHA-256"):
            client.datasets.fetch(source.url(), name="other", sha256="0" * 64).wait(timeout=60)
    assert (dataset.name, dataset.record.format, dataset.profile["rows"]) == ("people", "csv", 400)


def test_a_url_that_the_service_does_not_fetch_from_is_refused(client):
    with pytest.raises(Unprocessable, match="not a public address"):
        client.datasets.fetch("https://10.0.0.1/people.csv")
    with pytest.raises(ConfigurationError, match="format"):
        client.datasets.fetch("https://example.com/people")
