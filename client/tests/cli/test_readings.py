"""Logs, events, metrics, checkpoints, datasets, keys, workers and versions from the command line."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from models import workers
from trainyard import Client, Unauthorized, __version__
from trainyard.cli.session import ExitCode


@pytest.fixture
def trained(submit, claim):
    job = submit()
    trainer = claim()
    trainer.log("[bold] one\ntwo\n")
    trainer.metric("train/loss", range(1, 101), [1 / step for step in range(1, 101)])
    trainer.metric("train/gradient_norm", [1], [float("nan")])
    trainer.checkpoint(100, {"weights.safetensors": b"w" * 3_000_000, "state.json": b"{}"})
    trainer.succeed()
    return job


def test_logs_are_printed_as_they_were_written(run, trained):
    assert run("logs", trained.id).out == "[bold] one\ntwo\n"
    assert run("logs", trained.id, "-n", "1").out == "two\n"
    assert run("logs", trained.id, "-f", "--json").documents == [{"line": "[bold] one"}, {"line": "two"}]


def test_the_diagnosis_is_printed_with_a_patch_that_fork_takes(run, submit, claim):
    job = submit()
    trainer = claim()
    assert run("diagnosis", job.id).out == "nothing was found\n"
    trainer.find("dead_units", step=5, message="[bold] Dead.", advice="Leak.", patch={"seed": 7})
    out = run("diagnosis", job.id).out
    assert out.splitlines() == [
        "dead_units  warning, step 5",
        "  [bold] Dead.",
        "  Leak.",
        '  fork --advice dead_units changes {"seed": 7}',
    ]
    (finding,) = job.diagnosis()
    assert run("diagnosis", job.id, "--json").documents == [[finding.raw]]
    assert job.fork(finding.suggestion.patch).record.spec["seed"] == 7
    advised = run("fork", job.id, "--advice", "dead_units", "--set", "name=again", "--json").documents[0]
    assert (advised["spec"]["seed"], advised["name"]) == (7, "again")
    refused = run("fork", job.id, "--advice", "overfitting")
    assert refused.code == ExitCode.BAD_INPUT
    assert "dead_units" in refused.err


def test_events_are_printed_a_line_each(run, trained):
    lines = run("events", trained.id).out.splitlines()
    assert "job.queued" in lines[0]
    assert "job.succeeded" in lines[-1]
    assert run("events", trained.id, "--after", "1", "-f", "--json").documents[0]["seq"] == 2


def test_metrics_are_listed_drawn_or_printed_as_csv(run, trained):
    table = run("metrics", trained.id).out
    assert all(word in table for word in ("train/loss", "0.01 @ 100", "train/gradient_norm", "nan"))
    picture = run("metrics", trained.id, "train/loss").out
    assert "last 0.01 at step 100" in picture
    assert any("⠀" < character <= "⣿" for character in picture)
    rows = list(csv.DictReader(io.StringIO(run("metrics", trained.id, "train/loss", "--csv").out)))
    assert len(rows) == 100
    assert (rows[3]["step"], rows[3]["value"], rows[3]["count"]) == ("4", "0.25", "1")
    series = run("metrics", trained.id, "train/loss", "--max-points", "10", "--json").document
    assert sum(series["count"]) == 100


def test_a_metric_that_is_not_there_is_named_with_those_that_are(run, trained):
    ran = run("metrics", trained.id, "train/los")
    assert ran.code == ExitCode.BAD_INPUT
    assert "train/loss" in ran.err


def test_checkpoints_are_listed_and_pulled(run, trained, tmp_path):
    table = run("checkpoints", "list", trained.id).out
    assert all(word in table for word in ("best", "latest", "100", "3.0 MB"))
    ran = run("checkpoints", "pull", trained.id, "best", "--to", tmp_path / "weights")
    assert ran.out.splitlines() == [str(tmp_path / "weights" / name) for name in ("weights.safetensors", "state.json")]
    assert (tmp_path / "weights" / "weights.safetensors").stat().st_size == 3_000_000
    pulled = run("checkpoints", "pull", trained.id, "--to", tmp_path, "--file", "state.json", "--json").document
    assert pulled["paths"] == [str(tmp_path / "state.json")]
    assert run("checkpoints", "list", trained.id, "--json").document[0]["step"] == 100


def test_a_folder_that_cannot_be_written_is_told_in_words(run, trained, tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("checkpoints", "pull", trained.id, "--to", tmp_path / "file")
    assert ran.code == ExitCode.BAD_INPUT
    assert "file: File exists" in ran.err


def test_a_dataset_is_uploaded_shown_listed_and_deleted(run, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age,city\n" + "41,Bern\n17,Genf\n" * 20)
    ran = run("datasets", "upload", path)
    dataset = ran.out.strip()
    assert dataset.startswith("ds_")
    shown = run("datasets", "show", dataset).out
    assert all(word in shown for word in ("people", "ready", "40 rows", "age", "17 … 41", "category"))
    assert dataset in run("datasets", "list", "--limit", "1").out
    assert run("datasets", "show", dataset, "--json").document["profile"]["rows"] == 40
    assert run("datasets", "delete", dataset).code == 0
    assert run("datasets", "show", dataset).code == ExitCode.BAD_INPUT


def test_an_archive_of_texts_is_uploaded_and_shown(run, tmp_path):
    path = tmp_path / "mail.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(4):
            archive.writestr(f"spam/{number}.txt", "buy " * number)
            archive.writestr(f"ham/{number}.txt", f"see you at {number}")
    dataset = run("datasets", "upload", path).out.strip()
    shown = run("datasets", "show", dataset).out
    assert "8 rows" in shown
    assert "texts of 3 words in the middle, 4 at most, 1 empty" in shown
    assert "classes ham 4, spam 4" in shown
    assert "1 text is empty" in shown


def test_a_dataset_that_cannot_be_read_ends_with_bad_input(run, tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text("a,b\n1,2\n1,2,3\n")
    ran = run("datasets", "upload", path)
    assert ran.code == ExitCode.BAD_INPUT
    assert "Traceback" not in ran.err
    assert "ds_" in ran.err


def test_upload_options_are_read_as_json_or_text(run, tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("1;x\n2;y\n" * 10)
    options = ["--option", "header=false", "--option", "delimiter=;", "--option", 'columns=["n", "word"]']
    dataset = run("datasets", "upload", path, "--format", "csv", "--name", "plain", *options, "--json").document
    assert (dataset["name"], [column["name"] for column in dataset["profile"]["columns"]]) == ("plain", ["n", "word"])
    assert run("datasets", "upload", path, "--format", "csv", "--option", "nonsense").code == ExitCode.BAD_INPUT


def test_an_upload_is_taken_up_again(run, client, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age,city\n" + "41,Bern\n17,Genf\n" * 20)
    declared = client.datasets.declare(path)
    assert run("datasets", "upload", path, "--resume", declared.id).out.strip() == declared.id
    assert declared.refresh().status == "ready"


def test_a_key_is_created_used_and_revoked(run, api):
    ran = run("keys", "create", "ci", "--scope", "jobs:read", "--scope", "jobs:write")
    secret = ran.out.strip()
    with Client(api.url, secret) as narrow:
        list(narrow.jobs.list(limit=1))
        assert run("keys", "list", "--key", secret).code == ExitCode.NOT_ALLOWED
        listed = next(key for key in run("keys", "list", "--json").document if key["name"] == "ci")
        assert "ci" in run("keys", "list").out
        assert secret not in run("keys", "list").out
        assert "revoked" in run("keys", "revoke", listed["id"]).out
        with pytest.raises(Unauthorized):
            list(narrow.jobs.list(limit=1))


def test_a_wrong_key_says_how_to_give_the_right_one(run):
    ran = run("jobs", "--key", "ty_no_no")
    assert ran.code == ExitCode.NOT_ALLOWED
    assert "TRAINYARD_API_KEY" in ran.err


def test_workers_are_listed(run, api):
    with api.database.unit_of_work() as connection:
        workers.register(
            connection,
            worker_id="wrk_00000000-0000-7000-8000-000000000000",
            node="node-1",
            name="listed-worker",
            pool="default",
            slots=2,
            devices=[{"type": "cpu", "name": "a processor"}],
            versions={"torch": "2.13.0"},
        )
    table = run("workers").out
    assert all(word in table for word in ("listed-worker", "default", "a processor", "0/2"))
    assert "listed-worker" in [worker["name"] for worker in run("workers", "--json").document]


def test_versions_are_those_of_client_and_service(run, api):
    assert run("version").out.startswith(f"client {__version__}, service ")
    assert run("version", "--json").document["url"] == api.url
    assert run("--version").out == f"trainyard {__version__}\n"


def test_a_service_that_is_not_there_has_its_own_status(run):
    ran = run("jobs", "--url", "http://127.0.0.1:9")
    assert ran.code == ExitCode.NO_SERVICE
    assert "cannot be reached" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert '"service_unreachable"' in run("jobs", "--url", "http://127.0.0.1:9", "--json").err
